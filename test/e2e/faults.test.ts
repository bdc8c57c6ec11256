import { appendFileSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { TokenDocument } from '../../src/core/token-volume.ts';
import type { TokenReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { newToken, type ScriptedAnswer, startScriptedTokenServer } from '../support/scripted-token-server.ts';
import { secret } from '../support/secrets.ts';
import { type ProxyMode, startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import type { AcquirerProcess } from './acquirer-process.ts';
import { type Stage, type StageOptions, stages } from './stage.ts';

// Most of the time passes in waiting, and side by side.
vi.setConfig({ testTimeout: 60_000, maxConcurrency: 6 });

/** Less what the way to the server may take on a busy machine, once more and once less. */
const A_SECOND = 600;

const { open, closeAll } = stages();
const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  await closeAll();
  await Promise.all(stops.map((stop) => stop()));
});

function documentIn(volume: string): TokenDocument {
  return JSON.parse(readFileSync(join(volume, 'dynamics.json'), 'utf8')) as TokenDocument;
}

async function reportOf(acquirer: AcquirerProcess): Promise<TokenReport> {
  const [report] = (await acquirer.status()).tokens;
  if (report === undefined) throw new Error('There is no token.');
  return report;
}

async function conditionOf(
  acquirer: AcquirerProcess,
  type: string,
): Promise<TokenReport['conditions'][number] | undefined> {
  return (await reportOf(acquirer)).conditions.find((condition) => condition.type === type);
}

async function isReady(acquirer: AcquirerProcess): Promise<boolean> {
  return (await fetch(new URL('/readyz', await acquirer.url('status')))).ok;
}

/** A stage whose token requests go through a proxy. */
async function openBehindProxy(options: StageOptions = {}): Promise<{ stage: Stage; proxy: TcpProxy }> {
  const stage = await open(options);
  const proxy = await startTcpProxy(stage.server.port);
  stops.push(() => proxy.stop());
  stage.workplace.configure(stage.configuration({ reachedBy: { tokenEndpoint: `${proxy.url}/token` } }));
  return { stage, proxy };
}

/** A stage whose token endpoint answers as configured. */
async function openScripted(answer: (request: number) => ScriptedAnswer) {
  const stage = await open();
  const server = await startScriptedTokenServer(answer);
  stops.push(() => server.stop());
  stage.workplace.configure(stage.configuration({ reachedBy: { tokenEndpoint: server.url } }));
  return { stage, server, running: stage.acquirer() };
}

describe.concurrent('an authorization server', () => {
  it('can be down past expiry: the old token stays, the endpoint is ready, and the token is healthy soon after it returns', async () => {
    const { acquirer, source, gateway, workplace, outage } = await open({ lifetime: 3 });
    const running = acquirer();
    const { call } = await source(running);
    const end = await outage();
    const { sha256 } = documentIn(workplace.volume());
    await running.logged('token-request-failed');
    expect(documentIn(workplace.volume()).sha256).toBe(sha256);
    await until('The expiry', async () => (await conditionOf(running, 'Ready'))?.reason === 'TokenExpired', 30_000);
    expect(await isReady(running)).toBe(true);
    const { last_error: error } = await reportOf(running);
    expect(error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('ECONNREFUSED') });
    expect(await running.metrics()).toMatch(/token_acquirer_token_seconds_to_expiry\{.*\} -/);
    await end();
    const returned = performance.now();
    await until('A new token', async () => (await reportOf(running)).state === 'Valid', 20_000);
    expect(performance.now() - returned).toBeLessThan(10_000);
    expect((await call(`${gateway.url}/incidents`)).status).toBe(200);
  });

  it.each<[ProxyMode, string, number]>([
    ['hang', 'timeout', 10_000],
    ['drip', 'timeout', 10_000],
    ['reset', 'unreachable', 0],
    ['half-close', 'unreachable', 0],
    ['refuse', 'unreachable', 0],
  ])('behind a connection that does this: %s, is given up in time and asked again', async (mode, code, after) => {
    const { stage, proxy } = await openBehindProxy({ lifetime: 4 });
    const running = stage.acquirer();
    await running.logged('token-issued');
    await proxy.set(mode);
    const failed = await running.logged('token-request-failed', 1, 40_000);
    expect(failed).toMatchObject({ code });
    expect(Number(failed['took_ms'])).toBeGreaterThanOrEqual(after);
    expect(Number(failed['took_ms'])).toBeLessThan(after + 10_000);
    await until('The end of the connection', () => proxy.connections.open.size === 0, 10_000);
    expect(await isReady(running)).toBe(true);
    await proxy.set('pass');
    await running.logged('token-issued', 2);
  });

  it('is asked again at least a second after a 500, 502, 503 and 504, until it is healthy', async () => {
    const statuses = [500, 502, 503, 504];
    const { server, running } = await openScripted((request) => ({ status: statuses[request] ?? 200 }));
    await running.logged('token-issued', 1, 40_000);
    expect(server.times).toHaveLength(5);
    expect(server.shortestGap()).toBeGreaterThan(A_SECOND);
  });

  it.each<[string, () => string, number]>([
    ['seconds', () => '3', 2900],
    ['a date', () => new Date(Date.now() + 4000).toUTCString(), 2000],
  ])('that answers 429 with Retry-After as %s is left alone so long', async (_form, retryAfter, shortest) => {
    const { server, running } = await openScripted((request) =>
      request === 0 ? { status: 429, headers: { 'retry-after': retryAfter() } } : {},
    );
    await running.logged('token-issued', 1);
    expect(server.times).toHaveLength(2);
    expect(server.shortestGap()).toBeGreaterThan(shortest);
  });

  it('is asked when the token has expired, though it asked for a pause of a year', async () => {
    const { server, running } = await openScripted((request) =>
      request === 1 ? { status: 429, headers: { 'retry-after': '31536000' } } : { body: newToken(4) },
    );
    await running.logged('token-issued', 2);
    expect(server.times.slice(0, 3)).toHaveLength(3);
  });

  it('is asked once a second, not more, where it states a lifetime of a second', async () => {
    const { server, running } = await openScripted(() => ({ body: newToken(1) }));
    await running.logged('token-issued');
    await pause(5000);
    expect(server.times.length).toBeLessThanOrEqual(7);
    expect(server.shortestGap()).toBeGreaterThan(A_SECOND);
  });

  it('is not stormed where it gives the same token again, and nothing is written', async () => {
    const same = newToken(4);
    const { stage, server, running } = await openScripted(() => ({ body: same }));
    await running.logged('token-request-failed', 2);
    const before = readlinkSync(join(stage.workplace.volume(), '..data'));
    await pause(5000);
    expect(running.lines.filter(({ code }) => code === 'same_token').length).toBeGreaterThan(1);
    expect(server.times.length).toBeLessThanOrEqual(12);
    expect(server.shortestGap()).toBeGreaterThan(A_SECOND);
    expect(readlinkSync(join(stage.workplace.volume(), '..data'))).toBe(before);
    expect(running.count('token-stored')).toBe(1);
  });

  it('is asked once where it rejects the credential, and immediately when that is corrected', async () => {
    const { acquirer, workplace, passwords, server } = await open();
    workplace.credential('dynamics', { client_secret: secret('wrong-secret') });
    const running = acquirer();
    const failed = await running.logged('token-request-failed');
    expect(failed).toMatchObject({ code: 'invalid_client' });
    expect(Number(failed['retry_in_ms'])).toBeGreaterThanOrEqual(30_000);
    await pause(3000);
    expect(server.counts.tokenRequests).toBe(1);
    expect(await conditionOf(running, 'Renewed')).toMatchObject({ status: 'False', reason: 'InvalidClient' });
    workplace.credential('dynamics', { client_secret: passwords.client });
    await running.logged('token-issued', 1);
    expect(server.counts.tokenRequests).toBe(2);
  });
});

describe.concurrent('the store', () => {
  it('is repaired within half a minute where others tamper with it, and no token is asked for', {
    timeout: 60_000,
  }, async () => {
    const names = ['emptied', 'edited', 'removed', 'blocked', 'left-alone'];
    const { acquirer, workplace, server } = await open({ lifetime: 3600, secrets: names });
    const [emptied, edited, removed, blocked, leftAlone] = names.map((name) => workplace.volume(name)) as [
      string,
      string,
      string,
      string,
      string,
    ];
    const running = acquirer();
    await running.logged('token-issued', names.length);
    const before = names.map((name) => documentIn(workplace.volume(name)).sha256);
    const state = readlinkSync(join(leftAlone, '..data'));
    // Until it has looked at what it wrote.
    await pause(1500);
    for (const key of ['dynamics', 'dynamics.json']) rmSync(join(emptied, key));
    appendFileSync(join(edited, 'dynamics'), 'tampered with');
    for (const [index, volume] of [removed, blocked].entries()) renameSync(volume, join(workplace.root, `${index}`));
    writeFileSync(blocked, 'a file in the way');
    await running.logged('token-repaired', 3, 50_000);
    await running.logged('store-failed', 1, 50_000);
    for (const [index, name] of names.entries()) {
      if (name !== 'blocked') expect(documentIn(workplace.volume(name)).sha256).toBe(before[index]);
    }
    expect(readFileSync(join(edited, 'dynamics'), 'utf8')).toBe(documentIn(edited).access_token);
    expect(readlinkSync(join(leftAlone, '..data'))).toBe(state);
    const states = (await running.status()).tokens.map(({ token, state: shown }) => [token.split('/')[1], shown]);
    expect(Object.fromEntries(states)).toMatchObject({ blocked: 'NotStored', emptied: 'Valid', 'left-alone': 'Valid' });
    expect(server.counts.tokenRequests).toBe(names.length);
  });
});

describe.concurrent('the process', () => {
  it('asks once when it goes on after a suspension past expiry, and its client goes on too', async () => {
    const { acquirer, source, gateway, server } = await open({ lifetime: 8 });
    const running = acquirer();
    const { call } = await source(running);
    running.child.kill('SIGSTOP');
    await pause(8500);
    const before = server.counts.tokenRequests;
    running.child.kill('SIGCONT');
    await until('A new token', () => server.counts.tokenRequests > before, 20_000);
    await pause(500);
    expect(server.counts.tokenRequests - before).toBe(1);
    expect((await call(`${gateway.url}/incidents`)).status).toBe(200);
  });

  it('sees changes of credential, interval and configuration by looking where it can watch no file', async () => {
    const { acquirer, workplace, passwords, configuration } = await open({ lifetime: 600 });
    workplace.credential('dynamics', { client_secret: secret('wrong-secret') });
    const spoil =
      "import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module'; fs.watch = () => { throw Object.assign(new Error('no watches left'), { code: 'ENOSPC' }); }; syncBuiltinESMExports();";
    const running = acquirer([], { node: ['--import', `data:text/javascript,${encodeURIComponent(spoil)}`] });
    await running.logged('token-request-failed');
    workplace.credential('dynamics', { client_secret: passwords.client });
    await running.logged('token-issued', 1);
    workplace.credential('dynamics', { interval: '5m' });
    await running.logged('token-rescheduled', 1);
    workplace.configure(configuration({ secrets: ['billing-tokens', 'more-tokens'] }));
    await running.logged('configuration-loaded', 2);
    await running.logged('token-issued', 2);
  });

  it('answers every reissue in flight when it is stopped, and ends with 0', async () => {
    const { stage, proxy } = await openBehindProxy();
    const running = stage.acquirer();
    await stage.source(running);
    const { sha256 } = documentIn(stage.workplace.volume());
    const headers = {
      authorization: `Bearer ${readFileSync(stage.workplace.callerToken, 'utf8').trim()}`,
      'content-type': 'application/json',
    };
    const url = `${await running.url('reissue')}/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics/reissue`;
    await proxy.set('hang');
    const opened = proxy.connections.opened;
    const answers = Array.from({ length: 50 }, () =>
      fetch(url, { method: 'POST', headers, body: JSON.stringify({ rejected_sha256: sha256 }) }),
    );
    await until('The request', () => proxy.connections.opened > opened, 20_000);
    await pause(500);
    const ended = running.end();
    await running.logged('stopping');
    await pause(500);
    await proxy.set('pass');
    const outcomes = await Promise.all(
      answers.map(async (answer) => ((await (await answer).json()) as { outcome: string }).outcome),
    );
    expect(outcomes.toSorted()).toEqual([...Array.from({ length: 49 }, () => 'coalesced'), 'reissued']);
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
    expect(documentIn(stage.workplace.volume()).previous_sha256).toEqual([sha256]);
  });
});
