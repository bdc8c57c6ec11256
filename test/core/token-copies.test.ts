import { describe, expect, it } from 'vitest';
import { COPY_FORMS, copiesOf, isSameCopies, meaningOf, type TokenCopy } from '../../src/core/token-copies.ts';

const CREDENTIAL: TokenCopy = { key: 'credential', form: 'bearer' };
const RAW: TokenCopy = { key: 'api-token', form: 'raw' };

describe('the copies of a token', () => {
  it('have the token in their forms, without a line break', () => {
    expect(copiesOf('a-token', [CREDENTIAL, RAW])).toEqual({ credential: 'Bearer a-token', 'api-token': 'a-token' });
    expect(copiesOf('a-token', [])).toEqual({});
  });

  it('have two forms, each with a meaning', () => {
    expect(COPY_FORMS).toEqual(['raw', 'bearer']);
    for (const form of COPY_FORMS) expect(meaningOf(form)).toMatch(/token/);
  });

  it.each<[readonly TokenCopy[], readonly TokenCopy[], boolean]>([
    [[], [], true],
    [[CREDENTIAL], [{ ...CREDENTIAL }], true],
    [[CREDENTIAL], [], false],
    [[CREDENTIAL], [{ ...CREDENTIAL, form: 'raw' }], false],
    [[CREDENTIAL], [{ ...CREDENTIAL, key: 'other' }], false],
    [[CREDENTIAL], [CREDENTIAL, RAW], false],
  ])('%j and %j are compared', (one, other, same) => {
    expect(isSameCopies(one, other)).toBe(same);
    expect(isSameCopies(other, one)).toBe(same);
  });
});
