import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { StoreError, UsageError } from '../../../src/core/errors.ts';
import type { MergedStatus } from '../../../src/token-acquirer/plugin/merged-status.ts';
import { type StatusOptions, statusCommand } from '../../../src/token-acquirer/plugin/status-command.ts';
import { FakeClusterView, recordedOutput } from '../../fakes/fake-cluster-view.ts';
import { failure } from '../../support/failure.ts';
import { acquirerPod, condition, statusReport, tokenReport } from '../../support/status-reports.ts';

const SCOPE = { selector: 'app.kubernetes.io/name=token-acquirer', everywhere: false };
const FAILED = tokenReport('billing/tokens/crm', {
  state: 'RenewalFailing',
  healthy: false,
  last_error: {
    code: 'invalid_scope',
    message: 'The server does not grant this scope.',
    at: '2026-01-01T11:59:00.000Z',
  },
});

describe('the status of all shards', () => {
  let cluster: FakeClusterView;
  let output: ReturnType<typeof recordedOutput>;
  beforeEach(() => {
    cluster = new FakeClusterView();
    cluster.acquirerPods = [acquirerPod('one'), acquirerPod('two', { shard: 1 })];
    cluster.reports.set('one', statusReport([tokenReport('billing/tokens/dynamics'), FAILED]));
    cluster.reports.set('two', statusReport([tokenReport('shipping/tokens/partner')]));
    output = recordedOutput();
  });

  function run(options: Partial<StatusOptions> = {}, pause = async (): Promise<boolean> => false): Promise<void> {
    return statusCommand(SCOPE, { output: 'table', ...options }, { cluster, output, pause });
  }

  it('shows what needs attention first, then the processes', async () => {
    expect(await failure(run())).toMatchObject({ exitCode: 1, message: '' });
    expect(output.printed.view).toBe(`\
TOKEN                    STATE           EXPIRES IN  RENEWS IN  GENERATION  LAST ERROR
billing/tokens/crm       RenewalFailing  50m         30m        1767268200  invalid_scope: The server does not grant this scope.
billing/tokens/dynamics  Valid           50m         30m        1767268200  -
shipping/tokens/partner  Valid           50m         30m        1767268200  -

What to do about the errors:
  docs/reference/errors.md#invalid_scope

Pod one of token-acquirer/token-acquirer shard 0: healthy

Pod two of token-acquirer/token-acquirer shard 1: healthy
`);
  });

  it('ends well if everything is healthy', async () => {
    cluster.acquirerPods = [acquirerPod('two', { shard: 1 })];
    await run();
    expect(output.printed.error).toBe('');
  });

  it('shows what one process reports as the status of that process does', async () => {
    cluster.acquirerPods = [acquirerPod('two')];
    const replica = { pod: 'two', shard: 0, role: 'leading', leader: 'two' } as const;
    cluster.reports.set('two', statusReport([], { replica }));
    await run();
    expect(output.printed.view).toBe('No tokens.\n\nLeader: pod two\n');
  });

  it('names the token-acquirer of each token if there are several', async () => {
    cluster.acquirerPods = [acquirerPod('one'), acquirerPod('two', { namespace: 'other' })];
    await failure(run());
    expect(output.printed.view).toMatch(/^ACQUIRER +TOKEN +STATE/);
    expect(output.printed.view).toMatch(/^token-acquirer\/token-acquirer +billing\/tokens\/crm +RenewalFailing/m);
    expect(output.printed.view).toMatch(/^other\/token-acquirer +shipping\/tokens\/partner +Valid/m);
  });

  it('shows a process that is unhealthy in full', async () => {
    const conditions = [
      condition('CaUsable', { status: 'False', reason: 'CaFileUnusable', message: 'It is damaged.' }),
    ];
    cluster.reports.set('two', statusReport([], { conditions }));
    await failure(run());
    expect(output.printed.view).toContain(
      'shard 1: unhealthy\n\nCaUsable=False (CaFileUnusable), for 10m\n  It is damaged.\n',
    );
  });

  it('shows a shard that does not answer, and the others', async () => {
    cluster.reports.delete('two');
    expect(await failure(run())).toMatchObject({ exitCode: 1 });
    expect(output.printed.view).toContain(
      '\nNo answer from token-acquirer/token-acquirer shard 1\n  The pod two does not answer.\n',
    );
  });

  it.each<[what: string, options: Partial<StatusOptions>, names: readonly string[]]>([
    ['unhealthy ones', { unhealthy: true }, ['billing/tokens/crm']],
    ['those of a namespace', { secretNamespace: 'shipping' }, ['shipping/tokens/partner']],
    ['none of a namespace with another name', { secretNamespace: 'ship' }, []],
  ])('shows only %s', async (_what, options, names) => {
    await failure(run({ ...options, output: 'json' }));
    const { tokens } = JSON.parse(output.printed.out) as MergedStatus;
    expect(tokens.map(({ token }) => token)).toEqual(names);
  });

  it('is the same as JSON and as YAML', async () => {
    await failure(run({ output: 'json' }));
    const json = JSON.parse(output.printed.out) as MergedStatus;
    output = recordedOutput();
    await failure(run({ output: 'yaml' }));
    expect(parse(output.printed.out)).toEqual(json);
    expect(json.tokens[0]).toMatchObject({ ...FAILED, acquirer: { namespace: 'token-acquirer', shard: 0 } });
    expect(output.printed.view).toBe('');
  });

  it('says on standard error that not all namespaces were searched', async () => {
    cluster.limit = 'The search was limited.';
    await failure(run({ output: 'json' }));
    expect(output.printed.error).toBe('The search was limited.\n');
  });

  it.each([
    [undefined, undefined, 'No pod in the cluster has the label app.kubernetes.io/name=token-acquirer'],
    ['other', undefined, 'No pod in the namespace other has the label'],
    [undefined, 'Limited.', 'No pod with the label app.kubernetes.io/name=token-acquirer was found. Limited.'],
  ])('says what to do if no pod is found', async (namespace, limit, message) => {
    cluster.acquirerPods = [];
    cluster.limit = limit;
    const pause = async (): Promise<boolean> => false;
    const error = await failure(
      statusCommand({ ...SCOPE, namespace }, { output: 'table' }, { cluster, output, pause }),
    );
    expect(error).toMatchObject({ exitCode: 3 });
    expect(String(error)).toContain(message);
  });

  describe('with --watch', () => {
    /** Continues so many times, and does this before each. */
    function times(count: number, act: (time: number) => void = () => undefined): () => Promise<boolean> {
      let done = 0;
      return async () => {
        done += 1;
        if (done <= count) act(done);
        return done <= count;
      };
    }

    it('is shown again until it is enough', async () => {
      await run({ watch: true }, times(2));
      expect(output.printed.view.split('---\n')).toHaveLength(3);
      expect(cluster.scopes).toHaveLength(3);
    });

    it('goes on if the API server does not answer for a time', async () => {
      const pause = times(2, (time) => {
        cluster.acquirerPods = time === 1 ? new StoreError('The API server cannot be reached.') : [acquirerPod('two')];
      });
      await run({ watch: true }, pause);
      expect(output.printed.error).toBe('The API server cannot be reached.\n');
      expect(output.printed.view.split('---\n')[2]).toMatch(/shipping\/tokens\/partner/);
    });

    it('fails if the first look fails', async () => {
      cluster.acquirerPods = new StoreError('The API server cannot be reached.');
      expect(await failure(run({ watch: true }, times(2)))).toBeInstanceOf(StoreError);
    });

    it('fails if the command itself turns out to be wrong', async () => {
      const pause = times(2, () => {
        cluster.acquirerPods = new UsageError('The kubeconfig is damaged.');
      });
      expect(await failure(run({ watch: true }, pause))).toBeInstanceOf(UsageError);
    });
  });
});
