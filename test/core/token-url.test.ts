import { describe, expect, it } from 'vitest';
import { tokenUrl } from '../../src/core/token-url.ts';

const TOKEN = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };
const PATH = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics';

describe('the URL of a token', () => {
  it.each([
    ['at the root', 'https://acquirer:8443', `https://acquirer:8443${PATH}`],
    ['below a path', 'https://acquirer/behind/a/proxy', `https://acquirer/behind/a/proxy${PATH}`],
    ['below a path that ends with a slash', 'https://acquirer/behind/', `https://acquirer/behind${PATH}`],
  ])('is %s', (_, base, expected) => {
    expect(tokenUrl(new URL(base), TOKEN).href).toBe(expected);
  });

  it('ends with the requested subresource', () => {
    expect(tokenUrl(new URL('https://acquirer'), TOKEN, '/reissue').pathname).toBe(`${PATH}/reissue`);
  });

  it('stays below its path for any names', () => {
    const odd = { namespace: 'a/b', secret: 'a/../b', name: '../x?y#z' };
    const { pathname, search, hash } = tokenUrl(new URL('https://acquirer'), odd);
    expect([pathname, search, hash]).toEqual(['/v1/namespaces/a%2Fb/secrets/a%2F..%2Fb/tokens/..%2Fx%3Fy%23z', '', '']);
  });
});
