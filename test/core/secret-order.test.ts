import { describe, expect, it } from 'vitest';
import {
  accepted,
  onlyNext,
  orderFor,
  otherThan,
  rejected,
  type SecretOrder,
  withSecret,
} from '../../src/core/secret-order.ts';
import { secret } from '../support/secrets.ts';
import { buildCredential } from '../support/token-requests.ts';

const client_secret = secret('first-secret');
const client_secret_next = secret('second-secret');
const two = buildCredential({ client_id: 'app', client_secret, client_secret_next });

function order(more: Partial<SecretOrder> = {}): SecretOrder {
  return { fingerprint: two.fingerprint, preferred: 'client_secret', hasOther: true, mayTryOther: true, ...more };
}

describe('the order of two secrets', () => {
  it('begins with the first one, and allows the second to be tried', () => {
    expect(orderFor(two, undefined)).toEqual(order());
  });

  it.each([
    ['there is none', { client_secret }],
    ['it is the same', { client_secret, client_secret_next: client_secret }],
    ['it is empty', { client_secret, client_secret_next: '' }],
  ])('allows no second one to be tried where %s', (_what, values) => {
    expect(orderFor(buildCredential(values), undefined)).toMatchObject({ mayTryOther: false });
  });

  it('allows no second one to be tried where both are the same, also after a success', () => {
    const same = orderFor(buildCredential({ client_secret, client_secret_next: client_secret }), undefined);
    expect(accepted(same, 'client_secret')).toMatchObject({ mayTryOther: false });
  });

  it('is kept while the values stay, and forgotten when one changes', () => {
    const known = accepted(order(), 'client_secret_next');
    expect(orderFor(two, known)).toBe(known);
    const changed = buildCredential({ client_secret: client_secret_next, client_secret_next });
    expect(orderFor(changed, known)).toMatchObject({ preferred: 'client_secret', mayTryOther: false });
  });

  it('prefers the secret that was accepted', () => {
    const known = accepted(order(), 'client_secret_next');
    expect(known).toEqual(order({ preferred: 'client_secret_next' }));
    expect(otherThan(known.preferred)).toBe('client_secret');
    expect(accepted(known, 'client_secret')).toEqual(order());
  });

  it('allows no further attempt after both were rejected, until one is accepted', () => {
    const known = rejected(order());
    expect(known).toEqual(order({ mayTryOther: false }));
    expect(accepted(known, 'client_secret')).toEqual(order());
  });

  it('has a credential of the second secret only, for a check', () => {
    const next = onlyNext(two);
    expect(next?.values.client_secret?.reveal()).toBe(client_secret_next);
    expect(next?.values.client_secret_next).toBeUndefined();
    expect(next?.fingerprint).not.toBe(two.fingerprint);
    expect(onlyNext(buildCredential({ client_secret }))).toBeUndefined();
    expect(onlyNext(buildCredential({ client_secret, client_secret_next: client_secret }))).toBeUndefined();
  });

  it('sends the second secret in the place of the first', () => {
    expect(withSecret(two, 'client_secret')).toBe(two);
    const next = withSecret(two, 'client_secret_next');
    expect(next.values.client_secret?.reveal()).toBe(client_secret_next);
    expect(next.values.client_id?.reveal()).toBe('app');
    expect(next.fingerprint).toBe(two.fingerprint);
  });
});
