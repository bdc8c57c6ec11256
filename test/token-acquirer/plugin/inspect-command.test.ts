import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { StoreError } from '../../../src/core/errors.ts';
import { inspectCommand } from '../../../src/token-acquirer/plugin/inspect-command.ts';
import type { Inspection } from '../../../src/token-acquirer/plugin/inspect-view.ts';
import type { Format } from '../../../src/token-acquirer/plugin/output.ts';
import { FakeClusterView, recordedOutput } from '../../fakes/fake-cluster-view.ts';
import { failure } from '../../support/failure.ts';
import { acquirerPod, condition, minutesFrom, statusReport, tokenReport } from '../../support/status-reports.ts';

const SCOPE = { selector: 'app.kubernetes.io/name=token-acquirer', everywhere: false };
const NAME = 'billing/billing-tokens/dynamics';

const FAILING = tokenReport(NAME, {
  state: 'RenewalFailing',
  healthy: false,
  last_error: { code: 'invalid_client', message: 'The server rejects\nthe client.', at: minutesFrom(-1) },
  last_pass: minutesFrom(-1),
  evidence: { last: { at: minutesFrom(-3), source: 'gateway', result: 'reissued' } },
  conditions: [
    condition('Ready'),
    condition('Renewed', { status: 'False', reason: 'RequestFailed', message: 'The server rejects the client.' }),
  ],
});

describe('the inspection of a token', () => {
  let cluster: FakeClusterView;
  let output: ReturnType<typeof recordedOutput>;
  beforeEach(() => {
    cluster = new FakeClusterView();
    cluster.acquirerPods = [acquirerPod('one')];
    cluster.reports.set('one', statusReport([tokenReport(NAME), tokenReport('billing/billing-tokens/crm')]));
    cluster.podUses = [
      { name: 'billing-app-1', phase: 'Running', mounted: ['billing-tokens'], frozen: [] },
      {
        name: 'report-1',
        phase: 'Running',
        mounted: [],
        frozen: [{ secret: 'billing-tokens', way: 'environment', container: 'report' }],
      },
    ];
    const stored = { type: 'Normal', reason: 'TokenStored', message: 'A new token was stored.', at: minutesFrom(-10) };
    cluster.secretEvents = [{ ...stored, count: 3 }];
    output = recordedOutput();
  });

  const run = (name = NAME, format: Format = 'table'): Promise<void> =>
    inspectCommand(name, { scope: SCOPE, format }, { cluster, output });

  it('shows times, conditions, consumers and events', async () => {
    await run();
    expect(output.printed.view).toBe(`\
Token:       billing/billing-tokens/dynamics
State:       Valid (healthy, stored)
Acquirer:    token-acquirer/token-acquirer shard 0
Generation:  1767268200
SHA-256:     abcdef01…
Issued:      2026-01-01T11:50:00.000Z, 10m ago
Renews:      2026-01-01T12:30:00.000Z, in 30m
Expires:     2026-01-01T12:50:00.000Z, in 50m

CONDITIONS
Ready=True  AsExpected  10m ago

CONSUMERS
report-1       Running  environment variables of the container report  never sees new tokens
billing-app-1  Running  a volume                                       sees new tokens

EVENTS
10m ago  Normal  TokenStored (3 times)  A new token was stored.
`);
  });

  it('finds the token by the end of its name', async () => {
    await run('dynamics');
    expect(output.printed.view).toContain(`Token:       ${NAME}\n`);
  });

  it('shows the last error on one line, where it is explained, and the last report', async () => {
    cluster.reports.set('one', statusReport([FAILING]));
    expect(await failure(run())).toMatchObject({ exitCode: 1, message: '' });
    const { view } = output.printed;
    expect(view).toContain('invalid_client: The server rejects the client. (2026-01-01T11:59:00.000Z, 1m ago)\n');
    expect(view).toContain('Last report:     reissued by gateway (2026-01-01T11:57:00.000Z, 3m ago)\n');
    expect(view).toContain('Renewed=False  RequestFailed  10m ago  The server rejects the client.\n');
    expect(view).toContain('docs/reference/errors.md#invalid_client');
  });

  it('leaves out what a token that was never issued does not have', async () => {
    const { issued_at: _, expires_at: __, renew_at: ___, generation, sha256, ...rest } = tokenReport(NAME);
    cluster.reports.set('one', statusReport([{ ...rest, state: 'Pending', stored: false, healthy: false }]));
    cluster.podUses = [];
    cluster.secretEvents = [];
    await failure(run());
    expect([generation, sha256].every((value) => value !== undefined)).toBe(true);
    expect(output.printed.view).toBe(`\
Token:     billing/billing-tokens/dynamics
State:     Pending (unhealthy, not stored)
Acquirer:  token-acquirer/token-acquirer shard 0

CONDITIONS
Ready=True  AsExpected  10m ago
`);
  });

  it('shows the rest if the user may not list pods or events', async () => {
    cluster.podUses = new StoreError('Ann may not list pods.', { permanent: true });
    cluster.secretEvents = new StoreError('Ann may not list events.', { permanent: true });
    await run();
    expect(output.printed.view).toMatch(
      /\nNot shown: Ann may not list pods\.\n\nNot shown: Ann may not list events\.\n$/,
    );
    expect(output.printed.view).not.toContain('CONSUMERS');
  });

  it('fails if its own code is wrong', async () => {
    cluster.podUses = new TypeError('not a function');
    expect(await failure(run())).toBeInstanceOf(TypeError);
  });

  it('is the same as JSON and as YAML', async () => {
    await run(NAME, 'json');
    const json = JSON.parse(output.printed.out) as Inspection;
    output = recordedOutput();
    await run(NAME, 'yaml');
    expect(parse(output.printed.out)).toEqual(json);
    expect(Object.keys(json)).toEqual(['token', 'consumers', 'events', 'not_shown']);
    expect(json.token).toMatchObject(tokenReport(NAME));
  });

  it('names the tokens that exist if it is of none', async () => {
    expect(await failure(run('billing/billing-tokens/other'))).toMatchObject({
      exitCode: 1,
      message: `No token has this name. Tokens: billing/billing-tokens/crm, ${NAME}.`,
    });
  });
});
