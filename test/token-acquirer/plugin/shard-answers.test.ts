import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../src/core/errors.ts';
import type { StatusReport } from '../../../src/token-acquirer/endpoints/status-report.ts';
import type { AcquirerPod } from '../../../src/token-acquirer/plugin/cluster-view.ts';
import { statusOfAll } from '../../../src/token-acquirer/plugin/shard-answers.ts';
import { failure } from '../../support/failure.ts';
import { acquirerPod, statusReport, tokenReport } from '../../support/status-reports.ts';

const AWAY = new StoreError('The pod does not answer.');
const DENIED = new StoreError('You lack the permission (403).', { permanent: true });
const CUT_OFF = {
  replica: { pod: 'one', shard: 0, role: 'following', leader_unreachable: 'It does not answer.' },
} as const satisfies Partial<StatusReport>;

/** Asks the pods of this list, of which each gives the answer with its name. */
async function asking(
  pods: readonly AcquirerPod[],
  answers: Readonly<Record<string, StatusReport | Error>>,
  limit?: string,
) {
  const asked: string[] = [];
  const status = statusOfAll({ pods, limit }, async ({ name }) => {
    asked.push(name);
    const answer = answers[name] ?? AWAY;
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return { status: await status, asked };
}

describe('the pods of a shard', () => {
  it('are not all asked if the first one answers', async () => {
    const answers = { one: statusReport([tokenReport('a/b/c')]), two: statusReport([]) };
    const { status, asked } = await asking([acquirerPod('one'), acquirerPod('two')], answers);
    expect(asked).toEqual(['one']);
    expect(status.tokens.map(({ token }) => token)).toEqual(['a/b/c']);
  });

  it('are asked in the order of their readiness', async () => {
    const pods = [acquirerPod('one', { ready: false }), acquirerPod('two')];
    expect((await asking(pods, { two: statusReport([]) })).asked).toEqual(['two']);
  });

  it('are asked until one answers', async () => {
    const { status, asked } = await asking([acquirerPod('one'), acquirerPod('two')], { two: statusReport([]) });
    expect(asked).toEqual(['one', 'two']);
    expect(status.unanswered).toEqual([]);
    expect(status.acquirers.map(({ pod }) => pod)).toEqual(['two']);
  });

  it('are asked for another answer than that of a replica that cannot ask its leader', async () => {
    const answers = { one: statusReport([], CUT_OFF), two: statusReport([tokenReport('a/b/c')]) };
    const { status } = await asking([acquirerPod('one'), acquirerPod('two')], answers);
    expect(status.acquirers.map(({ pod }) => pod)).toEqual(['two']);
  });

  it('give the answer of such a replica if no other answers', async () => {
    const { status } = await asking([acquirerPod('one'), acquirerPod('two')], { one: statusReport([], CUT_OFF) });
    expect(status.acquirers.map(({ pod, replica }) => [pod, replica?.leader_unreachable])).toEqual([
      ['one', 'It does not answer.'],
    ]);
  });

  it('are not asked unless they run', async () => {
    const pods = [acquirerPod('one', { phase: 'Pending', ready: false }), acquirerPod('two', { shard: 1 })];
    const { status, asked } = await asking(pods, { two: statusReport([]) });
    expect(asked).toEqual(['two']);
    expect(status.unanswered).toEqual([
      {
        namespace: 'token-acquirer',
        release: 'token-acquirer',
        shard: 0,
        message: 'The pod token-acquirer/one is Pending. Try: kubectl -n token-acquirer describe pod one.',
      },
    ]);
  });
});

describe('several shards', () => {
  it('are each asked, by namespace, release and number', async () => {
    const pods = [
      acquirerPod('one'),
      acquirerPod('two', { shard: 1 }),
      acquirerPod('three', { release: 'second' }),
      acquirerPod('four', { namespace: 'other' }),
    ];
    const answers = Object.fromEntries(pods.map(({ name }) => [name, statusReport([tokenReport(`a/b/${name}`)])]));
    const { status } = await asking(pods, answers);
    expect(status.acquirers.map(({ pod }) => pod)).toEqual(['four', 'three', 'one', 'two']);
    expect(status.tokens).toHaveLength(4);
  });

  it('leave one that does not answer to be named', async () => {
    const { status } = await asking([acquirerPod('one'), acquirerPod('two', { shard: 1 })], { one: statusReport([]) });
    expect(status.unanswered.map(({ shard, message }) => [shard, message])).toEqual([[1, AWAY.message]]);
  });
});

describe('no answer at all', () => {
  it('is that no token-acquirer was reached', async () => {
    const error = await failure(asking([acquirerPod('one'), acquirerPod('two')], {}));
    expect(error).toMatchObject({ exitCode: 3, message: 'The pod does not answer.' });
  });

  it('is a failure if the user may not ask', async () => {
    const error = await failure(
      asking([acquirerPod('one'), acquirerPod('two', { shard: 1 })], { one: DENIED, two: DENIED }),
    );
    expect(error).toMatchObject({ exitCode: 1, message: 'You lack the permission (403).' });
  });

  it('names why only some namespaces were searched', async () => {
    const error = await failure(asking([acquirerPod('one')], {}, 'Only one namespace was searched.'));
    expect(error).toMatchObject({ message: 'The pod does not answer. Only one namespace was searched.' });
  });
});
