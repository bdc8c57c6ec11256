import { describe, expect, it } from 'vitest';
import { describeFound, type Found } from '../../src/core/found-copy.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { buildToken } from '../support/tokens.ts';

const TOKEN = buildToken();

describe('what was read', () => {
  const data: Record<string, string> = { ...toVolumeData('dynamics', TOKEN), 'ca.crt': 'CA' };
  const document = JSON.parse(data['dynamics.json'] ?? '') as Record<string, unknown>;
  const rewritten = (changes: object) => ({ ...data, 'dynamics.json': JSON.stringify({ ...document, ...changes }) });

  it('is the very token in memory where it is written like that', () => {
    const { token, isOurForm } = describeFound('dynamics', data, TOKEN, {});
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
  ])('is described: %s', (_sentence, given, expected) => {
    expect(describeFound('dynamics', given, undefined, {})).toMatchObject(expected);
  });

  it.each<[sentence: string, common: Record<string, string>, isComplete: boolean]>([
    ['nothing else belongs there', {}, true],
    ['it has what belongs there', { 'ca.crt': 'CA' }, true],
    ['that is different', { 'ca.crt': 'another CA' }, false],
    ['that is missing', { more: 'x' }, false],
  ])('is complete or not where %s', (_sentence, common, isComplete) => {
    expect(describeFound('dynamics', data, TOKEN, common).isComplete).toBe(isComplete);
  });
});
