import { ApiException } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { ApiUnreachableError } from '../../../src/adapters/kubernetes/api/api-connection.ts';
import { apiFailure, isPatchRefused, reasonOf, statusOf } from '../../../src/adapters/kubernetes/api/api-failure.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { secret } from '../../support/secrets.ts';

function status(code: number, reason?: string, more: Record<string, unknown> = {}): ApiException<string> {
  const body = { kind: 'Status', reason, code, ...more };
  return new ApiException(code, 'Unknown API Status Code!', JSON.stringify(body), {});
}

const USER = 'system:serviceaccount:token-acquirer:token-acquirer';

function denied(words: string, details?: unknown): ApiException<string> {
  return status(403, 'Forbidden', { message: `x is forbidden: User "${USER}" cannot ${words}`, details });
}

function withCause(reason: string, field: string): ApiException<string> {
  return status(422, 'Invalid', { details: { causes: [{ reason, field, message: 'm' }] } });
}

const WAITING = 'It is tried again.';

const SENTENCES: readonly [what: string, error: unknown, sentence: string, permanent: boolean][] = [
  ['401', status(401, 'Unauthorized'), 'does not accept the ServiceAccount token (401). It is read again.', false],
  [
    '403 about one object',
    denied('patch resource "secrets" in API group "" in the namespace "billing"', { name: 'tokens' }),
    `${USER} may not patch secrets tokens in the namespace billing (403). Allow it by a Role in the namespace billing (verb patch, resource secrets, resourceNames tokens) and a RoleBinding. A namespace that is missing or being deleted looks the same.`,
    true,
  ],
  [
    '403 about a collection',
    denied('list resource "pods" in API group "" in the namespace "billing"'),
    `${USER} may not list pods in the namespace billing (403). Allow it by a Role in the namespace billing (verb list, resource pods) and a RoleBinding.`,
    true,
  ],
  [
    '403 about a subresource',
    denied('patch resource "pods/status" in API group "" in the namespace "b"', { name: 'app-1' }),
    'may not patch pods/status app-1 in the namespace b (403)',
    true,
  ],
  [
    '403 of the whole cluster',
    denied('create resource "tokenreviews" in API group "authentication.k8s.io" at the cluster scope'),
    'may not create tokenreviews (403). Allow it by a ClusterRole (verb create, resource tokenreviews) and a ClusterRoleBinding.',
    true,
  ],
  ['403 of an admission policy', status(403, 'Forbidden', { message: 'denied' }), 'forbids it (403). Look for', true],
  [
    '403 in a namespace that is being deleted',
    status(403, 'Forbidden', {
      details: { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
    }),
    'its namespace is being deleted.',
    true,
  ],
  ['404', status(404, 'NotFound'), 'it does not exist (404).', true],
  ['409', status(409, 'Conflict'), `another process changed it in the meantime (409). ${WAITING}`, false],
  ['413', status(413, 'RequestEntityTooLarge'), 'larger than the API server takes', true],
  ['422 of a value that is too long', withCause('FieldValueTooLong', 'data'), 'larger than the API server takes', true],
  ['422 of an immutable object', withCause('FieldValueForbidden', 'data'), 'it is immutable.', true],
  ['422 of a field', withCause('FieldValueInvalid', 'data[q]'), 'finds it invalid (422: data[q]).', true],
  ['422 of a patch', status(422, 'Invalid', { details: {} }), 'another process changed it in the meantime.', false],
  ['429', status(429, 'TooManyRequests'), `wants fewer requests (429). ${WAITING}`, false],
  ['500', status(500, 'InternalError'), `the API server failed (500). ${WAITING}`, false],
  ['418', status(418), 'the API server rejected it (418).', true],
  ['400', status(400, 'BadRequest'), 'the API server rejected it (400 BadRequest).', true],
  ['an error of a watch', Object.assign(new Error('Gone'), { statusCode: 403 }), 'forbids it (403)', true],
  ['no answer', new ApiUnreachableError('TIMEOUT'), `did not answer in time. ${WAITING}`, false],
  ['no connection', new ApiUnreachableError('ECONNREFUSED'), 'cannot be reached (ECONNREFUSED)', false],
  [
    'a failed fetch',
    new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ENOTFOUND' }) }),
    'cannot be reached (ENOTFOUND)',
    false,
  ],
  ['an abort', new DOMException('x', 'TimeoutError'), 'did not answer in time', false],
  ['an answer that is not JSON', new SyntaxError('Unexpected token'), 'is unusable (SyntaxError)', false],
  ['a text instead of an error', 'text', 'is unusable (unknown)', false],
];

describe('the sentence for an error of the API server', () => {
  it.each(SENTENCES)('says what to do about %s', (_what, error, sentence, permanent) => {
    const failure = apiFailure('The Secret billing/tokens cannot be written', error);
    expect(failure.message).toMatch(/^The Secret billing\/tokens cannot be written: .*\.$/);
    expect(failure.message).toContain(sentence);
    expect(failure.permanent).toBe(permanent);
    expect(failure.cause).toBeUndefined();
  });

  it('is not changed for a StoreError', () => {
    const error = new StoreError('The file is missing. Restore it.', { permanent: true });
    expect(apiFailure('It cannot be read', error)).toBe(error);
  });

  it.each([
    ['a body that is text', (value: string) => new ApiException(500, value, value, { 'x-token': value })],
    [
      'a body that is an object',
      (value: string) => new ApiException(422, value, { reason: value, message: value }, {}),
    ],
    ['a reason', (value: string) => status(400, `${value} "`)],
    ['a field', (value: string) => withCause('FieldValueInvalid', `"${value}"`)],
    [
      'an invalid user',
      (value: string) => status(403, 'Forbidden', { message: `User "${value} " cannot get resource "x"` }),
    ],
    ['a failed fetch', (value: string) => new TypeError(value, { cause: new Error(value) })],
  ])('quotes nothing of %s', (_what, make) => {
    const value = secret('access-token');
    const failure = apiFailure('It cannot be read', make(value));
    expect(`${failure.message} ${failure.stack} ${JSON.stringify(failure)}`).not.toContain(value);
  });

  it('has status and reason, and distinguishes a rejected patch from an invalid object', () => {
    expect([statusOf(status(404, 'NotFound')), reasonOf(status(404, 'NotFound'))]).toEqual([404, 'NotFound']);
    expect([statusOf(new Error('x')), reasonOf('x')]).toEqual([undefined, undefined]);
    expect(isPatchRefused(status(422, 'Invalid', { details: {} }))).toBe(true);
    expect(isPatchRefused(withCause('FieldValueForbidden', 'data'))).toBe(false);
    expect(isPatchRefused(status(409, 'Conflict'))).toBe(false);
  });
});
