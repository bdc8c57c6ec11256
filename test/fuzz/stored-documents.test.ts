import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromDocument as chainIn, toDocument as chainText } from '../../src/adapters/refresh-token-document.ts';
import { fromDocument as authoritiesIn } from '../../src/adapters/tls/authority-document.ts';
import { isBearerToken, MAX_TOKEN_LENGTH } from '../../src/core/bearer.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { sha256 } from '../../src/core/token.ts';
import {
  type DocumentedToken,
  documentKey,
  documentOf,
  fromVolumeData,
  ownData,
  parseDocument,
  TokenVolumeError,
} from '../../src/core/token-volume.ts';
import { accepted, CANARY, expectHeaderValue, expectLinear, expectTime, fuzz } from '../support/fuzz.ts';
import { damaged, hostileText, nearJson } from '../support/hostile.ts';
import { buildToken } from '../support/tokens.ts';

const KEY = 'dynamics';
const token = buildToken({ accessToken: new Redacted(CANARY), sha256: sha256(CANARY) });
const form = { header: { name: 'X-Auth-Token', prefix: '' }, copies: [] };
const valid = { ...documentOf(token, form), copies: ['dynamics.header'] };

function expectToken(found: DocumentedToken): void {
  const text = found.accessToken.reveal();
  expect(isBearerToken(text)).toBe(true);
  expect(text.length).toBeLessThanOrEqual(MAX_TOKEN_LENGTH);
  expect(found.sha256).toBe(sha256(text));
  for (const time of [found.issuedAt, found.renewAt, found.expiresAt]) expectTime(time);
  expect(found.expiresAt).toBeGreaterThanOrEqual(found.issuedAt);
  expect(Number.isSafeInteger(found.generation)).toBe(true);
  expect(found.previousSha256.length).toBeLessThanOrEqual(3);
  if (found.header !== undefined) expectHeaderValue(`${found.header.prefix}${text}`);
  for (const key of found.copies ?? []) expect(key).not.toMatch(/\.\.|\//);
}

describe('a token document', () => {
  it('is a token that a header can carry, or a TokenVolumeError', () => {
    fuzz(
      nearJson(valid),
      (text) => {
        const found = accepted(() => parseDocument(KEY, text), TokenVolumeError);
        if (found !== undefined) expectToken(found);
      },
      1500,
    );
  });

  it('is read as it was written, whatever was accepted', () => {
    fuzz(nearJson(valid), (text) => {
      const found = accepted(() => parseDocument(KEY, text), TokenVolumeError);
      if (found === undefined) return;
      const { header = { name: 'Authorization', prefix: 'Bearer ' }, copies: _, ...rest } = found;
      const data = ownData(KEY, found, { header, copies: [] });
      expect({ ...fromVolumeData(KEY, data), accessToken: undefined }).toEqual({
        ...rest,
        // -0 is written as 0.
        generation: rest.generation + 0,
        header: found.header,
        copies: undefined,
        accessToken: undefined,
      });
    });
  });

  it('needs the raw key to hold the same token', () => {
    fuzz(fc.tuple(fc.oneof(fc.constant(CANARY), hostileText, damaged(CANARY)), nearJson(valid)), ([raw, text]) => {
      const data = { [KEY]: raw, [documentKey(KEY)]: text };
      const found = accepted(() => fromVolumeData(KEY, data), TokenVolumeError);
      if (found === undefined) return;
      expectToken(found);
      expect(found.accessToken.reveal()).toBe(raw);
    });
  });

  it('takes linear time', () => {
    expectLinear((text) => parseDocument(KEY, text), ['{', '"access_token":', '[', '"', '\\', ' ', '1', ',', 'e9']);
  });
});

const chain = {
  refreshToken: new Redacted(CANARY),
  originSha256: sha256('origin'),
  rotates: true,
  inUse: true,
  inUseSince: Date.UTC(2026, 10, 30),
};

describe('a state document', () => {
  it('is a chain, removed or damaged, and never an error', () => {
    fuzz(
      nearJson(JSON.parse(chainText(chain)) as object),
      (text) => {
        const found = chainIn(text);
        if (typeof found === 'string') return;
        expect(found.refreshToken.reveal()).not.toBe('');
        expect([typeof found.rotates, typeof found.inUse, typeof found.originSha256]).toEqual([
          'boolean',
          'boolean',
          'string',
        ]);
        if (found.inUseSince !== undefined) expectTime(found.inUseSince);
        expect(chainIn(chainText(found))).toEqual(found);
      },
      1500,
    );
  });

  it('takes linear time', () => {
    expectLinear(chainIn, ['{', '"refresh_token":', '[', '"', '\\', ' ', '1', ',', '{"removed":true}']);
  });
});

describe('a CA document', () => {
  it('is a list of CAs, newer or damaged, and never an error', () => {
    const entry = { certificate: 'PEM', private_key: CANARY };
    fuzz(nearJson({ version: 1, authorities: [entry] }), (text) => {
      const found = authoritiesIn(text);
      if (typeof found === 'string') expect(['newer', 'damaged']).toContain(found);
      else for (const { certificate } of found) expect(typeof certificate).toBe('string');
    });
  });
});
