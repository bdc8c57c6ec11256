import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, vi } from 'vitest';
import { sha256 } from '../../../src/core/token.ts';
import { secret } from '../../support/secrets.ts';
import { until } from '../../support/until.ts';
import { startIntrospectionFront } from '../introspection-front.ts';
import { row } from '../row.ts';
import type { FrontAnswer } from '../token-endpoint-front.ts';

vi.setConfig({ maxConcurrency: 3 });

const A_SECOND = 1000;
const RENEWED_OFTEN = { lifetime: 60, more: { renewal: { interval: '2s' } } };
const MEGABYTES = 10 * 1024 * 1024;

const closing: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(closing.map((close) => close())));

/** Answers with 200 that are no token. */
function malformedAnswers(): [sentence: string, answer: FrontAnswer][] {
  const token = secret('access-token');
  const gzip = { 'content-encoding': 'gzip', 'content-type': 'application/json' };
  return [
    ['JSON that ends too early', { body: '{"access_token":' }],
    ['an HTML page', { body: '<html>Sign in</html>', headers: { 'content-type': 'text/html' } }],
    ['10 MB', { body: `{"access_token":"${token}","filler":"${'x'.repeat(MEGABYTES)}"}` }],
    ['a gzip bomb', { body: gzipSync(Buffer.alloc(MEGABYTES, ' ')), headers: gzip }],
    ['no access token', { body: { token_type: 'Bearer', expires_in: 60 } }],
    ['a token of the type mac', { body: { access_token: token, token_type: 'mac', expires_in: 60 } }],
    ['a token with a line break', { body: { access_token: `${token}\r\nx: y`, token_type: 'Bearer' } }],
    ['a token of 20 KiB', { body: { access_token: 'x'.repeat(20_480), token_type: 'Bearer' } }],
  ];
}

/** What servers state as the lifetime. */
const LIFETIMES: Readonly<Record<string, unknown>> = {
  missing: undefined,
  zero: 0,
  negative: -1,
  text: '3600',
  endless: 1e12,
  short: 3,
  second: 1,
  none: null,
};

describe('an answer of the token endpoint', () => {
  row('F7', async (run) => {
    await Promise.all(
      (
        [
          ['invalid_grant', 'InvalidGrant'],
          ['invalid_scope', 'InvalidScope'],
        ] as const
      ).map(async ([error, reason]) => {
        const world = await run.world({ ...RENEWED_OFTEN });
        world.front.answer = () => ({ status: 400, body: { error } });
        await world.acquirer.logged('token-request-failed');
        const { length } = world.front.requests;
        const current = world.document.sha256;
        await world.goOn(4000);
        expect(world.front.requests).toHaveLength(length);
        expect(world.document.sha256).toBe(current);
        expect(await world.condition('Renewed')).toMatchObject({ status: 'False', reason });
        expect(world.calls.figures.failed).toBe(0);
      }),
    );
  });

  row('F8', async (run) => {
    const answers = malformedAnswers();
    const codes: unknown[] = [];
    await Promise.all(
      [answers.slice(0, 4), answers.slice(4)].map(async (share) => {
        const world = await run.world({
          ...RENEWED_OFTEN,
          prepare: ({ front }) => void (front.answer = (request) => share[request - 1]?.[1]),
        });
        const { sha256: before } = world.document;
        await world.acquirer.logged('token-request-failed', share.length);
        expect(world.document.sha256).toBe(before);
        await world.renewed(before);
        expect(world.acquirer.count('token-request-failed')).toBe(share.length);
        codes.push(...world.acquirer.lines.map(({ code }) => code).filter((code) => code !== undefined));
        expect(world.calls.figures.failed).toBe(0);
      }),
    );
    expect(codes).toHaveLength(answers.length);
  });

  row('F9', async (run) => {
    const kinds = Object.keys(LIFETIMES);
    const world = await run.world({
      secrets: ['billing-tokens', ...kinds],
      more: (name) => ({ parameters: { kind: name } }),
      prepare: ({ front }) => {
        front.answer = (_, form) => {
          const kind = form.get('kind') ?? '';
          return kind in LIFETIMES ? { rewrite: (fields) => ({ ...fields, expires_in: LIFETIMES[kind] }) } : undefined;
        };
      },
    });
    await world.goOn(8000);
    const { tokens } = await world.acquirer.status();
    // On a busy machine a token of one or three seconds may end before the next one is stored.
    const lasting = tokens.filter(({ token }) => !/\/(?:second|short)\//.test(token));
    expect(lasting.map(({ state }) => state)).toEqual(lasting.map(() => 'Valid'));
    for (const kind of kinds) {
      const times = world.front.requests.filter(({ form }) => form.get('kind') === kind).map(({ at }) => at);
      const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
      expect([kind, times.length]).toEqual([kind, ['short', 'second'].includes(kind) ? expect.any(Number) : 1]);
      // One a second; the first one may have been on its way for a second.
      expect(times.length).toBeLessThanOrEqual(2 + span / A_SECOND);
    }
    expect(world.calls.figures.failed).toBe(0);
  });

  row('F10', async (run) => {
    let first: object | undefined;
    let isNew = false;
    const world = await run.world({
      lifetime: 20,
      more: { renewal: { interval: '2s' } },
      prepare: ({ front }) => {
        front.answer = () => ({ rewrite: (fields) => (isNew ? fields : (first ??= fields)) });
      },
    });
    const link = (): string => readlinkSync(join(world.stage.workplace.volume(), '..data'));
    const before = link();
    expect(await world.acquirer.logged('token-request-failed')).toMatchObject({ code: 'same_token' });
    await world.goOn(2000);
    expect(link()).toBe(before);
    expect(world.front.requests.length).toBeLessThanOrEqual(3);
    expect(world.acquirer.count('token-stored')).toBe(1);
    isNew = true;
    await until('Another token', () => link() !== before, 60_000);
    expect(world.calls.figures.failed).toBe(0);
  });

  row('F11', async (run) => {
    const LAG = 1500;
    const seen = new Map<string, number>();
    // The first token has been known for long.
    const accepts = (token: string): boolean => {
      const since = seen.get(token) ?? (seen.size === 0 ? 0 : performance.now());
      seen.set(token, since);
      return performance.now() - since >= LAG;
    };
    let verdicts = 0;
    const world = await run.world({
      lifetime: 60,
      more: { renewal: { interval: '8s' } },
      introspectedBy: async (endpoint) => {
        const front = await startIntrospectionFront(endpoint, (token, active) => {
          verdicts += 1;
          return active && accepts(token);
        });
        closing.push(() => front.stop());
        return front.url;
      },
    });
    const { sha256: before } = world.document;
    await world.renewed(before);
    const { sha256: after, access_token: token } = world.document;
    await world.goOn(LAG + 500);
    expect(world.acquirer.count('reissue')).toBe(0);
    expect(sha256(token)).toBe(after);
    await until('The new token', () => world.source.current().sha256 === after, 5000);
    expect(world.front.requests.length).toBeLessThanOrEqual(3);
    expect(world.calls.figures.failed).toBe(0);
    // A call that is rejected is replayed once; the others are sent once.
    expect(verdicts).toBeLessThanOrEqual(2 * world.calls.figures.calls + 20);
  });
});
