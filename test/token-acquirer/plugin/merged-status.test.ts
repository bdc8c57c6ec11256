import { describe, expect, it } from 'vitest';
import type { TokenReport } from '../../../src/token-acquirer/endpoints/status-report.ts';
import { isAllHealthy, mergedStatus, type ShardAnswer } from '../../../src/token-acquirer/plugin/merged-status.ts';
import { condition, minutesFrom, statusReport, tokenReport } from '../../support/status-reports.ts';

const PLACE = { namespace: 'token-acquirer', release: 'token-acquirer', shard: 0 };

function answer(tokens: readonly TokenReport[], changes: Partial<ShardAnswer> = {}): ShardAnswer {
  return { ...PLACE, pod: 'token-acquirer-1', report: statusReport(tokens), ...changes };
}

/** The order in which tokens with these reports are shown. */
function order(...tokens: readonly TokenReport[]): string[] {
  return mergedStatus([answer(tokens)]).tokens.map(({ token }) => token);
}

const FAILING = { state: 'Failing', healthy: false } as const;

describe('the merged status', () => {
  it('has the tokens of all shards with the shard that answered for them', () => {
    const second = answer([tokenReport('a/b/one')], { shard: 1, pod: 'token-acquirer-shard-1-1' });
    const { tokens, acquirers } = mergedStatus([second, answer([tokenReport('a/b/two')])]);
    expect(tokens.map(({ token, acquirer }) => [token, acquirer.shard])).toEqual([
      ['a/b/one', 1],
      ['a/b/two', 0],
    ]);
    expect(acquirers.map(({ shard, pod }) => [shard, pod])).toEqual([
      [0, 'token-acquirer-1'],
      [1, 'token-acquirer-shard-1-1'],
    ]);
  });

  it('has what each process reports, without its tokens', () => {
    const [acquirer] = mergedStatus([answer([tokenReport('a/b/c')])]).acquirers;
    expect(acquirer).toEqual({
      ...PLACE,
      pod: 'token-acquirer-1',
      ready: true,
      now: expect.anything(),
      conditions: [],
    });
  });

  it('keeps a token that two token-acquirers report', () => {
    const other = answer([tokenReport('a/b/c')], { namespace: 'other' });
    expect(
      mergedStatus([answer([tokenReport('a/b/c')]), other]).tokens.map(({ acquirer }) => acquirer.namespace),
    ).toEqual(['other', 'token-acquirer']);
  });

  it.each<[what: string, tokens: readonly TokenReport[], expected: readonly string[]]>([
    ['by name, if all are healthy', [tokenReport('b/b/b'), tokenReport('a/a/a')], ['a/a/a', 'b/b/b']],
    ['unhealthy before healthy', [tokenReport('a/a/a'), tokenReport('z/z/z', FAILING)], ['z/z/z', 'a/a/a']],
    [
      'the worst state first',
      [
        tokenReport('a/a/renewal', { state: 'RenewalFailing' }),
        tokenReport('a/a/pending', { state: 'Pending' }),
        tokenReport('a/a/unstored', { state: 'NotStored' }),
        tokenReport('a/a/failing', { state: 'Failing' }),
        tokenReport('a/a/expired', { state: 'Expired' }),
      ],
      ['a/a/expired', 'a/a/failing', 'a/a/unstored', 'a/a/pending', 'a/a/renewal'],
    ],
    [
      'of one state the first to expire',
      [
        tokenReport('a/a/later', { state: 'RenewalFailing', expires_at: minutesFrom(20) }),
        tokenReport('z/z/sooner', { state: 'RenewalFailing', expires_at: minutesFrom(2) }),
      ],
      ['z/z/sooner', 'a/a/later'],
    ],
    [
      'a valid token with an unhealthy condition before healthy ones',
      [tokenReport('a/a/a'), tokenReport('b/b/b', { conditions: [condition('PodsFollow', { status: 'False' })] })],
      ['b/b/b', 'a/a/a'],
    ],
    [
      'a suspended token by its name',
      [tokenReport('b/b/b'), tokenReport('a/a/a', { state: 'Suspended', conditions: [condition('Suspended')] })],
      ['a/a/a', 'b/b/b'],
    ],
    [
      'a state that is not known first',
      [tokenReport('a/a/a', FAILING), tokenReport('b/b/b', { state: 'Later' as TokenReport['state'] })],
      ['b/b/b', 'a/a/a'],
    ],
  ])('orders tokens: %s', (_what, tokens, expected) => {
    expect(order(...tokens)).toEqual(expected);
  });
});

describe('all is healthy', () => {
  const healthy = answer([tokenReport('a/a/a')]);
  it.each<[expected: boolean, what: string, status: ReturnType<typeof mergedStatus>]>([
    [true, 'if every shard answered and every token is healthy', mergedStatus([healthy])],
    [true, 'if there is no token', mergedStatus([answer([])])],
    [false, 'but not if a token is unhealthy', mergedStatus([healthy, answer([tokenReport('a/a/b', FAILING)])])],
    [false, 'but not if a shard did not answer', mergedStatus([healthy], [{ ...PLACE, shard: 1, message: 'Silent.' }])],
    [
      false,
      'but not if a process is not ready',
      mergedStatus([answer([], { report: statusReport([], { ready: false, not_ready: 'No endpoint.' }) })]),
    ],
    [
      false,
      'but not if a condition of a process is false',
      mergedStatus([
        answer([], { report: statusReport([], { conditions: [condition('CaUsable', { status: 'False' })] }) }),
      ]),
    ],
  ])('%s: %s', (expected, _what, status) => {
    expect(isAllHealthy(status)).toBe(expected);
  });
});
