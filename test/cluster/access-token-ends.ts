import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FINALIZER } from '../../src/core/access-token-end.ts';
import type { ChainPlace } from '../charts/chain-place.ts';
import type { ReleaseCommands } from '../charts/release.ts';
import { CommandFailed } from '../real/install/run.ts';
import { registerSecret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import type { TestCluster } from './cluster.ts';

export interface EndsAt {
  readonly cluster: TestCluster;
  readonly place: ChainPlace;
  /** A namespace that only these tests use. */
  readonly ending: string;
  readonly release: ReleaseCommands;
}

const MINUTE = 60_000;
const PROXY = 'slow-proxy';
/** Passes on what it gets 1.5 s later, so that a token request takes seconds. */
const SLOW = `
const up = (request, socket) => {
  const [host, port] = request.url.split(':');
  const server = require('node:net').connect(port, host, () => socket.write('HTTP/1.1 200 OK\\r\\n\\r\\n'));
  socket.on('data', (data) => setTimeout(() => server.destroyed || server.write(data), 1500));
  server.pipe(socket);
  for (const one of [socket, server]) one.on('error', () => {}).on('close', () => (socket.destroy(), server.destroy()));
};
require('node:http').createServer().on('connect', up).listen(8080);
process.on('SIGTERM', () => process.exit());`;
/** Prints whether the token of the standard input is active. */
const INTROSPECT = `
const [{ clientId, clientSecret }] = JSON.parse(require('node:fs').readFileSync('/etc/example/secrets/clients.json', 'utf8'));
const token = require('node:fs').readFileSync(0, 'utf8');
const options = { method: 'POST', auth: clientId + ':' + clientSecret, rejectUnauthorized: false };
options.headers = { 'content-type': 'application/x-www-form-urlencoded' };
const show = (response) => response.on('data', (data) => console.log(JSON.parse(data).active));
require('node:https').request('https://localhost:8443/token/introspection', options, show).end('token=' + token);`;

/** The servers and services of these tests, to be merged into the values of the release. */
export function servicesOfEnds({ services, client }: ChainPlace, ending: string) {
  const issuer = `https://authorization-server.${services}.svc`;
  const service = { credential: 'dynamics', grant: 'client_credentials', allowRevokeOnDelete: true };
  return {
    authorizationServers: {
      slow: { issuer, proxy: `http://${PROXY}.${services}.svc:8080` },
      // Nothing listens there.
      lost: { issuer, revocationEndpoint: `https://authorization-server.${services}.svc:9/revoke` },
    },
    services: {
      dynamics: { ...service, authorizationServer: 'corporate', namespaces: [client, ending] },
      slow: { ...service, authorizationServer: 'slow', namespaces: [client] },
      lost: { ...service, authorizationServer: 'lost', namespaces: [client] },
    },
  };
}

/** What happens to AccessTokens that are changed and deleted at a bad moment. */
export function describeEnds(at: () => EndsAt): void {
  const kubectl = (...args: string[]): Promise<string> => at().cluster.kubectl(args);
  const inClient = (...args: string[]): Promise<string> => kubectl(`--namespace=${at().place.client}`, ...args);

  async function applied(name: string, spec: object = {}, namespace = at().place.client): Promise<void> {
    const resource = {
      apiVersion: 'token-acquirer.dev/v1alpha1',
      kind: 'AccessToken',
      metadata: { name, namespace },
      spec: { service: 'dynamics', revokeOnDelete: true, ...spec },
    };
    await at().cluster.kubectl(['apply', '--filename=-'], JSON.stringify(resource));
  }

  /** Resolves with the stored token, when the AccessToken has this condition. */
  async function ready(name: string, namespace = at().place.client, condition = 'Ready'): Promise<string> {
    await kubectl('wait', `--namespace=${namespace}`, `--for=condition=${condition}`, `at/${name}`, '--timeout=60s');
    const path = `--output=jsonpath={.data.${name}}`;
    const data = await kubectl(`--namespace=${namespace}`, 'get', 'secret', name, path);
    return registerSecret(Buffer.from(data, 'base64').toString('utf8'));
  }

  async function isActive(token: string): Promise<boolean> {
    const pod = ['exec', '--stdin', `--namespace=${at().place.services}`, 'deployment/authorization-server', '--'];
    const output = await at().cluster.kubectl([...pod, '/usr/local/bin/node', '-e', INTROSPECT], token);
    return output.trim() === 'true';
  }

  const finalizers = (name: string): Promise<string> =>
    inClient('get', 'at', name, '--output=jsonpath={.metadata.finalizers}');
  const isGone = async (what: string): Promise<boolean> => (await inClient('get', what, '--ignore-not-found')) === '';
  const removed = (name: string): Promise<string> => inClient('delete', 'at', name, '--timeout=90s');

  /** Lines of the log of token-acquirer about one token. */
  async function logged(part: string): Promise<readonly string[]> {
    const [pod] = await at().release.pods();
    const log = await at().release.kubectl('logs', pod?.metadata?.name ?? '');
    return log.split('\n').filter((line) => line.includes(part));
  }

  const troubles = async (part: string): Promise<readonly string[]> =>
    (await logged(part)).filter((line) => /"level":"(?:error|warn)"/.test(line));

  describe('at their end', () => {
    beforeAll(async () => {
      const { place, cluster } = at();
      const where = ['get', 'deployment/authorization-server', `--namespace=${place.services}`];
      const image = await cluster.kubectl([...where, '--output=jsonpath={..image}']);
      const metadata = { name: PROXY, namespace: place.services, labels: { app: PROXY } };
      const container = { name: PROXY, image, command: ['/usr/local/bin/node', '-e', SLOW] };
      const items = [
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata,
          spec: { containers: [container], terminationGracePeriodSeconds: 1 },
        },
        { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app: PROXY }, ports: [{ port: 8080 }] } },
      ];
      await cluster.kubectl(['apply', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
      const pod = [`pod/${PROXY}`, `--namespace=${place.services}`, '--timeout=90s'];
      await cluster.kubectl(['wait', '--for=condition=Ready', ...pod]);
    }, 2 * MINUTE);

    // Without token-acquirer, those with a finalizer would keep their namespace and their definition.
    afterAll(() => inClient('delete', 'at', '--all', '--timeout=90s'), 2 * MINUTE);

    it(
      'have their token revoked with revokeOnDelete',
      async () => {
        await applied('revoked');
        const token = await ready('revoked');
        expect(await finalizers('revoked')).toBe(`["${FINALIZER}"]`);
        expect(await isActive(token)).toBe(true);
        await removed('revoked');
        expect(await isActive(token)).toBe(false);
        await until('The end of the Secret', () => isGone('secret/revoked'), MINUTE);
        expect(await troubles('/revoked')).toEqual([]);
      },
      2 * MINUTE,
    );

    it.each([
      ['kept', 'without it', { revokeOnDelete: false }],
      ['changed', 'where it was taken back', {}],
    ])(
      'leave their token valid, and have no finalizer: %s, %s',
      async (name, _, spec) => {
        await applied(name, spec);
        const token = await ready(name);
        await applied(name, { revokeOnDelete: false });
        await until('No finalizer', async () => (await finalizers(name)) === '', MINUTE);
        await removed(name);
        expect(await isActive(token)).toBe(true);
      },
      2 * MINUTE,
    );

    it(
      'wait for 10 s where the token cannot be revoked, and an event says so',
      async () => {
        await applied('unrevoked', { service: 'lost' });
        const token = await ready('unrevoked');
        await removed('unrevoked');
        expect(await isActive(token)).toBe(true);
        const event = (): Promise<string> =>
          inClient(
            'get',
            'events',
            '--field-selector=reason=RevocationFailed,involvedObject.name=unrevoked',
            '--output=jsonpath={.items[*].message}',
          );
        await until('The event', async () => (await event()) !== '', MINUTE);
        expect(await event()).toMatch(/ was not revoked, so it stays valid until 20\S+Z\. The time for it is over\. /);
      },
      3 * MINUTE,
    );

    it(
      'have their token revoked although their Secret was deleted with them',
      async () => {
        await applied('emptied');
        const token = await ready('emptied');
        await inClient('delete', 'at/emptied', 'secret/emptied', '--timeout=90s');
        expect(await isActive(token)).toBe(false);
      },
      2 * MINUTE,
    );

    it(
      'have their token revoked although their last change was rejected',
      async () => {
        await applied('rejected');
        const token = await ready('rejected');
        await applied('rejected', { scope: 'everything' });
        await inClient('wait', '--for=condition=Stalled', 'at/rejected', '--timeout=60s');
        await removed('rejected');
        expect(await isActive(token)).toBe(false);
      },
      2 * MINUTE,
    );

    it(
      'that were edited while their token was requested have one of the last version',
      async () => {
        await applied('edited', { service: 'slow', renewal: { at: '50%' } });
        await until('The Secret', async () => !(await isGone('secret/edited')), MINUTE);
        await applied('edited', { service: 'slow', renewal: { at: '20%' }, serviceAccounts: ['billing-app'] });
        const token = await ready('edited');
        expect(await isActive(token)).toBe(true);
        const path = '--output=jsonpath={.status.observedGeneration} {.status.expiresAt} {.status.renewsAt}';
        const status = async (): Promise<string[]> => (await inClient('get', 'at', 'edited', path)).split(' ');
        await until('The last version', async () => (await status())[0] === '2', MINUTE);
        const [, expiresAt = '', renewsAt = ''] = await status();
        // Of 10 min; 50 % would be 5 min before.
        expect(Date.parse(expiresAt) - Date.parse(renewsAt)).toBeGreaterThan(7 * MINUTE);
        expect(await troubles('/edited')).toEqual([]);
      },
      2 * MINUTE,
    );

    it(
      'that were deleted while their first token was requested leave neither a Secret nor a valid token',
      async () => {
        await applied('aborted', { service: 'slow' });
        await until('The Secret', async () => !(await isGone('secret/aborted')), MINUTE);
        await removed('aborted');
        const isRevoked = async (): Promise<boolean> =>
          (await logged('/aborted')).some((line) => line.includes('token-revoked'));
        await until('The revocation', isRevoked, MINUTE);
        await until('The end of the Secret', () => isGone('secret/aborted'), MINUTE);
        expect(await troubles('/aborted')).toEqual([]);
      },
      3 * MINUTE,
    );

    it(
      'go with their namespace, with their token revoked and without a flood in the log',
      async () => {
        const { ending } = at();
        await applied('last', {}, ending);
        await applied('plain', { revokeOnDelete: false }, ending);
        const token = await ready('last', ending);
        await ready('plain', ending);
        await kubectl('delete', 'namespace', ending, '--timeout=150s');
        expect(await isActive(token)).toBe(false);
        await applied('unaffected');
        await ready('unaffected');
        const lines = await troubles(ending);
        // Of each kind, one for each token: Secrets, events, AccessTokens, pods.
        expect(lines.slice(12)).toEqual([]);
      },
      4 * MINUTE,
    );

    it(
      'that are rejected keep their valid token over a restart',
      async () => {
        await applied('mistaken');
        const token = await ready('mistaken');
        await applied('mistaken', { scope: 'everything' });
        await inClient('wait', '--for=condition=Stalled', 'at/mistaken', '--timeout=60s');
        const { release } = at();
        const deployment = await release.kubectl('get', 'deployment', '--output=jsonpath={.items[0].metadata.name}');
        await release.kubectl('rollout', 'restart', `deployment/${deployment}`);
        await release.rolledOut(deployment, '120s');
        // The new process has looked at all of them by then.
        await applied('later');
        await ready('later');
        expect(await ready('mistaken', at().place.client, 'Stalled')).toBe(token);
        expect(await isActive(token)).toBe(true);
        expect(await finalizers('mistaken')).toBe(`["${FINALIZER}"]`);
        await removed('mistaken');
        expect(await isActive(token)).toBe(false);
      },
      4 * MINUTE,
    );

    it(
      'let token-acquirer change one finalizer, and nothing else of them',
      async () => {
        await applied('guarded');
        await ready('guarded');
        const { place, release } = at();
        const account = await release.kubectl('get', 'deployment', '--output=jsonpath={..serviceAccountName}');
        const patched = (patch: object): Promise<string> =>
          inClient(
            'patch',
            'at/guarded',
            '--type=merge',
            `--patch=${JSON.stringify(patch)}`,
            `--as=system:serviceaccount:${place.acquirer}:${account}`,
          ).then(
            () => 'allowed',
            (error: unknown) => (error instanceof CommandFailed ? error.output : 'an error'),
          );
        const denied = expect.stringContaining('may change only the finalizer token-acquirer.dev/revoke-token');
        expect(await patched({ spec: { scope: 'read' } })).toEqual(denied);
        expect(await patched({ metadata: { labels: { team: 'other' } } })).toEqual(denied);
        expect(await patched({ metadata: { finalizers: ['example.com/other'] } })).toEqual(denied);
        expect(await patched({ metadata: { finalizers: [] } })).toBe('allowed');
      },
      2 * MINUTE,
    );
  });
}
