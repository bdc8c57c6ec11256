import { describe, expect, it } from 'vitest';
import {
  changesBetween,
  pageProcess,
  pageToken,
  pictureOf,
} from '../../../src/token-acquirer/endpoints/status-page/page-picture.ts';
import type { TokenReport } from '../../../src/token-acquirer/endpoints/status-report.ts';
import { condition, minutesFrom, REPORTED_AT, statusReport, tokenReport } from '../../support/status-reports.ts';

const NAME = 'billing/billing-tokens/dynamics';
const ERROR = { code: 'invalid_scope', message: 'The scope is not granted.', at: REPORTED_AT };
const at = (minutes: number): number => Date.parse(minutesFrom(minutes));

function rowOf(changes: Partial<TokenReport> = {}) {
  return pageToken(tokenReport(NAME, changes));
}

describe('the row of a token', () => {
  it('has the times, and nothing else, where the token is healthy', () => {
    expect(rowOf()).toEqual({ id: NAME, state: 'Valid', issued: at(-10), expires: at(50), renews: at(30) });
  });

  it('has neither the generation nor a digit of the hash', () => {
    const text = JSON.stringify(rowOf({ state: 'RenewalFailing', last_error: ERROR }));
    expect(text).not.toMatch(/abcdef01|generation|sha256/);
  });

  it('has the last error as what needs attention', () => {
    const row = rowOf({ state: 'RenewalFailing', last_error: ERROR });
    expect(row).toMatchObject({ note: 'invalid_scope: The scope is not granted.' });
  });

  it('has the cause that the store gave where the token is not stored', () => {
    const stored = condition('Stored', { status: 'False', reason: 'StoreRefused', message: 'There is no Secret.' });
    const row = rowOf({ state: 'NotStored', stored: false, conditions: [stored] });
    expect(row).toMatchObject({ note: 'StoreRefused: There is no Secret.' });
  });

  it('has the message of another unhealthy condition before that of Ready', () => {
    const conditions = [
      condition('Ready', { status: 'False', message: 'There is no token.' }),
      condition('CredentialUsable', { status: 'False', message: 'The credential is empty.' }),
    ];
    expect(rowOf({ conditions })).toMatchObject({ note: 'The credential is empty.' });
    expect(rowOf({ conditions: conditions.slice(0, 1) })).toMatchObject({ note: 'There is no token.' });
  });

  it('has what the state means where nothing else is known', () => {
    const row = rowOf({ state: 'Pending', conditions: [] });
    expect(row).toMatchObject({ note: 'There is no token yet, and no request has failed.' });
  });

  it('has the reason of a suspension, which needs no attention, and no renewal', () => {
    const conditions = [condition('Suspended', { message: 'No pod matches.' })];
    const row = rowOf({ state: 'Suspended', conditions });
    expect(row).toEqual({ id: NAME, state: 'Suspended', issued: at(-10), expires: at(50), note: 'No pod matches.' });
  });

  it('ranks an expired token before one whose renewal fails', () => {
    const [expired, failing] = [rowOf({ state: 'Expired' }), rowOf({ state: 'RenewalFailing' })];
    expect(expired.urgency).toBeLessThan(failing.urgency ?? Number.NaN);
  });

  it('has at most 300 characters of an error', () => {
    const { note = '' } = rowOf({ state: 'Failing', last_error: { ...ERROR, message: 'x'.repeat(10_000) } });
    expect(note).toHaveLength(300);
    expect(note.endsWith('x…')).toBe(true);
  });
});

describe('what the page shows of the process', () => {
  it('is nothing but empty lists where all is healthy', () => {
    expect(pageProcess(statusReport([], { conditions: [condition('Elected')] }))).toEqual({ problems: [], leader: [] });
  });

  it('has why it is not ready, and each unhealthy condition', () => {
    const unhealthy = condition('Elected', { status: 'False', reason: 'LeaseForbidden', message: 'Forbidden.' });
    const report = statusReport([], { not_ready: 'It is starting.', conditions: [unhealthy, condition('Other')] });
    expect(pageProcess(report).problems).toEqual([
      { title: 'Not ready', message: 'It is starting.' },
      { title: 'Elected=False (LeaseForbidden)', message: 'Forbidden.', since: minutesFrom(-10) },
    ]);
  });

  it('has the first digits of the hash of the configuration', () => {
    const configuration = { sha256: 'abcdef0123456789', loaded_at: minutesFrom(-3) };
    expect(pageProcess(statusReport([], { configuration })).configuration).toEqual({
      sha256: 'abcdef01',
      loaded: at(-3),
    });
  });

  it('has the leader, and why the report is not the one of the leader', () => {
    const replica = { pod: 'pod-a', shard: 0, role: 'following' as const };
    expect(pageProcess(statusReport([], { replica: { ...replica, leader: 'pod-b' } })).leader).toEqual([
      'Leader: pod pod-b',
    ]);
    const unreachable = pageProcess(statusReport([], { replica: { ...replica, leader_unreachable: 'It is silent.' } }));
    expect(unreachable.leader).toEqual([
      'The leader cannot be asked. This is what the pod pod-a knows, which does not lead',
      'It is silent.',
    ]);
  });

  it('has the shards where there are several, and whose tokens are shown', () => {
    const shards = [0, 1].map((shard) => ({ shard, lease: `lease-${shard}`, state: 'held' as const, tokens: 5 }));
    const replica = { pod: 'pod-a', shard: 1, role: 'leading' as const };
    expect(pageProcess(statusReport([], { shards, replica }))).toMatchObject({ shard: 1, shards });
  });
});

describe('the changes between two pictures', () => {
  const [one, two] = ['billing/a/x', 'billing/b/x'].map((name) => tokenReport(name)) as [TokenReport, TokenReport];

  it('are only the time where nothing changed', () => {
    const before = pictureOf(statusReport([one, two]));
    expect(changesBetween(before, pictureOf(statusReport([one, two])))).toEqual({ of: Date.parse(REPORTED_AT) });
  });

  it('are the rows that are new or differ, and the names of those that are gone', () => {
    const before = pictureOf(statusReport([one, two]));
    const renewed = { ...two, issued_at: minutesFrom(0), expires_at: minutesFrom(60), renew_at: minutesFrom(40) };
    const added = tokenReport('billing/c/x');
    const changes = changesBetween(before, pictureOf(statusReport([renewed, added])));
    expect(changes.tokens).toEqual([renewed, added].map(pageToken));
    expect(changes.gone).toEqual([one.token]);
  });

  it.each<[string, Partial<TokenReport>]>([
    ['state', { state: 'NotStored' }],
    ['issue', { issued_at: minutesFrom(-1) }],
    ['expiry', { expires_at: minutesFrom(51) }],
    ['renewal', { renew_at: minutesFrom(31) }],
    ['error', { state: 'RenewalFailing', last_error: ERROR }],
  ])('have a row that differs in its %s', (_what, change) => {
    const changed = { ...one, ...change };
    const changes = changesBetween(pictureOf(statusReport([one])), pictureOf(statusReport([changed])));
    expect(changes.tokens).toEqual([pageToken(changed)]);
  });

  it('have the process where it differs', () => {
    const before = pictureOf(statusReport([one]));
    const changes = changesBetween(before, pictureOf(statusReport([one], { not_ready: 'It stops.' })));
    expect(changes.process?.problems).toEqual([{ title: 'Not ready', message: 'It stops.' }]);
    expect(changes.tokens).toBeUndefined();
  });

  it('lead from one picture to the other, whatever the pictures are', () => {
    const states = ['Valid', 'Expired', 'Suspended'] as const;
    const tokens = states.flatMap((state) => ['a', 'b'].map((name) => tokenReport(`billing/${name}/x`, { state })));
    const choices = tokens.flatMap((first) => tokens.map((second) => [first, second]));
    const pictures = choices
      .filter(([first, second]) => first?.token !== second?.token)
      .map((chosen) => pictureOf(statusReport(chosen)));
    for (const before of [...pictures, pictureOf(statusReport([]))]) {
      for (const after of pictures) {
        const rows = new Map(before.tokens.map((token) => [token.id, token]));
        const { tokens: changed = [], gone = [] } = changesBetween(before, after);
        for (const token of changed) rows.set(token.id, token);
        for (const id of gone) rows.delete(id);
        expect([...rows.values()].toSorted(byName)).toEqual(after.tokens.toSorted(byName));
      }
    }
  });
});

function byName(one: { readonly id: string }, other: { readonly id: string }): number {
  return one.id < other.id ? -1 : 1;
}
