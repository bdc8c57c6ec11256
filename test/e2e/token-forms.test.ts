import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { authorizedFetch, type Fetch, type TokenSource } from '../../src/client/index.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { type Stage, stages } from './stage.ts';

const HEADER = { name: 'X-Auth-Token', prefix: '' };
const COPIES = [
  { key: 'credential', form: 'bearer' },
  { key: 'api-token', form: 'raw' },
];

/** A service that takes its token only in `X-Auth-Token`, and has the gateway judge it. */
function startPartner(gateway: string): Promise<LoopbackServer> {
  return startHttpServer(({ url, headers }, response) => {
    const authorization = `Bearer ${String(headers['x-auth-token'] ?? '')}`;
    void fetch(`${gateway}${url}`, { headers: { authorization } }).then(async (answer) => {
      await answer.body?.cancel();
      response.writeHead(answer.status).end();
    });
  });
}

describe('a token with another header and copies', () => {
  const { open, closeAll } = stages();
  const partners: LoopbackServer[] = [];
  afterEach(async () => {
    await closeAll();
    await Promise.all(partners.splice(0).map((partner) => partner.stop()));
  });

  async function start(): Promise<{ stage: Stage; source: TokenSource; call: Fetch; url: string }> {
    const stage = await open({ more: { header: HEADER, copies: COPIES } });
    const partner = await startPartner(stage.gateway.url);
    partners.push(partner);
    const { source } = await stage.source(stage.acquirer());
    return {
      stage,
      source,
      call: authorizedFetch(source, { origins: [partner.url] }),
      url: `${partner.url}/incidents`,
    };
  }

  /** What a key of the volume holds, `undefined` without it. */
  const held = (stage: Stage, key: string): string | undefined => {
    const file = join(stage.workplace.volume(), key);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  };

  it('is used by the client across a revocation, and its copies follow', async () => {
    const { stage, source, call, url } = await start();
    const statuses = new Set<number>();
    for (let calls = 0; calls < 20; calls += 1) {
      if (calls === 10) await stage.revoke(source.current().accessToken.reveal());
      statuses.add((await call(url)).status);
    }
    expect([...statuses]).toEqual([200]);
    expect(stage.server.counts.tokenRequests).toBe(2);
    const { accessToken, header } = source.current();
    expect(header).toEqual(HEADER);
    await expect.poll(() => held(stage, 'credential') === `Bearer ${accessToken.reveal()}`).toBe(true);
    expect(held(stage, 'api-token') === accessToken.reveal()).toBe(true);
  });

  it('loses both with the next configuration, without a token request', async () => {
    const { stage, source, call, url } = await start();
    expect((await call(url)).status).toBe(200);
    stage.workplace.configure(stage.configuration({ more: { copies: COPIES.slice(1) } }));
    await expect.poll(() => held(stage, 'credential'), { timeout: 20_000 }).toBeUndefined();
    await expect.poll(() => source.current().header, { timeout: 20_000 }).toBeUndefined();
    expect(held(stage, 'api-token') === source.current().accessToken.reveal()).toBe(true);
    const gateway = authorizedFetch(source, { origins: [new URL(stage.gateway.url).origin] });
    expect((await gateway(`${stage.gateway.url}/incidents`)).status).toBe(200);
    expect(stage.server.counts.tokenRequests).toBe(1);
  });
});
