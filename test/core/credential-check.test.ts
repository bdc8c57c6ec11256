import { describe, expect, it } from 'vitest';
import { type Checkable, type CheckOutcome, checkSentence, tokensToCheck } from '../../src/core/credential-check.ts';

function token(name: string, given: Partial<Checkable> = {}): Checkable {
  const identity = { namespace: 'billing', secret: 'billing-tokens', name };
  return { identity, credential: 'crm', authorizationServer: 'corporate', use: 'client_credentials', ...given };
}

const names = (name: string, tokens: readonly Checkable[]): string[] =>
  tokensToCheck(name, tokens).map(({ identity }) => identity.name);

describe('the tokens of a credential check', () => {
  it.each<[string, string, readonly Checkable[], string[]]>([
    ['the first of those with the same request to the same server', 'crm', [token('a'), token('b')], ['a']],
    ['one of each server', 'crm', [token('a'), token('b', { authorizationServer: 'other' })], ['a', 'b']],
    ['one of each grant', 'crm', [token('a'), token('b', { use: 'password' }), token('c')], ['a', 'b']],
    ['none of another credential', 'crm', [token('a', { credential: 'erp' }), token('b')], ['b']],
    ['the token of that name', 'billing/billing-tokens/b', [token('a'), token('b')], ['b']],
    ['none for an unknown name', 'cmr', [token('a')], []],
    ['none for an unknown token', 'billing/billing-tokens/c', [token('a')], []],
    ['none for the last part of a name', 'a', [token('a')], []],
  ])('are %s', (_what, name, tokens, expected) => {
    expect(names(name, tokens)).toEqual(expected);
  });
});

describe('the sentence of a check', () => {
  const sentence = (outcome: CheckOutcome): string => checkSentence(token('dynamics'), outcome);

  it.each<[string, CheckOutcome, RegExp]>([
    [
      'accepted and revoked',
      { kind: 'accepted', lifetime: 300_000, revocation: 'revoked' },
      /^The authorization server corporate accepted it: it gave a token for billing\/billing-tokens\/dynamics \(client_credentials\)\. That token was revoked, and stored nowhere\.$/,
    ],
    [
      'accepted, by a server without revocation',
      { kind: 'accepted', lifetime: 299_400, revocation: 'unsupported' },
      /stored nowhere; it ends by itself after 5m, because the server names no revocation endpoint\.$/,
    ],
    [
      'accepted, and the revocation failed',
      { kind: 'accepted', lifetime: 60_000, revocation: { failed: 'The server is down.' } },
      /ends by itself after 1m, because it could not be revoked\. The server is down\.$/,
    ],
    [
      'accepted, with the token of a client app',
      { kind: 'accepted', lifetime: 60_000, revocation: 'in-use' },
      /It is the token that is in use already, so it was not revoked\.$/,
    ],
    [
      'accepted by its second secret',
      { kind: 'accepted', lifetime: 60_000, revocation: 'revoked', nextSecret: true },
      /\(client_credentials\)\. It rejected client_secret and accepted client_secret_next: put that value into client_secret\. That token was revoked/,
    ],
    [
      'accepted by both secrets',
      {
        kind: 'accepted',
        lifetime: 60_000,
        revocation: 'revoked',
        next: { kind: 'accepted', lifetime: 60_000, revocation: 'revoked' },
      },
      /stored nowhere\. It accepted client_secret_next, too\.$/,
    ],
    [
      'accepted by its first secret only',
      {
        kind: 'accepted',
        lifetime: 60_000,
        revocation: 'revoked',
        next: { kind: 'failed', code: 'invalid_client', message: 'The server rejected it.' },
      },
      /stored nowhere\. client_secret_next was tried without success\. invalid_client: The server rejected it\.$/,
    ],
    [
      'failed',
      { kind: 'failed', code: 'invalid_client', message: 'The server rejected it.' },
      /tried for billing\/billing-tokens\/dynamics \(client_credentials\) without success\. invalid_client: The server rejected it\.$/,
    ],
    [
      'withheld',
      { kind: 'withheld', code: 'invalid_client', message: 'The server rejected it.', retryIn: 29_100 },
      /^It was not tried .* may lock the account\. Try again in 30s, or correct the credential\. invalid_client: The server/,
    ],
    ['spending', { kind: 'spending' }, /would spend the refresh token.*`token-acquirer status`/],
  ])('%s', (_what, outcome, words) => {
    expect(sentence(outcome)).toMatch(words);
  });
});
