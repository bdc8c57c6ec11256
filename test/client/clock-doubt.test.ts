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

describe('the warning about the clock of this machine', () => {
  it.each<[string, number, number | undefined, string]>([
    ['is absent where the clocks agree', 0, HOUR, ''],
    ['is absent where the answer took 10 s', -10_000, HOUR, ''],
    ['reports an hour ahead', HOUR, HOUR, 'The clock of this machine is about 1h ahead of the token-acquirer'],
    ['reports a minute ahead', MINUTE, HOUR, 'The clock of this machine is about 1m ahead of the token-acquirer'],
    ['reports an hour behind', -HOUR, HOUR, 'The clock of this machine is about 1h behind the token-acquirer'],
    ['reports a clock that is ahead without an expires_in in the answer', 3 * HOUR, undefined, 'about 2h ahead'],
    ['is absent for a clock that is behind without an expires_in in the answer', -HOUR, undefined, ''],
  ])('%s', (_, ahead, expiresIn, expected) => {
    const { doubt, reports } = doubting();
    doubt.compare({ ...token, expiresIn }, NOON + ahead);
    expect(doubt.hint).toContain(expected);
    expect(doubt.hint === '').toBe(expected === '');
    expect(reports).toHaveLength(expected === '' ? 0 : 1);
  });

  it('comes once while the difference lasts, and again when it comes back', () => {
    const { doubt, reports } = doubting();
    for (const ahead of [HOUR, HOUR, 0, HOUR]) doubt.compare({ ...token, expiresIn: HOUR }, NOON + ahead);
    expect(reports).toHaveLength(2);
  });

  it('comes with a token of the volume that was issued in the future', () => {
    const { doubt, reports } = doubting();
    doubt.look(token, NOON - 4 * MINUTE);
    expect(reports).toEqual([]);
    doubt.look(token, NOON - HOUR);
    expect(reports).toEqual(["The clock of this machine is about 1h behind the token-acquirer's. Check both clocks."]);
  });

  it('ends with a later token of the volume, once the clock is right', () => {
    const { doubt, reports } = doubting();
    doubt.look(token, NOON - HOUR);
    doubt.look(token, NOON - MINUTE);
    expect(doubt.hint).toContain('behind');
    doubt.look(token, NOON);
    expect(doubt.hint).toBe('');
    doubt.look(token, NOON - HOUR);
    expect(reports).toHaveLength(2);
  });

  it('stays after a token of the volume if an answer caused it', () => {
    const { doubt } = doubting();
    doubt.compare({ ...token, expiresIn: HOUR }, NOON + HOUR);
    doubt.look(token, NOON + HOUR);
    expect(doubt.hint).toContain('ahead of');
  });
});
