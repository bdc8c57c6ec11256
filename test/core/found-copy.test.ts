import { describe, expect, it } from 'vitest';
import { describeFound, type ExpectedCopy, type Found } from '../../src/core/found-copy.ts';
import { toVolumeData, USUAL_FORM } from '../../src/core/token-volume.ts';
import { buildToken } from '../support/tokens.ts';

const TOKEN = buildToken();

const expected = (given: Partial<ExpectedCopy> = {}): ExpectedCopy => ({
  key: 'dynamics',
  form: USUAL_FORM,
  common: {},
  ...given,
});

describe('what was read', () => {
  const data: Record<string, string> = { ...toVolumeData('dynamics', TOKEN), 'ca.crt': 'CA' };
  const document = JSON.parse(data['dynamics.json'] ?? '') as Record<string, unknown>;
  const rewritten = (changes: object) => ({ ...data, 'dynamics.json': JSON.stringify({ ...document, ...changes }) });

  it('is the very token in memory where it is written like that', () => {
    const { token, isOurForm } = describeFound(data, TOKEN, expected());
    expect(token).toBe(TOKEN);
    expect(isOurForm).toBe(true);
  });

  it.each<[sentence: string, data: Record<string, string>, expected: Partial<Found>]>([
    ['nothing', {}, { token: undefined, fault: undefined, isOurForm: false }],
    ['a token', data, { token: TOKEN, fault: undefined, isOurForm: true }],
    ['a token with what later versions add', rewritten({ added: 1 }), { token: TOKEN, isOurForm: false }],
    ['a token without the line break at the end', rewritten({}), { token: TOKEN, isOurForm: false }],
    [
      'half a token',
      { dynamics: 'x' },
      { token: undefined, fault: expect.stringMatching(/^The key dynamics/), isOurForm: false },
    ],
  ])('is described: %s', (_sentence, given, description) => {
    expect(describeFound(given, undefined, expected())).toMatchObject(description);
  });

  it.each<[sentence: string, common: Record<string, string>, isComplete: boolean]>([
    ['nothing else belongs there', {}, true],
    ['it has what belongs there', { 'ca.crt': 'CA' }, true],
    ['that is different', { 'ca.crt': 'another CA' }, false],
    ['that is missing', { more: 'x' }, false],
  ])('is complete or not where %s', (_sentence, common, isComplete) => {
    expect(describeFound(data, TOKEN, expected({ common })).isComplete).toBe(isComplete);
  });

  it('is incomplete where it names another header, and the token is still found', () => {
    const header = { name: 'X-Auth-Token', prefix: '' };
    const renamed = toVolumeData('dynamics', TOKEN, { ...USUAL_FORM, header });
    const asked = describeFound(renamed, TOKEN, expected());
    expect(asked).toMatchObject({ token: TOKEN, fault: undefined, isOurForm: false, isComplete: false });
    expect(Object.keys(asked.token ?? {})).not.toContain('header');
    expect(describeFound(data, TOKEN, expected({ form: { ...USUAL_FORM, header } }))).toMatchObject({
      isComplete: false,
    });
    expect(describeFound(renamed, TOKEN, expected({ form: { ...USUAL_FORM, header } }))).toMatchObject({
      token: TOKEN,
      isOurForm: true,
      isComplete: true,
    });
  });

  it('is complete where only the spelling of the header differs', () => {
    const form = { ...USUAL_FORM, header: { name: 'x-auth-token', prefix: '' } };
    const stored = toVolumeData('dynamics', TOKEN, { ...USUAL_FORM, header: { name: 'X-Auth-Token', prefix: '' } });
    expect(describeFound(stored, TOKEN, expected({ form }))).toMatchObject({ isOurForm: false, isComplete: true });
  });

  it.each<[sentence: string, changes: Record<string, string>, isComplete: boolean]>([
    ['it has the copies', {}, true],
    ['a copy is that of another token', { credential: 'Bearer x' }, false],
    ['a copy has another form', { credential: TOKEN.accessToken.reveal() }, false],
    ['a copy is missing', { credential: '', more: '' }, false],
  ])('is complete or not where %s', (_sentence, changes, isComplete) => {
    const form = { ...USUAL_FORM, copies: [{ key: 'credential', form: 'bearer' as const }] };
    const given = { ...toVolumeData('dynamics', TOKEN, form), ...changes };
    for (const held of [TOKEN, undefined]) {
      const found = describeFound(given, held, expected({ form }));
      expect(found).toMatchObject({ token: TOKEN, isOurForm: true, isComplete });
    }
  });

  it('names the copies that the configuration no longer names', () => {
    const copies = [
      { key: 'credential', form: 'bearer' as const },
      { key: 'api-token', form: 'raw' as const },
    ];
    const given = toVolumeData('dynamics', TOKEN, { ...USUAL_FORM, copies });
    const form = { ...USUAL_FORM, copies: copies.slice(1) };
    for (const held of [TOKEN, undefined]) {
      const found = describeFound(given, held, expected({ form }));
      expect(found).toMatchObject({ token: TOKEN, isOurForm: false, formerCopies: ['credential'] });
      expect(Object.keys(found.token ?? {})).not.toContain('copies');
    }
    expect(describeFound(given, TOKEN, expected({ form: { ...form, copies } })).formerCopies).toEqual([]);
  });
});
