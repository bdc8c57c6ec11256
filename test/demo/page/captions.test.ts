import { describe, expect, it } from 'vitest';
import type { AuthorizationServerState, Deed, DemoEvent } from '../../../src/demo/demo-event.ts';
import { type Caption, Captions } from '../../../src/demo/page/captions.ts';
import { at, callFailed, inOrder, issuedAndStored, START, token } from '../events.ts';

const APP = 'billing-app';
const first = token(1, 0);
const second = token(2, 13_000);

function captions(...events: readonly (DemoEvent | readonly DemoEvent[])[]): Caption[] {
  const teller = new Captions();
  return inOrder(...events).flatMap((event) => teller.of(event) ?? []);
}

function last(...events: readonly (DemoEvent | readonly DemoEvent[])[]): string | undefined {
  const caption = captions(...events).at(-1);
  return caption && `${caption.mood}: ${caption.text}`;
}

const deed = (after: number, done: Deed): DemoEvent => at(after, { kind: 'act', text: 'does something', deed: done });
const rejected = (after: number, hash: string): DemoEvent => at(after, { kind: 'verdict', hash, status: 401 });
const accepted = (after: number, hash: string): DemoEvent => at(after, { kind: 'verdict', hash, status: 200 });
const callOk = (after: number): DemoEvent => at(after, { kind: 'call', app: APP, ok: true, outcome: 'ok 200' });
const failed = (after: number): DemoEvent =>
  at(after, { kind: 'request-failed', app: APP, message: 'No.', retryIn: 1000 });
const reissue = (after: number, result: string): DemoEvent => at(after, { kind: 'reissue', app: APP, result });

describe('the captions of the regular course', () => {
  it('begin with the first token', () => {
    expect(last(issuedAndStored(APP, first))).toBe(
      'plain: billing-app received its first token, in a file only it can read.',
    );
  });

  it('show a renewal with the time that was left', () => {
    expect(last(issuedAndStored(APP, first), issuedAndStored(APP, second))).toBe(
      'plain: The token of billing-app was renewed 7.0 s before expiry. Calls continue without interruption.',
    );
  });

  it('have no word for calls, verdicts and stores', () => {
    expect(captions(issuedAndStored(APP, first), accepted(1000, first.hash), callOk(1010))).toHaveLength(1);
  });

  it('do not replace within 8 s what is not regular', () => {
    const revocation = deed(8000, { kind: 'revocation', app: 'report-app', hash: 'ffffffff' });
    const events = [...issuedAndStored(APP, first), revocation, ...issuedAndStored(APP, second)];
    expect(last(...events)).toContain('was revoked');
    const third = token(3, 21_200);
    expect(last(...events, ...issuedAndStored(APP, third))).toContain('was renewed');
  });
});

describe('a revocation', () => {
  const third = token(3, 15_010);
  const begin = [
    ...issuedAndStored(APP, first),
    ...issuedAndStored(APP, second),
    deed(14_500, { kind: 'revocation', app: APP, hash: second.hash }),
    rejected(15_000, second.hash),
  ];

  it('is announced', () => {
    expect(last(begin.slice(0, -1))).toBe(
      'act: The token of billing-app was revoked. The gateway will reject it at its next call.',
    );
  });

  it('is shown when the gateway notices', () => {
    expect(last(begin)).toBe('bad: The gateway rejected the token of billing-app.');
  });

  it('is shown with the recovery and the time that it took', () => {
    const recovery = [
      ...issuedAndStored(APP, third, 'reissue'),
      reissue(15_060, 'reissued'),
      accepted(15_080, third.hash),
      callOk(15_090),
    ];
    expect(last(begin, recovery)).toBe(
      'good: The gateway rejected the token of billing-app. The client asked for a reissue, got a new token after 0.08 s, and the retry succeeded.',
    );
  });

  it('is shown the same where the log of the reissue comes last', () => {
    const recovery = [...issuedAndStored(APP, third, 'reissue'), accepted(15_080, third.hash), callOk(15_090)];
    expect(last(begin, recovery, reissue(15_100, 'reissued'))).toContain('asked for a reissue, got a new token');
  });

  it('is shown the same where the call that used the token is reported before the reissue', () => {
    const found = last(begin, accepted(15_080, third.hash), callOk(15_090));
    expect(found).toContain('Its file already had a newer token');
    const reported = [...issuedAndStored(APP, third, 'reissue'), reissue(15_100, 'reissued')];
    expect(last(begin, accepted(15_080, third.hash), callOk(15_090), reported)).toContain(
      'asked for a reissue, got a new token after 0.08 s',
    );
  });

  it('stays as it was where a reissue has nothing to do with it', () => {
    const recovery = [...issuedAndStored(APP, third), accepted(15_080, third.hash), callOk(15_090)];
    expect(last(begin, recovery, reissue(17_100, 'newer'))).toContain('Its file already had a newer token');
  });

  it('is shown as read where the file held a newer one', () => {
    const events = [...issuedAndStored(APP, first), ...issuedAndStored(APP, second), rejected(14_000, first.hash)];
    expect(last(events, accepted(14_020, second.hash), callOk(14_030))).toBe(
      'good: The gateway rejected the token of billing-app. Its file already had a newer token after 0.02 s, and the retry succeeded.',
    );
  });

  it('is shown once, not at each further rejection', () => {
    expect(captions(begin, rejected(15_020, second.hash))).toHaveLength(captions(begin).length);
  });
});

describe('calls that fail', () => {
  const begin = [...issuedAndStored(APP, first), rejected(2000, first.hash)];

  it('are shown at the first one, with how it ended', () => {
    expect(last(begin, callFailed(APP, 2010, 'rejected 401'), callFailed(APP, 3010))).toBe(
      'bad: A call from billing-app failed (rejected 401).',
    );
  });

  it('are explained while the token-acquirer pauses', () => {
    expect(last(begin, reissue(2005, 'paused'), callFailed(APP, 2010, 'rejected 401'))).toBe(
      'bad: A call from billing-app failed (rejected 401). Its new token was rejected immediately as well. token-acquirer pauses before it requests another.',
    );
  });

  it('are explained while the gateway rejects all', () => {
    const gateway = deed(1500, { kind: 'gateway', state: 'rejecting' });
    expect(last(gateway, begin, reissue(2005, 'paused'), callFailed(APP, 2010, 'rejected 401'))).toBe(
      'bad: A call from billing-app failed (rejected 401). A new token cannot help while the gateway rejects every token.',
    );
  });

  it('are shown to be over with their number', () => {
    expect(last(begin, callFailed(APP, 2010), callFailed(APP, 3010), callOk(4000))).toBe(
      'good: Calls from billing-app succeed again, after 2 failures.',
    );
    expect(last(begin, callFailed(APP, 2010), callOk(4000))).toContain('succeed again, after one failure.');
  });

  it('are not shown for tokens that no app was seen to get', () => {
    expect(captions(rejected(0, 'ffffffff'), at(1, { kind: 'verdict', hash: undefined, status: 401 }))).toEqual([]);
  });
});

describe('token requests that fail', () => {
  it('are shown at the first one, with what is kept and the next try', () => {
    expect(last(issuedAndStored(APP, first), failed(13_000), failed(14_000))).toBe(
      'bad: The authorization server issued no token. billing-app keeps its current token, valid for another 7.0 s. Retrying in 1.0 s.',
    );
  });

  it('are shown where no token is left', () => {
    expect(last(failed(0))).toContain('billing-app has no valid token left. Retrying in');
    expect(last(issuedAndStored(APP, first), failed(20_000))).toContain('has no valid token left');
  });

  it.each([
    [1, 15_000, 'one failed request, 5.0 s before the old one expired'],
    [3, 21_000, '3 failed requests, after the old one had expired'],
  ])('are shown to be over after %d', (count, when, expected) => {
    const failures = Array.from({ length: count }, (_, number) => failed(13_000 + number * 1000));
    expect(last(issuedAndStored(APP, first), failures, issuedAndStored(APP, token(2, when)))).toBe(
      `good: billing-app got a new token after ${expected}.`,
    );
  });
});

describe('an act of the user', () => {
  it.each<[AuthorizationServerState, string]>([
    ['normal', 'normally again'],
    ['down', 'dropped'],
    ['failing', '500'],
    ['rejecting', 'invalid_client'],
    ['slow', '3 s'],
  ])('on the authorization server is shown: %s', (state, expected) => {
    expect(last(deed(0, { kind: 'authorization-server', state }))).toContain(expected);
  });

  it('on the gateway is shown', () => {
    expect(last(deed(0, { kind: 'gateway', state: 'rejecting' }))).toBe(
      'act: From now on the gateway rejects every token.',
    );
    expect(last(deed(0, { kind: 'gateway', state: 'normal' }))).toBe('act: The gateway is back to normal.');
  });

  it.each([
    [18_000, 'Next renewal in 4.0 s'],
    [13_500, 'The next renewal is due immediately'],
  ])('on the interval is shown by its effect: %#', (renewAfter, expected) => {
    const change = at(14_000, { kind: 'rescheduled', app: APP, token: { ...second, renewAt: START + renewAfter } });
    expect(last(deed(13_900, { kind: 'interval', app: APP, interval: '5s' }), change)).toBe(
      `plain: The renewal interval of billing-app changed. ${expected}.`,
    );
  });

  it('on an app is shown by its effect', () => {
    const begin = issuedAndStored(APP, first);
    expect(last(begin, at(9000, { kind: 'suspended', app: APP }))).toBe(
      'plain: billing-app is not running, so no more tokens are requested for it.',
    );
    expect(last(begin, at(9000, { kind: 'resumed', app: APP }))).toContain('is running again');
  });

  it.each([
    ['long ago', 61_001, 'billing-app was stopped.'],
    [
      'just now',
      60_999,
      'billing-app was stopped. It asked for a reissue within the last minute, which counts as running, so its token is still renewed.',
    ],
  ])('on an app that asked for a reissue %s is shown', (_name, after, expected) => {
    const stop = at(after, { kind: 'stopped', who: APP });
    expect(last(issuedAndStored(APP, first), reissue(1000, 'reissued'), stop)).toBe(`plain: ${expected}`);
  });

  it('is not shown where an app merely starts for the first time', () => {
    expect(captions(at(0, { kind: 'suspended', app: APP }), at(1, { kind: 'resumed', app: APP }))).toEqual([]);
  });

  it('is not shown where the demo does not say what it was', () => {
    expect(captions(at(0, { kind: 'act', text: 'does something' }))).toEqual([]);
  });
});
