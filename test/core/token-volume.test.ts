import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TOKEN_LENGTH } from '../../src/core/bearer.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { sha256, type Token } from '../../src/core/token.ts';
import {
  documentKey,
  fromVolumeData,
  keysOf,
  parseDocument,
  type TokenDocument,
  TokenVolumeError,
  toVolumeData,
  USUAL_FORM,
} from '../../src/core/token-volume.ts';
import { buildToken } from '../support/tokens.ts';

const KEY = 'dynamics';
const DOCUMENT = 'dynamics.json';

/** Returns the document of a token with some fields changed. `undefined` removes one. */
function documentText(changes: Readonly<Record<string, unknown>> = {}): string {
  const document = JSON.parse(toVolumeData(KEY, buildToken())[DOCUMENT] ?? '') as TokenDocument;
  return JSON.stringify({ ...document, ...changes });
}

function faultOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(TokenVolumeError);
    return (error as Error).message;
  }
  throw new Error('This was read without an error.');
}

const bearer = fc.stringMatching(/^[\x21-\x7e]{1,200}$/);
const time = fc.integer({ min: 0, max: Date.UTC(9999, 0) });
const hash = fc.stringMatching(/^[0-9a-f]{64}$/);

const anyToken = fc
  .record({
    accessToken: bearer,
    tokenType: fc.constantFrom('Bearer', 'bearer'),
    scope: fc.string({ unit: 'grapheme' }),
    times: fc.tuple(time, time, time).map((times) => times.toSorted((one, other) => one - other)),
    generation: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    previousSha256: fc.array(hash, { maxLength: 3 }),
  })
  .map(({ accessToken, times: [issuedAt = 0, renewAt = 0, expiresAt = 0], ...rest }): Token => {
    return {
      ...rest,
      accessToken: new Redacted(accessToken),
      sha256: sha256(accessToken),
      issuedAt,
      renewAt,
      expiresAt,
    };
  });

/** Returns a token with its revealed secret, for comparison. */
function open(token: Token | undefined) {
  return token === undefined ? undefined : { ...token, accessToken: token.accessToken.reveal() };
}

describe('the data of a token volume', () => {
  it('has the raw access token under the key, and the facts for clients under the other', () => {
    const token = buildToken({ previousSha256: [sha256('before')] });
    const value = token.accessToken.reveal();
    const data = toVolumeData(KEY, token);
    expect(Object.keys(data)).toEqual([KEY, DOCUMENT]);
    expect(data[KEY]).toBe(value);
    expect(data[DOCUMENT]).toMatch(/\}\n$/);
    expect(JSON.parse(data[DOCUMENT] ?? '')).toEqual({
      access_token: value,
      token_type: 'Bearer',
      scope: 'api',
      issued_at: '2026-01-01T12:00:00.000Z',
      expires_at: '2026-01-01T13:00:00.000Z',
      renew_at: '2026-01-01T12:40:00.000Z',
      generation: 1,
      sha256: sha256(value),
      previous_sha256: [sha256('before')],
    });
  });

  it('names the header that carries the token, where that is not the usual one', () => {
    const header = { name: 'X-Auth-Token', prefix: '' };
    const token = buildToken();
    const [usual, renamed] = [toVolumeData(KEY, token), toVolumeData(KEY, token, { ...USUAL_FORM, header })];
    expect(renamed[KEY]).toBe(usual[KEY]);
    expect(JSON.parse(renamed[DOCUMENT] ?? '')).toEqual({ ...JSON.parse(usual[DOCUMENT] ?? ''), header });
    expect(parseDocument(KEY, renamed[DOCUMENT] ?? '').header).toEqual(header);
    expect(fromVolumeData(KEY, renamed)?.header).toEqual(header);
  });

  it.each([
    { name: 'Authorization', prefix: 'Bearer ' },
    { name: 'authorization', prefix: 'Bearer ' },
  ])('stays as version 0.1 wrote it, byte for byte, with the header %j', (header) => {
    const token = buildToken();
    expect(toVolumeData(KEY, token, { ...USUAL_FORM, header })).toEqual(toVolumeData(KEY, token));
    expect(toVolumeData(KEY, token)[DOCUMENT]).not.toContain('header');
  });

  it('has the copies under their own keys, and the document names these', () => {
    const token = buildToken();
    const copies = [{ key: 'credential', form: 'bearer' as const }];
    const { credential, ...rest } = toVolumeData(KEY, token, { ...USUAL_FORM, copies });
    const usual = toVolumeData(KEY, token);
    expect(credential === `Bearer ${token.accessToken.reveal()}`).toBe(true);
    expect(Object.keys(rest)).toEqual([KEY, DOCUMENT]);
    expect(JSON.parse(rest[DOCUMENT] ?? '')).toEqual({ ...JSON.parse(usual[DOCUMENT] ?? ''), copies: ['credential'] });
    expect(parseDocument(KEY, rest[DOCUMENT] ?? '').copies).toEqual(['credential']);
  });

  it('names no copies but those that a configuration could name', () => {
    const copies = ['credential', 'orders.json', 'ca.crt', '../x', '', 7, null];
    expect(parseDocument(KEY, documentText({ copies })).copies).toEqual(['credential']);
    expect(parseDocument(KEY, documentText({ copies: 'credential' })).copies).toBeUndefined();
  });

  it.each([
    ['secret', [KEY, DOCUMENT, 'credential']],
    ['endpoint', []],
  ] as const)('has these keys with delivery: %s', (delivery, keys) => {
    expect(keysOf({ key: KEY, delivery, copies: [{ key: 'credential', form: 'bearer' }] })).toEqual(keys);
  });

  it('names the second key after the first', () => {
    expect(documentKey('a.b')).toBe('a.b.json');
  });

  it('can be parsed into any token', () => {
    fc.assert(
      fc.property(anyToken, (token) => {
        const data = toVolumeData(KEY, token);
        expect(open(fromVolumeData(KEY, data))).toEqual(open(token));
        expect(open(parseDocument(KEY, data[DOCUMENT] ?? ''))).toEqual(open(token));
      }),
    );
  });

  it.each(['a', '"', '\\'])('can be parsed into the longest token of only %s', (character) => {
    const accessToken = new Redacted(character.repeat(MAX_TOKEN_LENGTH));
    const token = buildToken({ accessToken, sha256: sha256(accessToken.reveal()) });
    expect(open(fromVolumeData(KEY, toVolumeData(KEY, token)))).toEqual(open(token));
  });

  it.each([KEY, 'constructor'])('has no token %s if neither of its keys exists', (key) => {
    expect(fromVolumeData(key, {})).toBeUndefined();
    expect(fromVolumeData(key, toVolumeData('other', buildToken()))).toBeUndefined();
  });

  it('keeps tokens apart', () => {
    const [one, other] = [buildToken(), buildToken()];
    const data = { ...toVolumeData('one', one), ...toVolumeData('other', other) };
    expect(open(fromVolumeData('one', data))).toEqual(open(one));
    expect(open(fromVolumeData('other', data))).toEqual(open(other));
  });
});

describe('data that is not a token', () => {
  const data = toVolumeData(KEY, buildToken());

  it.each([
    ['the document is missing', { [KEY]: data[KEY] ?? '' }, 'The key dynamics has no dynamics.json next to it.'],
    [
      'the raw token is missing',
      { [DOCUMENT]: data[DOCUMENT] ?? '' },
      'The key dynamics.json has no dynamics next to it.',
    ],
    [
      'the raw token is another',
      { ...data, [KEY]: 'another' },
      'The key dynamics is not the token that dynamics.json describes.',
    ],
    [
      'the raw token ends in a newline',
      { ...data, [KEY]: `${data[KEY]}\n` },
      'The key dynamics is not the token that dynamics.json describes.',
    ],
    [
      'the raw token is empty',
      { ...data, [KEY]: '' },
      'The key dynamics is not the token that dynamics.json describes.',
    ],
  ])('is rejected if %s', (_, faulty, message) => {
    expect(faultOf(() => fromVolumeData(KEY, faulty))).toBe(message);
  });

  it.each([
    ['is empty', '', 'is empty'],
    ['holds only a newline', '\n', 'is empty'],
    ['holds text', 'eyJhbGciOi', 'is not JSON'],
    ['is cut off', documentText().slice(0, -2), 'is not JSON'],
    ['has more after its end', `${documentText()}}`, 'is not JSON'],
    ['holds null', 'null', 'is not a JSON object'],
    ['holds a list', '[]', 'is not a JSON object'],
    ['holds a string', '"a"', 'is not a JSON object'],
    ['is binary', '\0\u0001\ufffd', 'is not JSON'],
    ['is huge', `"${'a'.repeat(64 * 1024)}"`, 'is larger than 65536 characters'],
    ['is nested without end', '['.repeat(60_000), 'is not JSON'],
    ['has no access token', documentText({ access_token: undefined }), 'has no access_token'],
    ['has an empty access token', documentText({ access_token: '' }), 'has no access_token'],
    ['has a number for an access token', documentText({ access_token: 1 }), 'has no access_token'],
    ['has no token type', documentText({ token_type: undefined }), 'has no token_type'],
    ['has no hash', documentText({ sha256: undefined }), 'has no sha256'],
    [
      'has another hash',
      documentText({ sha256: sha256('other') }),
      'has a sha256 that is not that of its access_token',
    ],
    ['has another token', documentText({ access_token: 'other' }), 'has a sha256 that is not that of its access_token'],
    [
      'has an access token with a line break',
      documentText({ access_token: 'a\nb', sha256: sha256('a\nb') }),
      'has an access_token that contains a line break or another control character',
    ],
    [
      'has an access token beyond ASCII',
      documentText({ access_token: 'ä', sha256: sha256('ä') }),
      'has an access_token that contains a character that is not ASCII',
    ],
    ['has no time of issue', documentText({ issued_at: undefined }), 'has no issued_at'],
    ['has a number for a time', documentText({ issued_at: 1_767_268_800 }), 'has no issued_at'],
    ['has a word for a time', documentText({ expires_at: 'soon' }), 'has no RFC 3339 time in expires_at'],
    ['has a year for a time', documentText({ renew_at: '2026' }), 'has no RFC 3339 time in renew_at'],
    ['has a local time', documentText({ renew_at: '2026-01-01T12:00:00' }), 'has no RFC 3339 time in renew_at'],
    ['has an invalid month', documentText({ renew_at: '2026-13-01T12:00:00Z' }), 'has no RFC 3339 time in renew_at'],
    ['ends before it begins', documentText({ expires_at: '2026-01-01T11:59:59Z' }), 'expires before it was issued'],
    ['has no generation', documentText({ generation: undefined }), 'has a generation that is not a whole number'],
    ['has a part of a generation', documentText({ generation: 1.5 }), 'has a generation that is not a whole number'],
    ['has a string for a generation', documentText({ generation: '1' }), 'has a generation that is not a whole number'],
    ['has a text for a header', documentText({ header: 'X-Auth-Token' }), 'has a header without name or prefix'],
    [
      'has a header that would change the request',
      documentText({ header: { name: 'Transfer-Encoding', prefix: '' } }),
      'has a header whose name has another meaning in HTTP',
    ],
    [
      'has a header that ends the line',
      documentText({ header: { name: 'X-Auth-Token', prefix: '\r\nHost: ' } }),
      'has a header whose prefix contains a character that is not printable ASCII',
    ],
    [
      'has too large a generation',
      documentText({ generation: 2 ** 60 }),
      'has a generation that is not a whole number',
    ],
  ])('is rejected if the document %s', (_, text, fault) => {
    expect(faultOf(() => parseDocument(KEY, text))).toBe(`The key dynamics.json ${fault}.`);
  });

  it.each([
    ['a time in another zone', { issued_at: '2026-01-01T13:00:00+01:00' }, { issuedAt: Date.UTC(2026, 0, 1, 12) }],
    ['a time without a fraction', { issued_at: '2026-01-01T12:00:00Z' }, { issuedAt: Date.UTC(2026, 0, 1, 12) }],
    ['no scope', { scope: undefined }, { scope: '' }],
    ['a scope of another kind', { scope: ['api'] }, { scope: '' }],
    ['no earlier hashes', { previous_sha256: undefined }, { previousSha256: [] }],
    ['invalid earlier hashes', { previous_sha256: ['x', 1, null, 'A'.repeat(64)] }, { previousSha256: [] }],
    [
      'more earlier hashes than are kept',
      { previous_sha256: ['1', '2', '3', '4'].map((digit) => digit.repeat(64)) },
      { previousSha256: ['1', '2', '3'].map((digit) => digit.repeat(64)) },
    ],
    ['a field of a later version', { later: true }, { tokenType: 'Bearer' }],
  ])('does not include a document with %s', (_, changes, expected) => {
    expect(parseDocument(KEY, documentText(changes))).toMatchObject(expected);
  });

  it('can be anything except a token', () => {
    const near = fc.dictionary(fc.constantFrom('access_token', 'sha256', 'issued_at', 'generation'), fc.jsonValue());
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      near.map((value) => JSON.stringify(value)),
    );
    fc.assert(fc.property(text, (garbage) => void faultOf(() => parseDocument(KEY, garbage))));
    fc.assert(
      fc.property(
        text,
        text,
        (raw, garbage) => void faultOf(() => fromVolumeData(KEY, { [KEY]: raw, [DOCUMENT]: garbage })),
      ),
    );
  });

  it('never becomes another access token, however a valid document is changed', () => {
    const token = buildToken();
    const valid = toVolumeData(KEY, token)[DOCUMENT] ?? '';
    const edit = fc.record({
      at: fc.nat(valid.length),
      cut: fc.nat(20),
      insert: fc.string({ unit: 'binary', maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let changed = valid;
        for (const { at, cut, insert } of edits) changed = changed.slice(0, at) + insert + changed.slice(at + cut);
        let read: Token | undefined;
        try {
          read = parseDocument(KEY, changed);
        } catch (error) {
          expect(error).toBeInstanceOf(TokenVolumeError);
        }
        expect([undefined, token.accessToken.reveal()]).toContain(read?.accessToken.reveal());
      }),
      { numRuns: 1000 },
    );
  });

  it('is rejected without a quotation of its content', () => {
    const token = buildToken();
    const value = token.accessToken.reveal();
    const valid = toVolumeData(KEY, token)[DOCUMENT] ?? '';
    for (const text of [
      value,
      `${valid}${value}`,
      valid.replace('2026', value),
      `{${valid}`,
      JSON.stringify([value]),
    ]) {
      let thrown: unknown;
      try {
        parseDocument(KEY, text);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(TokenVolumeError);
      expect(inspect(thrown, { showHidden: true })).not.toContain(value);
    }
  });
});

it('does not include a token that expires at the moment of its issue', () => {
  const issuedAt = '2026-01-01T12:00:00.000Z';
  const { issuedAt: issued, expiresAt } = parseDocument(KEY, documentText({ expires_at: issuedAt }));
  expect([issued, expiresAt]).toEqual([Date.parse(issuedAt), Date.parse(issuedAt)]);
});
