import { describe, expect, it } from 'vitest';
import { nearestName } from '../../src/core/nearest-name.ts';

const KEYS = ['scope', 'resource', 'audience', 'renewal', 'client_id', 'clients', 'clientApp'];

describe('the name that was probably meant', () => {
  it.each([
    ['scopes', 'scope'],
    ['scpe', 'scope'],
    ['audiance', 'audience'],
    ['ClientID', 'client_id'],
    ['clientapp', 'clientApp'],
    ['client', 'clients'],
    ['scope', 'scope'],
  ])('for %s is %s', (given, meant) => {
    expect(nearestName(given, KEYS)).toBe(meant);
  });

  it.each(['version', '', 'x', 'refreshTokenReuse'])('is unknown for %s', (given) => {
    expect(nearestName(given, KEYS)).toBeUndefined();
  });

  it('is unknown without valid names', () => {
    expect(nearestName('scope', [])).toBeUndefined();
  });
});
