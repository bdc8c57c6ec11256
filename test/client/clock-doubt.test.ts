import { describe, expect, it } from 'vitest';
import { ClockDoubt } from '../../src/client/clock-doubt.ts';
import { MINUTE, NOON } from '../support/token-source.ts';

const HOUR = 60 * MINUTE;
/** Issued at noon for an hour. */
const token = { issuedAt: NOON, expiresAt: NOON + HOUR };

function doubting(): { doubt: ClockDoubt; reports: string[] } {
  const reports: string[] = [];
  return { doubt: new ClockDoubt(({ message }) => reports.push(message)), reports };
}

describe('doubt about the clock of this machine', () => {
  it.each<[string, number, number | undefined, string]>([
    ['none where it agrees', 0, HOUR, ''],
    ['none where the answer took 10 s', -10_000, HOUR, ''],
    ['an hour ahead', HOUR, HOUR, 'The clock of this machine is about 1h ahead of the token-acquirer'],
    ['a minute ahead', MINUTE, HOUR, 'The clock of this machine is about 1m ahead of the token-acquirer'],
    ['an hour behind', -HOUR, HOUR, 'The clock of this machine is about 1h behind the token-acquirer'],
    ['ahead, by a token-acquirer that gives no expires_in', 3 * HOUR, undefined, 'about 2h ahead'],
    ['none by one that gives no expires_in', -HOUR, undefined, ''],
  ])('%s', (_, ahead, expiresIn, expected) => {
    const { doubt, reports } = doubting();
    doubt.compare({ ...token, expiresIn }, NOON + ahead);
    expect(doubt.hint).toContain(expected);
    expect(doubt.hint === '').toBe(expected === '');
    expect(reports).toHaveLength(expected === '' ? 0 : 1);
  });

  it('is reported once while it lasts, and again when it comes back', () => {
    const { doubt, reports } = doubting();
    for (const ahead of [HOUR, HOUR, 0, HOUR]) doubt.compare({ ...token, expiresIn: HOUR }, NOON + ahead);
    expect(reports).toHaveLength(2);
  });

  it('arises at a token of the volume that was issued in the future', () => {
    const { doubt, reports } = doubting();
    doubt.look(token, NOON - 4 * MINUTE);
    expect(reports).toEqual([]);
    doubt.look(token, NOON - HOUR);
    expect(reports).toEqual(["The clock of this machine is about 1h behind the token-acquirer's. Check both clocks."]);
  });

  it('ends at a later token of the volume, once the clock is right', () => {
    const { doubt, reports } = doubting();
    doubt.look(token, NOON - HOUR);
    doubt.look(token, NOON - MINUTE);
    expect(doubt.hint).toContain('behind');
    doubt.look(token, NOON);
    expect(doubt.hint).toBe('');
    doubt.look(token, NOON - HOUR);
    expect(reports).toHaveLength(2);
  });

  it('that an answer raised does not end at a token of the volume', () => {
    const { doubt } = doubting();
    doubt.compare({ ...token, expiresIn: HOUR }, NOON + HOUR);
    doubt.look(token, NOON + HOUR);
    expect(doubt.hint).toContain('ahead of');
  });
});
