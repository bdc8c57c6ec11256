import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountedTokenVolume } from '../../src/adapters/fs/mounted-token-volume.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { createSystemRandom } from '../../src/adapters/node/system-random.ts';
import { openFileTokenSource } from '../../src/client/file-token-source.ts';
import { authorizedFetch, endpointTokens, mountedTokens } from '../../src/client/index.ts';
import { ReissueError, UsageError } from '../../src/core/errors.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { freshToken, type Surroundings, startSurroundings } from '../support/client-side.ts';
import { failure } from '../support/failure.ts';
import { keepOutput } from '../support/outputs.ts';

let parts: Surroundings;
beforeEach(async () => {
  parts = await startSurroundings();
});
afterEach(() => parts.stop());

/** From now on the gateway rejects every token that exists. */
function revoke(): void {
  parts.gateway.accepted.clear();
}

describe('a client whose token was revoked', () => {
  it('is cured by one reissue, though a thousand calls are rejected together', async () => {
    revoke();
    const { gateway, acquirer } = parts;
    const call = authorizedFetch(parts.tokens().source('dynamics'), { origins: [gateway.url] });
    const statuses = await Promise.all(
      Array.from({ length: 1000 }, async () => {
        const response = await call(gateway.url, { method: 'POST', body: 'once' });
        await response.arrayBuffer();
        return response.status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(acquirer.reissues).toHaveLength(1);
    expect(gateway.executed()).toBe(1000);
  });

  it('sends the trace of the request whose token was rejected first', async () => {
    const context = new AsyncLocalStorage<string>();
    const reissue = { ...parts.reissue, traceparent: () => context.getStore() };
    const { gateway, acquirer, endpoint } = parts;
    const call = authorizedFetch(parts.tokens({ reissue }).source('dynamics'), { origins: [gateway.url] });
    const trace = (digit: string): string => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`;
    for (const digit of ['1', '2']) {
      revoke();
      const release = Promise.withResolvers<void>();
      acquirer.hold = release.promise;
      const first = context.run(trace(digit), () => call(gateway.url));
      await expect.poll(() => acquirer.reissues.length, { timeout: 10_000 }).toBe(Number(digit));
      const others = ['a', 'b'].map((other) => context.run(trace(other), () => call(gateway.url)));
      release.resolve();
      const answers = await Promise.all([first, ...others]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    }
    expect(endpoint.traceparents).toEqual([trace('1'), trace('2')]);
  });

  it('takes the newer token of the volume without a reissue', async () => {
    const source = parts.tokens().source('dynamics');
    const { gateway, acquirer } = parts;
    revoke();
    const newer = freshToken({ issuedAt: Date.now() });
    gateway.accepted.add(newer.sha256);
    parts.mount(newer);
    expect((await authorizedFetch(source, { origins: [gateway.url] })(gateway.url)).status).toBe(200);
    expect(acquirer.reissues).toEqual([]);
  });

  it('retries a late rejection of an older token with the newer one, without a reissue', async () => {
    const source = parts.tokens().source('dynamics');
    const older = source.current();
    const newer = freshToken({ issuedAt: Date.now() });
    parts.mount(newer);
    await expect.poll(() => source.current().sha256).toBe(newer.sha256);
    expect((await source.replace(older.sha256)).sha256).toBe(newer.sha256);
    expect(parts.acquirer.reissues).toEqual([]);
  });

  it('keeps the reissued token though the volume shows the revoked one until the kubelet comes', async () => {
    const source = parts.tokens({ pollInterval: 50 }).source('dynamics');
    const call = authorizedFetch(source, { origins: [parts.gateway.url] });
    const revoked = source.current();
    revoke();
    expect((await call(parts.gateway.url)).status).toBe(200);
    parts.volume.write({ other: 'a key of another token', ...toVolumeData('dynamics', freshToken({ ...revoked })) });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(source.current().sha256).toBe(parts.current().sha256);
    parts.mount(parts.current());
    expect((await call(parts.gateway.url)).status).toBe(200);
    expect(parts.acquirer.reissues).toHaveLength(1);
  });

  it('waits for the volume where the answer gives only the generation', async () => {
    parts.acquirer.respondWith = 'generation';
    const call = authorizedFetch(parts.tokens().source('dynamics'), { origins: [parts.gateway.url] });
    revoke();
    const calling = call(parts.gateway.url);
    await expect.poll(() => parts.acquirer.reissues.length).toBe(1);
    setTimeout(() => parts.mount(parts.current()), 100);
    expect((await calling).status).toBe(200);
  });

  it('has its answer unchanged, and calls no more until the time named, where the token-acquirer says 429', async () => {
    const { gateway, acquirer } = parts;
    const call = authorizedFetch(parts.tokens().source('dynamics'), { origins: [parts.gateway.url] });
    revoke();
    acquirer.failure = new ReissueError('Not now.', { status: 429, retryAfter: 300_000 });
    for (let calls = 0; calls < 3; calls += 1) {
      const response = await call(gateway.url);
      expect([response.status, await response.text()]).toEqual([401, '{"message":"no such token"}']);
    }
    expect(acquirer.reissues).toHaveLength(1);
    expect(parts.faults).toEqual([expect.stringMatching(/^The token-acquirer at .* answered 429 \(some_code\)\.$/)]);
  });

  it('goes on re-reading where the token-acquirer cannot be reached', async () => {
    const { gateway, endpoint } = parts;
    const call = authorizedFetch(parts.tokens().source('dynamics'), { origins: [parts.gateway.url] });
    revoke();
    await endpoint.stop();
    const calling = call(gateway.url);
    await expect.poll(() => parts.faults.length).toBe(1);
    const newer = freshToken({ issuedAt: Date.now() });
    gateway.accepted.add(newer.sha256);
    parts.mount(newer);
    expect((await calling).status).toBe(200);
  });

  it('has its answer after a bounded time where nothing helps', async () => {
    await parts.endpoint.stop();
    revoke();
    for (const options of [{ rereadFor: 300 }, { rereadFor: 300, reissue: undefined }]) {
      const call = authorizedFetch(parts.tokens(options).source('dynamics'), { origins: [parts.gateway.url] });
      const started = performance.now();
      expect((await call(parts.gateway.url)).status).toBe(401);
      expect(performance.now() - started).toBeGreaterThan(250);
      expect(performance.now() - started).toBeLessThan(3000);
      const again = performance.now();
      expect((await call(parts.gateway.url)).status).toBe(401);
      expect(performance.now() - again).toBeLessThan(250);
    }
  });
});

describe('a client whose token has expired', () => {
  it('sends none before it has another one', async () => {
    const { gateway, acquirer } = parts;
    const expired = freshToken({ issuedAt: Date.now() - 7_200_000, expiresAt: Date.now() - 1 });
    await acquirer.reissue('dynamics', parts.current().sha256);
    acquirer.reissues.length = 0;
    acquirer.respondWith = 'generation';
    parts.mount(expired);
    const call = authorizedFetch(parts.tokens().source('dynamics'), { origins: [parts.gateway.url] });
    const calling = call(gateway.url);
    await expect.poll(() => acquirer.reissues.length).toBe(1);
    parts.mount(parts.current());
    expect((await calling).status).toBe(200);
    expect(gateway.seen.map(({ tokens }) => tokens)).toEqual([[parts.current().sha256]]);
  });

  it('fails in time where none comes', async () => {
    await parts.endpoint.stop();
    const expiresAt = Date.UTC(2026, 0, 1);
    parts.mount(freshToken({ issuedAt: expiresAt - 1, expiresAt }));
    const call = authorizedFetch(parts.tokens().source('dynamics'), {
      origins: [parts.gateway.url],
      waitForToken: 200,
    });
    expect(await failure(call(parts.gateway.url))).toMatchObject({
      name: 'TokenNotYetAvailable',
      message: 'The token dynamics expired at 2026-01-01T00:00:00.000Z and no other has come: await ready().',
    });
    expect(parts.gateway.seen).toEqual([]);
  });
});

describe('the volume', () => {
  it('is followed within two seconds where no watch works', async () => {
    const source = openFileTokenSource({
      name: 'dynamics',
      key: 'dynamics',
      reissuer: undefined,
      rereadFor: 0,
      onFault: () => {},
      volume: mountedTokenVolume(parts.directory, { poll: 1000, watch: () => () => {} }),
      clock: createSystemClock(),
      random: createSystemRandom(),
    });
    const newer = freshToken({ issuedAt: Date.now() });
    parts.mount(newer);
    await expect.poll(() => source.current().sha256, { timeout: 20_000 }).toBe(newer.sha256);
    source.close();
  });

  it('is followed immediately where watches work', async () => {
    const source = parts.tokens({ pollInterval: 60_000 }).source('dynamics');
    for (let swaps = 1; swaps <= 5; swaps += 1) {
      const newer = freshToken({ issuedAt: Date.now() + swaps });
      parts.mount(newer);
      await expect.poll(() => source.current().sha256, { timeout: 500, interval: 5 }).toBe(newer.sha256);
    }
  });

  it('can hold tokens for several services, each with its own source', async () => {
    const [dynamics, orders] = [freshToken(), freshToken()];
    parts.volume.write({ ...toVolumeData('dynamics', dynamics), ...toVolumeData('orders.prod', orders) });
    const tokens = parts.tokens();
    const sources = [tokens.source('dynamics'), tokens.source('orders', { key: 'orders.prod' })];
    expect(sources.map((source) => source.current().sha256)).toEqual([dynamics.sha256, orders.sha256]);
    expect(tokens.source('dynamics')).toBe(sources[0]);
  });

  it('can be a plain directory, written in place', async () => {
    const directory = join(parts.directory, '../plain');
    mkdirSync(directory);
    const source = mountedTokens({ directory, pollInterval: 100 }).source('dynamics');
    const ready = source.ready();
    for (const token of [freshToken(), freshToken({ issuedAt: Date.now() + 1 })]) {
      for (const [key, value] of Object.entries(toVolumeData('dynamics', token))) {
        writeFileSync(join(directory, key), value);
      }
      await expect.poll(() => source.current().sha256).toBe(token.sha256);
    }
    await ready;
    source.close();
  });

  it.each<[string, string | Uint8Array, string]>([
    ['empty', '', 'The key dynamics.json is empty.'],
    ['binary', Uint8Array.of(255, 0, 1), 'The key dynamics.json is not JSON.'],
    ['huge', new Uint8Array(1024 * 1024), 'The key dynamics.json is larger than 65536 bytes.'],
  ])('is reported where it is %s, and leaves the last good token in use', async (_, content, message) => {
    const source = parts.tokens().source('dynamics');
    const { sha256 } = source.current();
    parts.volume.write({ dynamics: content, 'dynamics.json': content });
    await expect.poll(() => parts.faults, { timeout: 5000 }).toEqual([message]);
    expect(source.current().sha256).toBe(sha256);
    expect((await authorizedFetch(source, { origins: [parts.gateway.url] })(parts.gateway.url)).status).toBe(200);
  });

  it('compares expiry with the clock that it is given', () => {
    const source = parts.tokens({ now: () => Date.UTC(2100, 0, 1) }).source('dynamics');
    expect(() => source.current()).toThrow('expired at');
  });
});

describe('a token without a volume', () => {
  it('is got, renewed when rejected, and kept in memory', async () => {
    const { gateway, acquirer, reissue } = parts;
    const tokens = endpointTokens({ reissue });
    const call = authorizedFetch(tokens.source('dynamics'), { origins: [gateway.url] });
    expect((await call(gateway.url)).status).toBe(200);
    revoke();
    const statuses = await Promise.all(Array.from({ length: 50 }, async () => (await call(gateway.url)).status));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect([acquirer.gets.length, acquirer.reissues.length]).toEqual([1, 1]);
    tokens.close();
  });
});

describe('current()', () => {
  it('costs well below a microsecond', () => {
    const source = parts.tokens().source('dynamics');
    const CALLS = 1_000_000;
    for (let call = 0; call < CALLS / 10; call += 1) source.current();
    const started = process.cpuUsage();
    for (let call = 0; call < CALLS; call += 1) source.current();
    const { user, system } = process.cpuUsage(started);
    // Some 0.05 µs are expected.
    expect((user + system) / CALLS).toBeLessThan(0.5);
  });
});

describe('the names', () => {
  it.each(['', 'Dynamics', '../x', 'a/b', '-a', 'a'.repeat(64)])('do not include %j for a token', (name) => {
    expect(() => parts.tokens().source(name)).toThrow(UsageError);
    expect(() => endpointTokens({ reissue: parts.reissue }).source(name)).toThrow('is named by a DNS label');
  });

  it.each(['', '..', 'a/b', '../a', '..data', 'a b'])('do not include %j for a key', (key) => {
    expect(() => parts.tokens().source('dynamics', { key })).toThrow('cannot be a key of a token volume');
  });
});

describe('an onFault that throws an error', () => {
  const onFault = (): never => {
    throw new Error('The log is full.');
  };

  it('does not take the place of the error of a call', async () => {
    await parts.endpoint.stop();
    const tokens = [
      parts.tokens({ onFault, rereadFor: 0 }),
      endpointTokens({ reissue: parts.reissue, onFault, rereadFor: 0 }),
    ];
    for (const one of tokens) {
      expect(await failure(one.source('dynamics').replace(parts.current().sha256))).toBeInstanceOf(ReissueError);
      one.close();
    }
  });

  it('does not keep a client from a newer token of the volume', async () => {
    await parts.endpoint.stop();
    const source = parts.tokens({ onFault }).source('dynamics');
    revoke();
    const calling = authorizedFetch(source, { origins: [parts.gateway.url] })(parts.gateway.url);
    const newer = freshToken({ issuedAt: Date.now() });
    parts.gateway.accepted.add(newer.sha256);
    setTimeout(() => parts.mount(newer), 300);
    expect((await calling).status).toBe(200);
  });
});

describe('a program without other work', () => {
  const WARNED = 'TokenAcquirerClientWarning: onFault failed, and its error was ignored. Catch errors in it.\n';

  async function run(task: string): Promise<{ output: Promise<string>; code: Promise<number | null> }> {
    const directory = join(parts.directory, '../later');
    mkdirSync(directory);
    const program = join(import.meta.dirname, '../fixtures/client-process.ts');
    const child = spawn(process.execPath, [program, directory, task], { stdio: ['ignore', 'pipe', 'inherit'] });
    keepOutput(child, 'client process');
    const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
    if (task === 'throws' || task === 'rejects') writeFileSync(join(directory, 'dynamics.json'), 'no JSON');
    const write = (): void => {
      for (const [key, value] of Object.entries(toVolumeData('dynamics', freshToken({ generation: 7 })))) {
        writeFileSync(join(directory, key), value);
      }
    };
    if (task === 'ready') setTimeout(write, 1000);
    // With time for the process to end of its own onFault.
    else if (task !== 'none') child.stdout.once('data', () => setTimeout(write, 500));
    return { output: text(child.stdout), code };
  }

  it.each([
    ['is kept alive by ready(), and ends after it', 'ready', 'generation 7\n'],
    ['is not kept alive by a source', 'none', 'nothing to wait for\n'],
    ['is not ended by an onFault that throws, nor is its source', 'throws', `fault\n${WARNED}generation 7\n`],
    ['is not ended by an onFault that rejects, nor is its source', 'rejects', `fault\n${WARNED}generation 7\n`],
  ])('%s', async (_, task, expected) => {
    const { output, code } = await run(task);
    expect([await output, await code]).toEqual([expected, 0]);
  });
});
