import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { callOnce } from '../../src/adapters/http/bounded-call.ts';
import { sha256, type Token } from '../../src/core/token.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { codeBlocks, kindOfYaml } from '../support/code-blocks.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { buildToken } from '../support/tokens.ts';
import { installEnvoy } from './install/envoy.ts';
import { BUILDING, installEnvoyGateway } from './install/envoy-gateway.ts';
import { type EnvoyGateway, type Resource, startEnvoyGateway } from './parts/envoy-gateway.ts';
import { realParts, type Stoppable, stopAll } from './real-parts.ts';

const blocks = codeBlocks(join(import.meta.dirname, '../..')).filter(
  ({ document }) => document === 'docs/use/api-gateways.md',
);
const configuration = blocks.find((block) => kindOfYaml(block) === 'configuration')?.text ?? '';
const manifests = blocks
  .filter(({ text }) => text.includes('kind: HTTPRouteFilter'))
  .flatMap(({ text }) => parseAllDocuments(text).map((document) => document.toJS() as Resource));
const [specification] = parseConfiguration(configuration, 'config.yaml').tokens;

/** The start takes some seconds, and a change of a file less than one. Both are bounded for a busy machine. */
const START_WITHIN = 120_000;
const CHANGE_WITHIN = 30_000;

/** What the service behind the gateway got. Of the credential only a hash is kept. */
interface Seen {
  readonly path: string | undefined;
  readonly host: string | undefined;
  readonly credential: string;
  readonly headers: IncomingHttpHeaders;
}

/** The Secret as token-acquirer fills it; as the chart makes it, before the first token. */
function secretWith(token: Token | undefined): Resource {
  if (specification === undefined) throw new Error('The page has no configuration.');
  const { identity, key } = specification;
  const data = token === undefined ? [] : Object.entries(toVolumeData(key, token, specification));
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: identity.secret, namespace: identity.namespace },
    type: 'Opaque',
    data: Object.fromEntries(data.map(([name, text]) => [name, Buffer.from(text).toString('base64')])),
  };
}

/** The manifests of the page, with a service on loopback in place of the one on the internet. */
function manifestsFor(port: number): Resource[] {
  const spec = { endpoints: [{ ip: { address: '127.0.0.1', port } }] };
  return manifests.map((resource) => (resource.kind === 'Backend' ? { ...resource, spec } : resource));
}

interface Parts extends Stoppable {
  readonly gateway: EnvoyGateway;
  readonly seen: Seen[];
}

async function start(): Promise<Parts> {
  const programs = { envoy: await installEnvoy(), envoyGateway: await installEnvoyGateway() };
  const seen: Seen[] = [];
  const service = await startHttpServer(({ url: path, headers }, response) => {
    seen.push({ path, host: headers.host, credential: sha256(headers.authorization ?? ''), headers });
    response.end();
  });
  const resources = [secretWith(undefined), ...manifestsFor(Number(new URL(service.url).port))];
  const gateway = await startEnvoyGateway(programs, { name: 'egress', namespace: 'billing' }, resources);
  return { gateway, seen, stop: () => stopAll([service, gateway]) };
}

const credentialOf = (token: Token): string => sha256(`Bearer ${token.accessToken.reveal()}`);

describe('Envoy Gateway, on the manifests of the page', () => {
  const [first, second] = [buildToken(), buildToken()];
  const parts = realParts(start, BUILDING);

  /** Resolves when a call is answered with the status, and with what the service then got. */
  async function called(
    status: number,
    within: number,
    until = (_: Seen | undefined) => true,
  ): Promise<Seen | undefined> {
    const { gateway, seen } = parts();
    const look = async (): Promise<{ seen: Seen | undefined } | undefined> => {
      seen.length = 0;
      const headers = { authorization: 'Bearer evil', 'x-trace': '7' };
      // A connection that is kept stays with the filters that Envoy had when it was opened.
      const answer = await callOnce({
        method: 'GET',
        url: new URL('/dynamics/incidents?open=1', gateway.url),
        headers,
      });
      return answer.kind === 'answered' && answer.status === status && until(seen[0]) ? { seen: seen[0] } : undefined;
    };
    return (await gateway.part.until(`a call with status ${status}`, look, within)).seen;
  }

  it('answers 500 before the first token, and sends nothing', { timeout: START_WITHIN }, async () => {
    expect(await called(500, START_WITHIN)).toBeUndefined();
  });

  it('adds the token of the Secret in place of the header of the caller', { timeout: CHANGE_WITHIN }, async () => {
    parts().gateway.apply(secretWith(first));
    const seen = await called(200, CHANGE_WITHIN);
    expect(seen?.credential).toBe(credentialOf(first));
    expect([seen?.path, seen?.host, seen?.headers['x-trace']]).toEqual([
      '/incidents?open=1',
      'org.crm.example.com',
      '7',
    ]);
  });

  it('uses the next token without a restart', { timeout: CHANGE_WITHIN }, async () => {
    parts().gateway.apply(secretWith(second));
    const seen = await called(200, CHANGE_WITHIN, (one) => one?.credential !== credentialOf(first));
    expect(seen?.credential).toBe(credentialOf(second));
  });
});
