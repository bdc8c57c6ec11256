import { describe, expect, it } from 'vitest';
import type { DemoEvent } from '../../src/demo/demo-event.ts';
import { judgeInterval } from '../../src/demo/scenes/interval.ts';
import { judgeIsolation } from '../../src/demo/scenes/isolation.ts';
import { judgeOutage } from '../../src/demo/scenes/outage.ts';
import { judgeRenewal } from '../../src/demo/scenes/regular-renewal.ts';
import { judgeRevocation, recoveryTime } from '../../src/demo/scenes/revocation.ts';
import type { Verdict } from '../../src/demo/scenes/scene.ts';
import { judgeSuspension } from '../../src/demo/scenes/suspension.ts';
import { at, callFailed, callsOk, inOrder, issuedAndStored, START, token } from './events.ts';

const APP = 'billing-app';
const OTHER = 'report-app';

interface Case {
  readonly name: string;
  readonly events: DemoEvent[];
  readonly held: boolean;
  readonly seen?: string;
}

function check(cases: readonly Case[], judge: (events: DemoEvent[]) => Verdict): void {
  it.each(cases)('$name', ({ events, held, seen }) => {
    const verdict = judge(events);
    expect(verdict.held).toBe(held);
    expect(verdict.seen).toContain(seen ?? '');
  });
}

const without = (events: DemoEvent[], kind: DemoEvent['kind']): DemoEvent[] =>
  events.filter((event) => event.kind !== kind);

describe('regular renewal', () => {
  const tokens = [token(1, 0), token(2, 13_000), token(3, 26_000)];
  const issued = tokens.flatMap((made) => issuedAndStored(APP, made));
  const calls = callsOk(APP, tokens[0]?.hash ?? '', 500, 34_000);
  const judge = (events: DemoEvent[]) => judgeRenewal(events, { app: APP, from: START, to: START + 34_000 });
  const late = issuedAndStored(APP, token(2, 13_000), 'renewal', 20_001);
  check(
    [
      {
        name: 'holds where two tokens ran out unnoticed',
        events: inOrder(issued, calls),
        held: true,
        seen: '2 expiries; renewed at least 7.0 s before; 34 calls ok, none failed',
      },
      {
        name: 'fails where one call failed',
        events: inOrder(issued, calls, callFailed(APP, 20_500)),
        held: false,
        seen: '1 failed',
      },
      {
        name: 'is not disturbed by another app',
        events: inOrder(issued, calls, callFailed(OTHER, 20_500)),
        held: true,
      },
      { name: 'fails where nothing was called', events: issued, held: false, seen: '0 calls ok' },
      {
        name: 'fails where only one token ran out',
        events: inOrder(issuedAndStored(APP, token(1, 0)), issuedAndStored(APP, token(2, 15_000)), calls),
        held: false,
        seen: '1 expiries',
      },
      {
        name: 'fails where a token came after the one before had expired',
        events: inOrder(issuedAndStored(APP, token(1, 0)), late, issuedAndStored(APP, token(3, 26_000)), calls),
        held: false,
        seen: 'renewed 0.00 s too late',
      },
      {
        name: 'fails where a reissue was needed',
        events: inOrder(issued, calls, issuedAndStored(APP, token(4, 30_000), 'reissue')),
        held: false,
      },
    ],
    judge,
  );
});

describe('revocation', () => {
  const revoked = token(1, 0);
  const next = token(2, 5300);
  const rejected = at(5000, { kind: 'verdict', hash: revoked.hash, status: 401 });
  const recovered = at(5250, { kind: 'verdict', hash: next.hash, status: 200 });
  const before = [...issuedAndStored(APP, revoked), ...callsOk(APP, revoked.hash, 500, 4000)];
  const after = [...issuedAndStored(APP, next, 'reissue', 5200), ...callsOk(APP, next.hash, 5300, 8000)];
  const marks = { app: APP, revoked: revoked.hash, from: START + 4000, to: START + 8000 };
  check(
    [
      {
        name: 'holds where one reissue cured it',
        events: inOrder(before, rejected, recovered, after),
        held: true,
        seen: 'recovered 0.25 s after the first 401; 1 reissued; 3 calls ok, none failed',
      },
      {
        name: 'fails where the app saw the failure',
        events: inOrder(before, rejected, recovered, after, callFailed(APP, 5001)),
        held: false,
      },
      {
        name: 'fails where two reissues were made',
        events: inOrder(before, rejected, recovered, after, issuedAndStored(APP, token(3, 6000), 'reissue')),
        held: false,
        seen: '2 reissued',
      },
      {
        name: 'fails where a scheduled renewal came instead',
        events: inOrder(
          before,
          rejected,
          recovered,
          issuedAndStored(APP, next, 'renewal', 5200),
          callsOk(APP, next.hash, 5300, 8000),
        ),
        held: false,
        seen: '0 reissued',
      },
      {
        name: 'fails where the gateway never rejected the token',
        events: inOrder(before, recovered, after),
        held: false,
        seen: 'no recovery',
      },
    ],
    (events) => judgeRevocation(events, marks),
  );

  it.each([
    ['no next token', [rejected], undefined],
    ['a next token that the gateway never saw', [rejected], next.hash],
    ['a next token accepted before the rejection', [recovered, at(6000, { ...rejected })], next.hash],
  ] as const)('measures no recovery with %s', (_name, events, hash) => {
    expect(recoveryTime([...events], revoked.hash, hash)).toBeUndefined();
  });
});

describe('interval', () => {
  const before = token(1, 0);
  const moved = { ...before, renewAt: START + 5500 };
  const written = at(2100, { kind: 'rescheduled', app: APP, token: moved });
  const renewed = issuedAndStored(APP, token(2, 5600));
  const calls = callsOk(APP, before.hash, 0, 8000);
  const marks = { app: APP, before, from: START + 2000, to: START + 8000 };
  check(
    [
      {
        name: 'holds where the same token is renewed earlier, when it says',
        events: inOrder(written, renewed, calls),
        held: true,
        seen: 'renewal moved from 13.0 s to 5.5 s after issue, 0.10 s after the write; renewed at 5.6 s; 5 calls ok',
      },
      { name: 'fails where nothing moved', events: inOrder(renewed, calls), held: false, seen: 'did not move' },
      { name: 'fails where nothing was renewed', events: inOrder(written, calls), held: false },
      {
        name: 'fails where the renewal came much later than renew_at',
        events: inOrder(written, issuedAndStored(APP, token(2, 9500)), calls),
        held: false,
      },
      {
        name: 'fails where renew_at moved to later',
        events: inOrder(
          at(2100, { kind: 'rescheduled', app: APP, token: { ...before, renewAt: START + 14_000 } }),
          renewed,
          calls,
        ),
        held: false,
      },
      {
        name: 'fails where another token was rescheduled',
        events: inOrder(
          at(2100, { kind: 'rescheduled', app: APP, token: { ...moved, generation: 1 } }),
          renewed,
          calls,
        ),
        held: false,
      },
      {
        name: 'fails where a call failed in the meantime',
        events: inOrder(written, renewed, calls, callFailed(APP, 5000)),
        held: false,
      },
      {
        name: 'fails where a reissue, not a renewal, brought the token',
        events: inOrder(written, issuedAndStored(APP, token(2, 5600), 'reissue'), calls),
        held: false,
      },
    ],
    (events) => judgeInterval(events, marks),
  );
});

describe('suspension', () => {
  const before = issuedAndStored(APP, token(1, 0, { renewAt: START + 5000 }));
  const suspended = at(1500, { kind: 'suspended', app: APP });
  const resumed = issuedAndStored(APP, token(2, 9300));
  const marks = { app: APP, stopped: START + 1000, started: START + 9000, to: START + 10_000 };
  const calls = callsOk(APP, '00000002', 9500, 10_000);
  check(
    [
      {
        name: 'holds where nothing was requested while a renewal was due, and a token came after',
        events: inOrder(before, suspended, resumed, calls),
        held: true,
        seen: '0 token requests in 8.0 s, though one was due; a new token 0.30 s after the start',
      },
      {
        name: 'fails where a token was requested anyway',
        events: inOrder(
          before,
          suspended,
          at(5000, { kind: 'token-requested', app: APP, letThrough: true }),
          resumed,
          calls,
        ),
        held: false,
        seen: '1 token requests',
      },
      {
        name: 'is not disturbed by requests for another app',
        events: inOrder(
          before,
          suspended,
          at(5000, { kind: 'token-requested', app: OTHER, letThrough: true }),
          resumed,
          calls,
        ),
        held: true,
      },
      {
        name: 'fails where no renewal would have been due anyway',
        events: inOrder(issuedAndStored(APP, token(1, 0)), suspended, resumed, calls),
        held: false,
        seen: 'not due',
      },
      { name: 'fails where the token-acquirer said nothing', events: inOrder(before, resumed, calls), held: false },
      {
        name: 'fails where no request was ever seen, so that none proves nothing',
        events: without(inOrder(before, suspended, resumed, calls), 'token-requested'),
        held: false,
        seen: '0 token requests',
      },
      { name: 'fails where nothing resumed', events: inOrder(before, suspended), held: false, seen: 'no token since' },
      {
        name: 'fails where the first call after the start failed',
        events: inOrder(before, suspended, resumed, callFailed(APP, 9100), calls),
        held: false,
      },
    ],
    (events) => judgeSuspension(events, marks),
  );
});

describe('outage', () => {
  const before = token(1, 0);
  const refused = [5000, 6100, 7200].flatMap((after) => [
    at(after, { kind: 'token-requested', app: APP, letThrough: false }),
    at(after + 5, { kind: 'request-failed', app: APP, message: 'No answer.', retryIn: 1000 }),
  ]);
  const recovered = issuedAndStored(APP, token(2, 8000));
  const calls = callsOk(APP, before.hash, 0, 9000);
  const marks = { app: APP, down: START + 100, up: START + 7300, to: START + 9000, expiresAt: before.expiresAt };
  check(
    [
      {
        name: 'holds where it was tried again until it went well, and no call failed',
        events: inOrder(refused, recovered, calls),
        held: true,
        seen: '3 attempts failed in 7.2 s; a new token 0.70 s after its end; 8 calls ok, none failed',
      },
      {
        name: 'fails where a call failed',
        events: inOrder(refused, recovered, calls, callFailed(APP, 6000)),
        held: false,
      },
      { name: 'fails where nobody called', events: inOrder(refused, recovered), held: false },
      { name: 'fails where it was tried less often', events: inOrder(refused.slice(2), recovered, calls), held: false },
      { name: 'fails without a recovery', events: inOrder(refused, calls), held: false, seen: 'no recovery' },
      {
        name: 'fails where the token-acquirer said nothing of it',
        events: without(inOrder(refused, recovered, calls), 'request-failed'),
        held: false,
      },
    ],
    (events) => judgeOutage(events, marks),
  );

  it('fails where the recovery came after the token had expired', () => {
    const events = inOrder(refused, recovered, calls);
    expect(judgeOutage(events, { ...marks, expiresAt: START + 7500 }).held).toBe(false);
  });
});

describe('isolation', () => {
  const marks = {
    revokedApp: APP,
    otherApp: OTHER,
    revoked: 'aaaaaaaa',
    untouched: 'bbbbbbbb',
    from: START + 1000,
    to: START + 4000,
  };
  const rejected = at(1500, { kind: 'verdict', hash: 'aaaaaaaa', status: 401 });
  const reissued = issuedAndStored(APP, token(3, 1600), 'reissue');
  const calls = callsOk(OTHER, 'bbbbbbbb', 1000, 4000);
  check(
    [
      {
        name: 'holds where only the one app got a new token',
        events: inOrder(rejected, reissued, calls),
        held: true,
        seen: 'report-app kept its token; 2 calls ok, none failed; billing-app got a new one',
      },
      {
        name: 'holds where the other is stored anew, the same as before',
        events: inOrder(
          rejected,
          reissued,
          calls,
          at(2000, { kind: 'stored', app: OTHER, token: token(4, 0, { hash: 'bbbbbbbb' }) }),
        ),
        held: true,
      },
      {
        name: 'fails where the other got one too',
        events: inOrder(rejected, reissued, calls, issuedAndStored(OTHER, token(4, 2000))),
        held: false,
        seen: 'got another token',
      },
      {
        name: 'fails where the other was rejected as well',
        events: inOrder(rejected, reissued, calls, at(2000, { kind: 'verdict', hash: 'bbbbbbbb', status: 401 })),
        held: false,
      },
      { name: 'fails where the revoked token was never rejected', events: inOrder(reissued, calls), held: false },
      { name: 'fails where nothing was reissued', events: inOrder(rejected, calls), held: false, seen: 'got none' },
      { name: 'fails where the other called nothing', events: inOrder(rejected, reissued), held: false },
      {
        name: "fails where the other's call failed",
        events: inOrder(rejected, reissued, calls, callFailed(OTHER, 2000)),
        held: false,
      },
    ],
    (events) => judgeIsolation(events, marks),
  );
});
