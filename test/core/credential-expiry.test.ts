import { describe, expect, it } from 'vitest';
import { EXPIRY_FORM, firstEnd, parseExpiry } from '../../src/core/credential-expiry.ts';

describe('the end of a credential', () => {
  it.each<[what: string, text: string, time: string | undefined]>([
    ['a time', '2027-01-31T12:30:00Z', '2027-01-31T12:30:00.000Z'],
    ['a time with an offset', '2027-01-31T12:30:00+02:00', '2027-01-31T10:30:00.000Z'],
    ['a time with parts of a second, as of Entra ID', '2027-01-31T12:30:00.1234567Z', '2027-01-31T12:30:00.123Z'],
    ['a time in lower case with a space', '2027-01-31 12:30:00z', '2027-01-31T12:30:00.000Z'],
    ['a date, at its first moment', '2027-01-31', '2027-01-31T00:00:00.000Z'],
    ['a text with a line break at its end', ' 2027-01-31\n', '2027-01-31T00:00:00.000Z'],
    ['a leap day', '2028-02-29', '2028-02-29T00:00:00.000Z'],
    ['a time that is over', '1999-12-31T23:59:59Z', '1999-12-31T23:59:59.000Z'],
    ['a day that does not exist', '2027-02-30', undefined],
    ['a leap day of another year', '2027-02-29T00:00:00Z', undefined],
    ['a month that does not exist', '2027-13-01', undefined],
    ['an hour that does not exist', '2027-01-31T25:00:00Z', undefined],
    ['a time without a zone, which nobody can know', '2027-01-31T12:30:00', undefined],
    ['a Unix time, whose unit nobody can know', '1801396800', undefined],
    ['a date in another order', '01/31/2027', undefined],
    ['a word', 'never', undefined],
    ['an empty text', '', undefined],
    ['a time and more', '2027-01-31T12:30:00Z or later', undefined],
  ])('is read from %s', (_what, text, time) => {
    const at = parseExpiry(text);
    expect(at === undefined ? undefined : new Date(at).toISOString()).toBe(time);
  });

  it('has a form whose examples are valid', () => {
    const examples = EXPIRY_FORM.match(/\d{4}-\d\d-\d\d\S*?(?=[ ,])/g) ?? [];
    expect(examples).toHaveLength(2);
    for (const example of examples) expect(parseExpiry(example)).toBeDefined();
  });

  it.each([
    ['the earlier one of two', [2, 1], 1],
    ['the only one', [undefined, 2], 2],
    ['unknown where none is', [undefined, undefined], undefined],
    ['unknown without any', [], undefined],
  ])('is %s', (_what, ends, first) => {
    expect(firstEnd(ends)).toBe(first);
  });
});
