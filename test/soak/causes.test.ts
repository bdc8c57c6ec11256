import { describe, expect, it } from 'vitest';
import { type CallContext, causeOf, type Disturbed } from './causes.ts';
import type { FailedCall } from './parts/caller-messages.ts';
import type { IssuedToken } from './parts/server-messages.ts';

const NOW = 1_000_000;
const SECOND = 1000;

const call: FailedCall = {
  app: 'app-1',
  began: NOW - 100,
  ended: NOW,
  outcome: '401',
  stored: { verdict: 401, age: 20 * SECOND },
};

function issued(age: number, more: Partial<IssuedToken> = {}): IssuedToken {
  const issuedAt = NOW - age;
  return { sha256: 'a', issuedAt, expiresAt: issuedAt + 60 * SECOND, ...more };
}

function contextOf(more: Partial<CallContext> = {}): CallContext {
  return {
    by: 'library',
    grant: 'client_credentials',
    acquirer: 'token-acquirer',
    client: 'client 1',
    tokens: [issued(30 * SECOND, { revokedAt: NOW - 5 * SECOND })],
    disturbed: [],
    lag: 0,
    ...more,
  };
}

/** It ended so many milliseconds before the call did. */
function past(kind: Disturbed['kind'], ago: number, target?: string): Disturbed {
  const ended = NOW - ago;
  return { kind, began: ended - 5 * SECOND, ended, ...(target === undefined ? {} : { target }) };
}

describe('a failed call', () => {
  it.each<[string, Partial<FailedCall>, Partial<CallContext>, string]>([
    [
      'a valid token was stored long enough to be noticed',
      { stored: { verdict: 200, age: 5 * SECOND } },
      {},
      'violation',
    ],
    [
      'the connection ended while its process was stopped',
      { outcome: 'TypeError: fetch failed (UND_ERR_SOCKET)' },
      { disturbed: [past('client-stopped', 100, 'client 1')] },
      'documented',
    ],
    [
      'the connection ended while another process was stopped',
      { outcome: 'TypeError: fetch failed (UND_ERR_SOCKET)' },
      { disturbed: [past('client-stopped', 100, 'client 2')] },
      'gateway',
    ],
    [
      'a valid token was stored, and its process was late',
      { stored: { verdict: 200, age: 5 * SECOND } },
      { lag: 2 * SECOND, disturbed: [past('stopped', 100)] },
      'documented',
    ],
    [
      'a valid token had just been stored',
      { stored: { verdict: 200, age: SECOND } },
      { disturbed: [past('stopped', 100)] },
      'documented',
    ],
    [
      'a valid token was issued, and nothing kept it from the client',
      {},
      { tokens: [issued(20 * SECOND)] },
      'violation',
    ],
    [
      'an issued token was lost by a kill',
      {},
      { tokens: [issued(20 * SECOND)], disturbed: [past('killed', 100)] },
      'documented',
    ],
    ['its token was revoked, and nothing else was disturbed', {}, {}, 'unknown'],
    [
      'its token was revoked while the server was down',
      {},
      { disturbed: [past('server-down', 20 * SECOND)] },
      'documented',
    ],
    [
      'its token was revoked long after the server was down',
      {},
      { disturbed: [past('server-down', 40 * SECOND)] },
      'unknown',
    ],
    ['another token-acquirer was stopped', {}, { disturbed: [past('stopped', 100, 'another')] }, 'unknown'],
    ['its own token-acquirer was stopped', {}, { disturbed: [past('stopped', 100, 'token-acquirer')] }, 'documented'],
    ['its own token-acquirer was killed long ago', {}, { disturbed: [past('killed', 10 * SECOND)] }, 'unknown'],
    [
      'a rotating chain was in flight at a kill',
      {},
      { grant: 'refresh_token', disturbed: [past('killed', 10 * SECOND)] },
      'documented',
    ],
    ['its keys were deleted', {}, { disturbed: [past('keys-deleted', 100, 'app-1')] }, 'unknown'],
    [
      'its keys were deleted, and it only reads the file',
      {},
      { by: 'reader', disturbed: [past('keys-deleted', 100, 'app-1')] },
      'documented',
    ],
    ['the gateway answered 503', { outcome: '503' }, { disturbed: [past('server-down', 100)] }, 'gateway'],
    ['the disk was full, as the library asks for a reissue', {}, { disturbed: [past('disk-full', 100)] }, 'unknown'],
  ])('of which %s', (_, more, context, verdict) => {
    expect(causeOf({ ...call, ...more }, contextOf(context)).verdict).toBe(verdict);
  });

  const paused = { text: 'The token-acquirer at 127.0.0.1:7080 answered 429.', at: NOW - SECOND };

  it('whose token was revoked soon after its reissue is paused as documented', () => {
    const tokens = [issued(8 * SECOND, { revokedAt: NOW - 5 * SECOND })];
    expect(causeOf({ ...call, problem: paused }, contextOf({ tokens }))).toEqual({
      verdict: 'documented',
      sentence: 'revoked, and reissues paused after a rejected reissue',
    });
  });

  it('whose token had lived long is not excused by a pause', () => {
    expect(causeOf({ ...call, problem: paused }, contextOf()).verdict).toBe('unknown');
  });
});
