import { describe, expect, it } from 'vitest';
import type { DemoEvent } from '../../src/demo/demo-event.ts';
import { Storyteller } from '../../src/demo/story.ts';
import { at, callFailed, callsOk, issuedAndStored, token } from './events.ts';

const APP = 'billing-app';

function tell(...events: readonly (DemoEvent | readonly DemoEvent[])[]): string[] {
  const storyteller = new Storyteller();
  return events.flat().flatMap((event) => {
    const line = storyteller.tell(event);
    return line === undefined ? [] : [`${line.who}: ${line.text} (${line.mood})`];
  });
}

describe('one event, one line', () => {
  it.each<[string, DemoEvent, string]>([
    [
      'a part that listens',
      at(0, { kind: 'listening', who: 'gateway', what: 'url', url: 'http://127.0.0.1:1' }),
      'gateway: listens on http://127.0.0.1:1 (plain)',
    ],
    ['an app that starts', at(0, { kind: 'started', who: APP }), 'billing-app: started (plain)'],
    ['an app that stops', at(0, { kind: 'stopped', who: APP }), 'billing-app: stopped (plain)'],
    ["the demo's own act", at(0, { kind: 'act', text: 'revokes' }), 'demo: revokes (act)'],
    [
      'a token rescheduled',
      at(1000, { kind: 'rescheduled', app: APP, token: token(1, 0, { renewAt: token(1, 6000).issuedAt }) }),
      'token-acquirer: billing-app: the interval changed, next renewal in 5.0 s (plain)',
    ],
    [
      'a token request that failed',
      at(0, { kind: 'request-failed', app: APP, message: 'No answer.', retryIn: 1000 }),
      'token-acquirer: billing-app: No answer. Next try in 1.0 s. (bad)',
    ],
    [
      'a suspension',
      at(0, { kind: 'suspended', app: APP }),
      'token-acquirer: billing-app is not running: suspended (plain)',
    ],
    ['its end', at(0, { kind: 'resumed', app: APP }), 'token-acquirer: billing-app is running again: resumed (plain)'],
    [
      'a reissue',
      at(0, { kind: 'reissue', app: APP, result: 'reissued' }),
      'token-acquirer: billing-app asked for a reissue: reissued (plain)',
    ],
    ['anything else', at(0, { kind: 'notice', who: 'demo', message: 'Look.' }), 'demo: Look. (plain)'],
    [
      'a request without a token',
      at(0, { kind: 'verdict', hash: undefined, status: 401 }),
      'gateway: a request without a token: 401 invalid_token (bad)',
    ],
    [
      'an authorization server that cannot be asked',
      at(0, { kind: 'verdict', hash: 'abcdef01', status: 503 }),
      'gateway: token abcdef01…: 503, the authorization server cannot be asked (bad)',
    ],
    ['a failed call', callFailed(APP, 0, 'HTTP 503'), 'billing-app: call failed: HTTP 503 (bad)'],
  ])('%s', (_name, event, expected) => {
    expect(tell(event)).toEqual([expected]);
  });
});

describe('tokens', () => {
  const first = token(1, 0);

  it('are shown when issued, with generation, hash, expiry and renewal', () => {
    expect(tell(issuedAndStored(APP, first))).toEqual([
      `token-acquirer: billing-app: token issued, generation ${first.generation}, sha256 00000001…, expires in 20.0 s, renewal in 13.0 s (good)`,
    ]);
  });

  it('are shown as reissued where a reissue brought them', () => {
    expect(tell(issuedAndStored(APP, first, 'reissue'))[0]).toContain('billing-app: token reissued, generation');
  });

  it('show a renewal as immediate where it is due', () => {
    const late = at(14_000, { kind: 'rescheduled', app: APP, token: first });
    expect(tell(late)[0]).toContain('next renewal immediately');
  });

  it('need no separate line for the request and the storing', () => {
    expect(tell(issuedAndStored(APP, first))).toHaveLength(1);
    expect(tell(at(0, { kind: 'token-requested', app: APP, letThrough: false }))).toEqual([]);
  });

  it('are shown with their app when the gateway rejects them', () => {
    const rejected = at(1000, { kind: 'verdict', hash: first.hash, status: 401 });
    expect(tell(issuedAndStored(APP, first), rejected).at(-1)).toBe(
      'gateway: token 00000001… of billing-app: 401 invalid_token (bad)',
    );
  });

  it('need no line when the gateway accepts them', () => {
    expect(tell(at(0, { kind: 'verdict', hash: first.hash, status: 200 }))).toEqual([]);
  });
});

describe('calls', () => {
  it('are shown at the first success, then five at a time', () => {
    expect(tell(callsOk(APP, '0', 0, 11_000))).toEqual([
      'billing-app: call ok (good)',
      'billing-app: 5 calls ok (good)',
      'billing-app: 5 calls ok (good)',
    ]);
  });

  it('are shown immediately after a failure', () => {
    const lines = tell(callsOk(APP, '0', 0, 3000), callFailed(APP, 3000), callsOk(APP, '0', 4000, 5000));
    expect(lines.slice(1)).toEqual(['billing-app: call failed: 401 (bad)', 'billing-app: call ok again (good)']);
  });

  it('are shown with the time since the rejection that they recovered from', () => {
    const first = token(1, 0);
    const second = token(2, 5000);
    const lines = tell(
      issuedAndStored(APP, first),
      callsOk(APP, first.hash, 0, 2000),
      at(5000, { kind: 'verdict', hash: first.hash, status: 401 }),
      at(5100, { kind: 'verdict', hash: first.hash, status: 401 }),
      issuedAndStored(APP, second, 'reissue'),
      callsOk(APP, second.hash, 5210, 7000),
    );
    expect(lines.at(-1)).toBe('billing-app: call ok, 0.21 s after the rejection (good)');
  });

  it('are counted for each app', () => {
    const other = callsOk('report-app', '0', 0, 1000);
    expect(tell(callsOk(APP, '0', 0, 4000), other)).toEqual([
      'billing-app: call ok (good)',
      'report-app: call ok (good)',
    ]);
  });
});
