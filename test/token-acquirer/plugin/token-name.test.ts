import { describe, expect, it } from 'vitest';
import type { MergedToken } from '../../../src/token-acquirer/plugin/merged-status.ts';
import { partsOf, tokenNamed } from '../../../src/token-acquirer/plugin/token-name.ts';
import { tokenReport } from '../../support/status-reports.ts';

function token(name: string, namespace = 'token-acquirer'): MergedToken {
  return { ...tokenReport(name), acquirer: { namespace, release: 'token-acquirer', shard: 0 } };
}

const TOKENS = [token('billing/tokens/dynamics'), token('billing/others/crm'), token('shipping/tokens/crm')];

describe('a token', () => {
  it.each([
    ['its whole name', 'billing/tokens/dynamics', 'billing/tokens/dynamics'],
    ['its last part, if that is unique', 'dynamics', 'billing/tokens/dynamics'],
    ['its last two parts, if those are unique', 'others/crm', 'billing/others/crm'],
  ])('is found by %s', (_what, name, found) => {
    expect(tokenNamed(TOKENS, name).token).toBe(found);
  });

  it('is not found by a part of a word', () => {
    expect(() => tokenNamed(TOKENS, 'namics')).toThrow(
      'No token has this name. Tokens: billing/others/crm, billing/tokens/dynamics, shipping/tokens/crm.',
    );
  });

  it('has to be named in full if several end like this', () => {
    expect(() => tokenNamed(TOKENS, 'crm')).toThrow(
      'Several tokens have this name. Name one of them: billing/others/crm, shipping/tokens/crm.',
    );
  });

  it('that two token-acquirers have is found in a namespace only', () => {
    const both = [token('a/b/c'), token('a/b/c', 'other')];
    expect(() => tokenNamed(both, 'a/b/c')).toThrow(
      'Several token-acquirers have this token, in the namespaces token-acquirer, other: name one with -n.',
    );
  });

  it('that does not exist is answered with at most 20 names', () => {
    const many = Array.from({ length: 25 }, (_, at) => token(`a/b/c${at}`));
    expect(() => tokenNamed(many, 'd')).toThrow(/ and 5 more\.$/);
    expect(() => tokenNamed([], 'd')).toThrow('No token has this name. Tokens: none.');
  });

  it('has a namespace, a Secret and a name', () => {
    expect(partsOf(token('a/b/c'))).toEqual({ namespace: 'a', secret: 'b', name: 'c' });
  });
});
