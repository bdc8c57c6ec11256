import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { ReissueError } from '../../src/core/errors.ts';
import { until } from '../support/until.ts';
import type { Client, Language } from './clients.ts';
import type { World, WorldOptions } from './world.ts';

const HOUR = 3_600_000;

export interface Situation {
  /** What a client does in it. */
  readonly name: string;
  /** What a client must be able to do for it to arise. */
  readonly needs?: Language['can'][number];
  readonly world?: WorldOptions;
  /** Before the client starts. */
  readonly prepare?: (world: World) => void;
  readonly run: (client: Client, world: World, call: (path?: string) => Promise<string>) => Promise<void>;
}

const tokensOf = (world: World): (string | undefined)[] => world.seen.map(({ token }) => token);

export const SITUATIONS: readonly Situation[] = [
  {
    name: 'uses the token that a swap of the volume brings',
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      const { sha256 } = world.issue();
      world.mount();
      await until('the new token', async () => (await call()) === '200' && tokensOf(world).at(-1) === sha256, 10_000);
      expect(world.reissues).toEqual([]);
    },
  },
  {
    name: 'replaces a revoked token in the same call, and goes on with the new one before and after the file follows',
    async run(client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      const body = world.body(60_000);
      expect(await client.call(`${world.gateway}/post`, { method: 'POST', body })).toBe('200');
      expect(world.seen.map(({ bytes }) => bytes)).toEqual([0, 60_000, 60_000]);
      expect(world.reissues.map(({ cause }) => cause)).toEqual(['revoked']);
      expect(await call()).toBe('200');
      world.mount();
      await pause(50);
      expect(await call()).toBe('200');
      expect([world.executed, world.seen.length, world.reissues.length]).toEqual([4, 5, 1]);
    },
  },
  {
    name: 'takes the newer token of the file after a rejection, and asks for none',
    world: { reissue: 'none' },
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      const answer = call();
      await pause(300);
      world.issue();
      world.mount();
      expect(await answer).toBe('200');
      expect(world.executed).toBe(2);
    },
  },
  {
    name: 'passes the 401 on if there is no reissue API and no other token, and does not wait again',
    world: { reissue: 'none' },
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      expect(await call()).toBe('401');
      const began = performance.now();
      expect(await call()).toBe('401');
      expect(performance.now() - began).toBeLessThan(5000);
      expect(world.seen).toHaveLength(3);
    },
  },
  {
    name: 'waits for the file if the reissue API cannot be reached',
    world: { reissue: 'unreachable' },
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      const answer = call();
      await pause(300);
      world.issue();
      world.mount();
      expect(await answer).toBe('200');
    },
  },
  {
    name: 'waits for the file if the answer of the reissue API has no token',
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      world.answersWithToken = false;
      const answer = call();
      await until('the reissue', () => world.reissues.length > 0, 20_000);
      await pause(1500);
      world.mount();
      expect(await answer).toBe('200');
      // At most once a second, and not with each look at the file.
      expect(world.reissues.length).toBeLessThanOrEqual(4);
    },
  },
  {
    name: 'never sends an expired token, and has it reissued',
    prepare(world) {
      world.issue(-60_000);
      world.mount();
    },
    async run(_client, world, call) {
      const expired = world.current.sha256;
      expect(await call()).toBe('200');
      expect(world.reissues.map(({ rejected, cause }) => [rejected, cause])).toEqual([[expired, 'expired']]);
      expect(tokensOf(world)).toEqual([world.current.sha256]);
    },
  },
  {
    name: 'never sends a token that expired while it was held',
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      const { sha256, expiresAt } = world.issue(5000);
      world.mount();
      await until('the next token', async () => (await call()) === '200' && tokensOf(world).at(-1) === sha256, 5000);
      await pause(expiresAt - Date.now());
      const before = world.seen.length;
      expect(await call()).toBe('200');
      expect(tokensOf(world).slice(before)).toEqual([world.current.sha256]);
      expect(world.reissues.map(({ cause }) => cause)).toEqual(['expired']);
    },
  },
  {
    name: 'never sends an expired token where there is no reissue API',
    world: { reissue: 'none' },
    prepare(world) {
      world.issue(-60_000);
      world.mount();
    },
    async run(_client, world, call) {
      const answer = call();
      await pause(500);
      expect(world.seen).toEqual([]);
      world.issue();
      world.mount();
      expect(await answer).toBe('200');
      expect(tokensOf(world)).toEqual([world.current.sha256]);
    },
  },
  {
    name: 'uses a valid token that has expired by its own clock, which is an hour ahead',
    world: { ahead: HOUR },
    async run(_client, world, call) {
      const { sha256 } = world.current;
      expect([await call(), await call()]).toEqual(['200', '200']);
      expect(tokensOf(world)).toEqual([sha256, sha256]);
      expect(world.reissues.map(({ cause }) => cause)).toEqual(['expired']);
    },
  },
  {
    name: 'replaces an expired token that is valid by its own clock, which is an hour behind',
    world: { ahead: -HOUR },
    prepare(world) {
      world.issue(-60_000);
      world.mount();
    },
    async run(_client, world, call) {
      expect([await call(), await call()]).toEqual(['200', '200']);
      expect(world.seen).toHaveLength(3);
      expect(world.reissues).toHaveLength(1);
    },
  },
  {
    name: 'waits once for the Retry-After of a 429, then asks again',
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      world.failures.push(new ReissueError('paused', { status: 429, retryAfter: 1000 }));
      expect(await call()).toBe('200');
      const [first, second] = world.reissues;
      expect(world.reissues).toHaveLength(2);
      // On a busy machine the first is seen late. Without the pause there would be a few milliseconds.
      expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(500);
    },
  },
  {
    name: 'passes the 401 on if the pause of a 429 is long, and does not ask before its end',
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      world.failures.push(new ReissueError('paused', { status: 429, retryAfter: 60_000 }));
      expect([await call(), await call()]).toEqual(['401', '401']);
      expect(world.reissues).toHaveLength(1);
      expect(world.seen).toHaveLength(3);
    },
  },
  {
    name: 'keeps its token while the file is half-written',
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      const { sha256 } = world.current;
      world.issue();
      world.mount(0.5);
      await pause(50);
      expect(await call()).toBe('200');
      world.mountMixed();
      await pause(50);
      expect(await call()).toBe('200');
      expect(tokensOf(world)).toEqual([sha256, sha256, sha256]);
      world.mount();
      await until('the new token', async () => (await call()) === '200' && tokensOf(world).at(-1) !== sha256, 10_000);
      expect(world.reissues).toEqual([]);
    },
  },
  {
    name: 'waits for a file that is half-written at its start',
    prepare: (world) => world.mount(0.5),
    async run(_client, world, call) {
      const answer = call();
      await pause(300);
      world.mount();
      expect(await answer).toBe('200');
    },
  },
  {
    name: 'sends no token to the target of a redirect to another origin, and does not mind its 401',
    async run(_client, world, call) {
      expect(await call('/redirect')).toMatch(/^(?:302|401)$/);
      expect(world.elsewhere.map(({ token }) => token)).toEqual(world.elsewhere.map(() => undefined));
      expect(world.reissues).toEqual([]);
    },
  },
  {
    name: 'sends no token over plain http to another machine',
    world: { plainHttp: true },
    async run(_client, world, call) {
      expect(await call()).not.toBe('200');
      expect(tokensOf(world).filter((token) => token !== undefined)).toEqual([]);
    },
  },
  {
    name: 'passes a 401 for insufficient_scope and a 403 on',
    async run(_client, world, call) {
      expect([await call('/scope'), await call('/forbidden')]).toEqual(['401', '403']);
      expect(world.seen).toHaveLength(2);
      expect(world.reissues).toEqual([]);
    },
  },
  {
    name: 'passes a second 401 on',
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      world.acceptsNew = false;
      expect(await call()).toBe('401');
      expect(world.seen).toHaveLength(3);
      expect(world.reissues).toHaveLength(1);
    },
  },
  {
    name: 'reports no token as revoked that a replay was rejected with, though other calls have it accepted',
    prepare: (world) => world.closed.add('/other'),
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      for (let times = 1; times <= 4; times += 1) expect([await call('/other'), await call()]).toEqual(['401', '200']);
      // A token-acquirer pauses longer and longer for the second cause, and never for the first.
      const causes = world.reissues.map(({ cause }) => cause);
      expect(causes).toEqual(['revoked', ...causes.slice(1).map(() => 'never_accepted')]);
      expect(world.executed).toBe(5);
    },
  },
  {
    name: 'sends its token for other calls while the one that was rejected waits for a pause',
    needs: 'callsTogether',
    prepare: (world) => world.closed.add('/other'),
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.failures.push(new ReissueError('paused', { status: 429, retryAfter: 20_000 }));
      const rejected = call('/other');
      await until('the reissue', () => world.reissues.length === 1, 10_000);
      const began = performance.now();
      expect(await call()).toBe('200');
      expect(performance.now() - began).toBeLessThan(10_000);
      void rejected;
    },
  },
  {
    name: 'sends its token for other calls while the reissue API does not answer',
    needs: 'callsTogether',
    prepare: (world) => world.closed.add('/other'),
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.holdReissues = true;
      const rejected = call('/other');
      await until('the reissue', () => world.reissues.length === 1, 10_000);
      const began = performance.now();
      expect(await call()).toBe('200');
      expect(performance.now() - began).toBeLessThan(5000);
      void rejected;
    },
  },
  {
    name: 'passes the 401 on if the token of the caller cannot be read',
    prepare: (world) => world.removeCallerToken(),
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      expect(await call()).toBe('401');
      expect(world.reissues).toEqual([]);
    },
  },
  {
    name: 'passes the 401 on if the reissue API answers with something else than JSON',
    world: { reissue: 'page' },
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      expect(await call()).toBe('401');
    },
  },
  {
    name: 'does not repeat a stream, and has another token for the next call',
    needs: 'stream',
    async run(client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      const answer = await client.call(`${world.gateway}/post`, {
        method: 'POST',
        body: world.body(100_000),
        streamed: true,
      });
      expect(answer).toBe('401');
      expect(await call()).toBe('200');
      expect([world.executed, world.reissues.length]).toEqual([2, 1]);
    },
  },
  {
    name: 'asks once for all calls that were rejected together',
    needs: 'callsTogether',
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      const answers = await Promise.all(Array.from({ length: 8 }, () => call()));
      expect(answers).toEqual(Array.from({ length: 8 }, () => '200'));
      expect([world.executed, world.reissues.length]).toEqual([9, 1]);
    },
  },
  {
    name: 'sends the token in the header that the volume names',
    prepare(world) {
      world.header = { name: 'X-Auth-Token', prefix: '' };
      world.mount();
    },
    async run(_client, world, call) {
      expect(await call()).toBe('200');
      world.revoke();
      expect(await call()).toBe('200');
      expect(world.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined, undefined]);
      expect(await call('/redirect')).toMatch(/^(?:302|401)$/);
      expect(world.elsewhere.map(({ token }) => token)).toEqual(world.elsewhere.map(() => undefined));
    },
  },
];
