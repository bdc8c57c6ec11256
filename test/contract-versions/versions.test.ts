import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as today from '../../src/client/index.ts';
import { type Stage, stages } from '../e2e/stage.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { checkOutPrevious, releasedClient, releasedVersions } from './previous.ts';
import { type Recording, recordedVersions, recording } from './recordings.ts';

type Client = typeof today;

const ROOT = join(import.meta.dirname, '../..');

const folder = temporaryDirectory();
afterAll(folder.remove);

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

it('the version of this tree is among the recordings and the released clients', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect(recordedVersions()).toContain(version);
  expect(releasedVersions()).toContain(version);
});

describe.each(recordedVersions())("today's client, with what version %s writes", (version) => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  /** A token volume, an endpoint and a gateway that accepts what is given. */
  async function open(recorded: Recording, accepted: string, status = 200) {
    const root = temporaryDirectory();
    writeFileSync(join(root.path, 'dynamics'), recorded.volume.access_token);
    writeFileSync(join(root.path, 'dynamics.json'), JSON.stringify(recorded.volume));
    writeFileSync(join(root.path, 'caller'), secret('caller'));
    const asked: unknown[] = [];
    const endpoint = await startHttpServer((request: IncomingMessage, response: ServerResponse) => {
      void json(request).then((body) => {
        asked.push({ path: request.url, body });
        response.writeHead(status, { 'retry-after': '1' });
        response.end(JSON.stringify(status === 200 ? recorded.answer : recorded.problem));
      });
    });
    const gateway = await startHttpServer((request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(request.headers.authorization === `Bearer ${accepted}` ? 200 : 401).end();
    });
    const callerTokenFile = join(root.path, 'caller');
    const reissue = { url: endpoint.url, namespace: 'billing', secret: 'billing-tokens', callerTokenFile };
    const tokens = today.mountedTokens({ directory: root.path, reissue });
    const source = tokens.source('dynamics');
    closing.push(
      () => tokens.close(),
      ...[endpoint, gateway].map((one: LoopbackServer) => () => one.stop()),
      root.remove,
    );
    await source.ready();
    return { call: today.authorizedFetch(source, { origins: [gateway.url] }), url: gateway.url, asked };
  }

  it('uses the token of the volume', async () => {
    const recorded = recording(version);
    const { call, url, asked } = await open(recorded, recorded.volume.access_token);
    expect((await call(url)).status).toBe(200);
    expect(asked).toEqual([]);
  });

  it('uses the token of an answer', async () => {
    const recorded = recording(version);
    const { call, url, asked } = await open(recorded, recorded.answer.access_token);
    expect((await call(url)).status).toBe(200);
    const rejected = sha256(recorded.volume.access_token);
    expect(asked).toMatchObject([{ path: recorded.request.path, body: { rejected_sha256: rejected } }]);
  });

  it.each([429, 502, 503])("passes the gateway's answer on where the endpoint's is %i", async (status) => {
    const recorded = recording(version);
    const { call, url } = await open(recorded, recorded.answer.access_token, status);
    expect((await call(url)).status).toBe(401);
  });
});

/** The members that a reader may look for: their names and the types of their values. */
const shapeOf = (value: object): object =>
  Object.fromEntries(Object.entries(value).map(([name, member]) => [name, expect.any(KINDS[typeof member] ?? Object)]));

const KINDS: Readonly<Record<string, unknown>> = { string: String, number: Number, boolean: Boolean };

describe("today's token-acquirer, with clients of before", () => {
  const { open, closeAll } = stages();
  let stage: Stage;
  let url: string;
  let caller: string;

  beforeAll(async () => {
    stage = await open();
    caller = readFileSync(stage.workplace.callerToken, 'utf8').trim();
    const acquirer = stage.acquirer();
    url = await acquirer.url('reissue');
    await acquirer.logged('token-stored');
  });
  afterAll(closeAll);

  const stored = async (): Promise<{ access_token: string }> => {
    const volume = today.mountedTokens({ directory: stage.workplace.volume() });
    const { accessToken } = await volume.source('dynamics').ready();
    volume.close();
    return { access_token: accessToken.reveal() };
  };

  const send = ({ request }: Recording, { body = request.body, by = caller, path = request.path } = {}) => {
    const { method, headers } = request;
    const authorization = `Bearer ${by}`;
    return fetch(`${url}${path}`, { method, headers: { ...headers, authorization }, body: JSON.stringify(body) });
  };

  it.each(releasedVersions())('answers %s with the members that it looks for', async (version) => {
    const rejected = sha256((await stored()).access_token);
    const recorded = recording(version, { rejected });
    const answer = await send(recorded);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject(shapeOf(recorded.answer));
    const refused = await send(recorded, { path: recorded.request.path.replace('dynamics', 'absent') });
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject(shapeOf(recorded.problem));
    expect((await send(recorded, { body: { more: 1 } })).status).toBe(400);
    expect((await send(recorded, { by: 'another-caller-than-that' })).status).toBe(401);
  });

  it('answers what tomorrow’s clients may add to a request', async () => {
    const rejected = sha256((await stored()).access_token);
    const recorded = recording('tomorrow', { rejected });
    const answer = await send(recorded, { body: { ...recorded.request.body, more: { than: 'today' } } });
    expect([200, 429]).toContain(answer.status);
  });
});

describe('versions side by side, on a real authorization server and gateway', () => {
  const { open, closeAll } = stages();
  afterEach(closeAll);

  /** A hundred calls, with a revocation in the middle. */
  async function recoveries(client: Client, main?: string): Promise<unknown> {
    const stage = await open();
    const acquirer = stage.acquirer([], main === undefined ? {} : { main });
    const reissueAt = await acquirer.url('reissue');
    const { callerToken } = stage.workplace;
    const tokens = client.mountedTokens({
      directory: stage.workplace.volume(),
      reissue: { url: reissueAt, namespace: 'billing', secret: 'billing-tokens', callerTokenFile: callerToken },
    });
    try {
      const source = tokens.source('dynamics');
      const { accessToken } = await source.ready();
      const call = client.authorizedFetch(source, { origins: [new URL(stage.gateway.url).origin] });
      const statuses = new Set<number>();
      for (let calls = 0; calls < 100; calls += 1) {
        if (calls === 50) await stage.revoke(accessToken.reveal());
        const answer = await call(`${stage.gateway.url}/incidents`);
        await answer.body?.cancel();
        statuses.add(answer.status);
      }
      return { statuses: [...statuses], requests: stage.server.counts.tokenRequests };
    } finally {
      tokens.close();
    }
  }

  const RECOVERED = { statuses: [200], requests: 2 };

  it.each(releasedVersions())('the released client %s recovers with today’s token-acquirer', async (version) => {
    const module = releasedClient(version, join(folder.path, `client-${version}`));
    expect(await recoveries((await import(pathToFileURL(module).href)) as Client)).toEqual(RECOVERED);
  });

  it('client and token-acquirer of the commit before recover with those of today', async () => {
    const previous = join(folder.path, 'previous');
    mkdirSync(previous);
    if (!checkOutPrevious(previous)) {
      process.stdout.write('This checkout has no history: only the recordings stand for the commit before.\n');
      return;
    }
    const client = (await import(pathToFileURL(join(previous, 'src/client/index.ts')).href)) as Client;
    expect(await recoveries(client)).toEqual(RECOVERED);
    expect(await recoveries(today, join(previous, 'src/token-acquirer/main.ts'))).toEqual(RECOVERED);
  });
});
