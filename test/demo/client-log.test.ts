import { describe, expect, it } from 'vitest';
import { readClientLine } from '../../src/demo/client-log.ts';
import type { Happening } from '../../src/demo/demo-event.ts';

const app = 'billing-app';

describe("a client app's log, as the demo reads it", () => {
  it.each<[string, object, Happening | undefined]>([
    [
      'a call that went well',
      { event: 'call', ok: true, outcome: 'ok', status: 200, requests: 1, took_ms: 5 },
      { kind: 'call', app, ok: true, outcome: 'ok 200', requests: 1 },
    ],
    [
      'a call that was sent again, with the token that it ended with',
      { event: 'call', ok: true, outcome: 'ok', status: 200, requests: 2, took_ms: 5, sha256: '3fa9c1d2' },
      { kind: 'call', app, ok: true, outcome: 'ok 200', requests: 2, hash: '3fa9c1d2' },
    ],
    [
      'a call that was rejected',
      { event: 'call', ok: false, outcome: 'rejected', status: 401, requests: 2, took_ms: 5 },
      { kind: 'call', app, ok: false, outcome: 'rejected 401', requests: 2 },
    ],
    [
      'a call without an answer',
      { event: 'call', ok: false, outcome: 'unreachable', message: 'ECONNREFUSED' },
      { kind: 'call', app, ok: false, outcome: 'unreachable ECONNREFUSED' },
    ],
    [
      'where it listens',
      { event: 'listening', url: 'http://127.0.0.1:1' },
      { kind: 'listening', who: app, what: 'status', url: 'http://127.0.0.1:1' },
    ],
    ['an error', { event: 'token-fault', message: 'No answer.' }, { kind: 'notice', who: app, message: 'No answer.' }],
    ['its end', { event: 'stopped' }, undefined],
    ['a call that does not say that it went well', { event: 'call' }, { kind: 'call', app, ok: false, outcome: '' }],
  ])('%s', (_name, fields, expected) => {
    expect(readClientLine(app, JSON.stringify(fields))).toEqual(expected);
  });

  it.each(['', 'Error: no', '[]x', '3'])('passes over what is no JSON object: %j', (line) => {
    expect(readClientLine(app, line)).toBeUndefined();
  });
});
