import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Failure,
  failureOf,
  messageOf,
  ReissueError,
  StoreError,
  systemCode,
  type TokenErrorCode,
  TokenRequestError,
  UsageError,
} from '../../src/core/errors.ts';

/** Every code with its class. A missing code does not compile. */
const FAILURES: Record<TokenErrorCode, Failure> = {
  invalid_client: 'configuration',
  invalid_grant: 'configuration',
  invalid_request: 'configuration',
  invalid_scope: 'configuration',
  unauthorized_client: 'configuration',
  unsupported_grant_type: 'configuration',
  access_denied: 'configuration',
  refused_address: 'configuration',
  proxy_denied: 'configuration',
  credential_unreadable: 'configuration',
  needs_credential: 'configuration',
  rate_limited: 'transient',
  server_error: 'transient',
  unreachable: 'transient',
  timeout: 'transient',
  invalid_response: 'transient',
  state_unavailable: 'transient',
  credential_unavailable: 'transient',
  chain_elsewhere: 'transient',
  state_busy: 'transient',
  same_token: 'transient',
};

describe('the class of a failed token request', () => {
  it.each(Object.entries(FAILURES))('of %s is %s', (code, failure) => {
    expect(failureOf(code as TokenErrorCode)).toBe(failure);
    expect(new TokenRequestError(code as TokenErrorCode, 'It failed.', { progress: 'answered' }).failure).toBe(failure);
  });
});

describe('an error of this project', () => {
  it('of a token request has its code, how far it got, and how long to wait', () => {
    const error = new TokenRequestError('rate_limited', 'Too many.', { progress: 'answered', retryAfter: 5000 });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'TokenRequestError',
      code: 'rate_limited',
      message: 'Too many.',
      progress: 'answered',
      retryAfter: 5000,
    });
  });

  it('of a token request need not know how long to wait', () => {
    expect(new TokenRequestError('timeout', 'Late.', { progress: 'unknown' }).retryAfter).toBeUndefined();
  });

  it('of a store may pass unless it says otherwise', () => {
    expect(new StoreError('Busy.')).toMatchObject({ name: 'StoreError', message: 'Busy.', permanent: false });
    expect(new StoreError('Immutable.', { permanent: true }).permanent).toBe(true);
  });

  it('of a reissue has the status and the pause, where there was an answer', () => {
    expect(new ReissueError('Refused.', { status: 429, retryAfter: 1000 })).toMatchObject({
      name: 'ReissueError',
      status: 429,
      retryAfter: 1000,
    });
    expect(new ReissueError('Nobody answered.')).toMatchObject({ status: undefined, retryAfter: undefined });
  });

  it('of the user says it is one in its stack', () => {
    expect(inspect(new UsageError('The file a.yaml is empty.'))).toMatch(/^UsageError: The file a.yaml is empty\./);
  });
});

describe('the message of anything thrown', () => {
  it.each([
    ['an error', new Error('It failed.'), 'It failed.'],
    ['an error of this project', new UsageError('The file is empty.'), 'The file is empty.'],
    ['a string', 'failed', 'failed'],
    ['nothing', undefined, 'undefined'],
    ['a number', 42, '42'],
    ['a symbol', Symbol('failed'), 'Symbol(failed)'],
    ['an object that has no text', Object.create(null), 'something that is not an error'],
  ])('of %s', (_, thrown, message) => {
    expect(messageOf(thrown)).toBe(message);
  });

  it('is a text for anything at all', () => {
    fc.assert(fc.property(fc.anything({ withNullPrototype: true }), (thrown) => typeof messageOf(thrown) === 'string'));
  });
});

describe('the code of a system error', () => {
  it('is that of Node', () => {
    let thrown: unknown;
    try {
      readFileSync('/does/not/exist');
    } catch (error) {
      thrown = error;
    }
    expect(systemCode(thrown)).toBe('ENOENT');
  });

  it.each([
    ['an error without one', new Error('It failed.')],
    ['an error with a number', Object.assign(new Error('It failed.'), { code: 42 })],
    ['an object that is not an error', { code: 'ENOENT' }],
    ['nothing', null],
  ])('is missing for %s', (_, thrown) => {
    expect(systemCode(thrown)).toBeUndefined();
  });
});
