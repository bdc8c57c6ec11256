import { describe, expect, it } from 'vitest';
import { TOKEN_STATES, type TokenState } from '../../src/core/token-states.ts';
import { byUrgency, urgencyOf } from '../../src/token-acquirer/endpoints/urgency.ts';
import { condition, minutesFrom, tokenReport } from '../support/status-reports.ts';

const BROKEN = [condition('Stored', { status: 'False', message: 'The store is unavailable.' })];

describe('the urgency of a token', () => {
  it.each<TokenState>(['Valid', 'Suspended'])('does not exist for a healthy one: %s', (state) => {
    expect(urgencyOf({ state, conditions: [] })).toBeUndefined();
  });

  it('differs for each state that needs attention, and is the highest without a valid token', () => {
    const states = (Object.keys(TOKEN_STATES) as TokenState[]).filter((state) => !TOKEN_STATES[state].healthy);
    const ranked = states.toSorted(
      (one, other) =>
        (urgencyOf({ state: one, conditions: [] }) ?? 0) - (urgencyOf({ state: other, conditions: [] }) ?? 0),
    );
    expect(ranked).toEqual(['Expired', 'Failing', 'NotStored', 'Pending', 'RenewalFailing']);
  });

  it('exists for a valid token with an unhealthy condition, after those of worse states', () => {
    const valid = urgencyOf({ state: 'Valid', conditions: BROKEN });
    expect(valid).toBeGreaterThan(urgencyOf({ state: 'RenewalFailing', conditions: [] }) ?? Number.NaN);
  });

  it('is the highest for a state that this version does not know', () => {
    const unknown = urgencyOf({ state: 'Melting' as TokenState, conditions: [] });
    expect(unknown).toBeLessThan(urgencyOf({ state: 'Expired', conditions: [] }) ?? Number.NaN);
  });
});

describe('tokens in the order of their urgency', () => {
  it('begin with what needs attention, of one state with what expires first', () => {
    const tokens = [
      tokenReport('a/healthy/x'),
      tokenReport('a/later/x', { state: 'RenewalFailing', expires_at: minutesFrom(9) }),
      tokenReport('a/sooner/x', { state: 'RenewalFailing', expires_at: minutesFrom(2) }),
      tokenReport('a/expired/x', { state: 'Expired', expires_at: minutesFrom(-2) }),
    ];
    expect(tokens.toSorted(byUrgency).map(({ token }) => token)).toEqual([
      'a/expired/x',
      'a/sooner/x',
      'a/later/x',
      'a/healthy/x',
    ]);
  });

  it('keep their order where none needs attention', () => {
    const tokens = ['b/b/b', 'a/a/a'].map((name) => tokenReport(name));
    expect(tokens.toSorted(byUrgency)).toEqual(tokens);
  });
});
