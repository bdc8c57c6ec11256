import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { authorizedFetch, mountedTokens, type TokenSource, type Tokens } from '../../src/client/index.ts';
import { type DatedTokens, startDatedTokens } from '../support/dated-tokens.ts';
import { secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import { AcquirerProcess, Workplace } from './acquirer-process.ts';

/** Longer runs by hand: one token that is revoked 100 times, `TOKENS=1 REVOCATIONS=100`, and `REJECTING_SECONDS=60`. */
const TOKENS = Number(process.env['TOKENS'] ?? 10);
const REVOCATIONS = Number(process.env['REVOCATIONS'] ?? 10);
const REJECTING_SECONDS = Number(process.env['REJECTING_SECONDS'] ?? 10);

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Stage extends DatedTokens {
  readonly acquirer: AcquirerProcess;
  /** One for each token, each with its own caller, as pods have. */
  readonly sources: readonly TokenSource[];
}

/** A token-acquirer in its own process, and a client for each of its tokens. */
async function open(tokens: number, lifetime: number, more: object = {}): Promise<Stage> {
  const servers = await startDatedTokens(lifetime);
  const workplace = new Workplace();
  closing.push(
    () => workplace.remove(),
    () => servers.stop(),
  );
  const names = Array.from({ length: tokens }, (_, at) => `token-${at}`);
  const callerOf = (name: string): string => join(workplace.root, 'callers', name);
  for (const name of names) writeFileSync(callerOf(name), secret('caller'), { mode: 0o600 });
  workplace.credential('dynamics', { client_id: 'billing', client_secret: secret('client-secret') });
  workplace.configure({
    authorizationServers: { corporate: { tokenEndpoint: servers.tokenEndpoint } },
    tokens: names.map((name) => ({
      name,
      scope: name,
      authorizationServer: 'corporate',
      credential: 'dynamics',
      grant: 'client_credentials',
      secret: { namespace: 'billing', name: 'billing-tokens' },
      clients: [{ name, tokenFile: callerOf(name) }],
      ...more,
    })),
  });
  const acquirer = AcquirerProcess.in(workplace);
  closing.push(() => acquirer.end('SIGKILL'));
  const url = await acquirer.url('reissue');
  await acquirer.logged('token-stored', names.length);
  const sources = names.map((name) => {
    const reissue = { url, namespace: 'billing', secret: 'billing-tokens', callerTokenFile: callerOf(name) };
    const opened: Tokens = mountedTokens({ directory: workplace.volume(), reissue });
    closing.push(() => opened.close());
    return opened.source(name);
  });
  return Object.assign(servers, { acquirer, sources });
}

/** Calls through the gateway, at this rate, until they are stopped. */
function steadyCalls({ gateway }: Stage, source: TokenSource, everyMs: number) {
  const call = authorizedFetch(source, { origins: [gateway.url] });
  const statuses: Promise<number>[] = [];
  const timer = setInterval(() => {
    statuses.push(
      call(gateway.url).then(async (response) => {
        await response.arrayBuffer();
        return response.status;
      }),
    );
  }, everyMs);
  return {
    async stop(): Promise<{ calls: number; failed: number }> {
      clearInterval(timer);
      const all = await Promise.all(statuses);
      return { calls: all.length, failed: all.filter((status) => status !== 200).length };
    },
  };
}

describe('token-acquirer run and the client library', () => {
  it('lose no call to revocations, each 3 s after a reissue', { timeout: 600_000 }, async () => {
    const stage = await open(TOKENS, 3600);
    const revokeAgain = async (source: TokenSource): Promise<void> => {
      const { accessToken, sha256 } = await source.ready();
      await pause(3000);
      stage.revoked.add(accessToken.reveal());
      await until('A reissue', () => source.current().sha256 !== sha256, 30_000);
    };
    const results = await Promise.all(
      stage.sources.map(async (source) => {
        const calls = steadyCalls(stage, source, 100);
        for (let revocations = 0; revocations < REVOCATIONS; revocations += 1) await revokeAgain(source);
        return calls.stop();
      }),
    );
    expect(stage.revoked.size).toBe(TOKENS * REVOCATIONS);
    expect(results.map(({ failed }) => failed)).toEqual(stage.sources.map(() => 0));
    expect([...stage.requests.values()]).toEqual(stage.sources.map(() => REVOCATIONS + 1));
    process.stdout.write(`${stage.revoked.size} revocations: ${JSON.stringify(results)}\n`);
  });

  it('request ever fewer tokens for a gateway that rejects every one', { timeout: 120_000 }, async () => {
    const stage = await open(1, 3600);
    const [source] = stage.sources as [TokenSource];
    const calls = steadyCalls(stage, source, 50);
    await pause(2000);
    const before = stage.requests.get('token-0') ?? 0;
    stage.rejectsAll = true;
    await pause(REJECTING_SECONDS * 1000);
    const requested = (stage.requests.get('token-0') ?? 0) - before;
    stage.rejectsAll = false;
    await calls.stop();
    // Immediately, and after 1 s, 2 s, 4 s, …
    expect(requested).toBeLessThanOrEqual(2 + Math.log2(REJECTING_SECONDS + 1));
    expect(requested).toBeGreaterThanOrEqual(3);
    process.stdout.write(`${requested} token requests in ${REJECTING_SECONDS} s\n`);
  });

  it('lose no call to tokens that the gateway takes 3 s late, and reissue none', { timeout: 120_000 }, async () => {
    const stage = await open(1, 12, { renewal: { interval: '5s' } });
    const [source] = stage.sources as [TokenSource];
    await pause(3000);
    stage.late = 3000;
    const calls = steadyCalls(stage, source, 10);
    await pause(25_000);
    const { calls: made, failed } = await calls.stop();
    expect(failed).toBe(0);
    expect(made).toBeGreaterThan(500);
    expect(stage.acquirer.count('reissue')).toBe(0);
    expect(stage.requests.get('token-0')).toBeGreaterThanOrEqual(5);
    process.stdout.write(`${made} calls with tokens 3 s late: ${failed} failed\n`);
  });
});
