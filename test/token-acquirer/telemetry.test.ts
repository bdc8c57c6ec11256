import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { fanOut } from '../../src/adapters/telemetry/fan-out.ts';
import { createLog } from '../../src/adapters/telemetry/log.ts';
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import { createMetrics } from '../../src/adapters/telemetry/metrics.ts';
import { usageOfThisProcess } from '../../src/adapters/telemetry/resource-metrics.ts';
import {
  CONDITION_TYPES,
  type Condition,
  type ConditionType,
  type TokenConditions,
} from '../../src/core/conditions.ts';
import type { CredentialEnd } from '../../src/core/credential-expiry.ts';
import type { ProcessEvent, TokenEvent, TokenFacts } from '../../src/core/events.ts';
import type { ConditionReason } from '../../src/core/reasons.ts';
import type { OwnShard } from '../../src/core/shards.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { callFacts, reissueEvent } from '../support/calls.ts';

const identity = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };
const NOW = Date.UTC(2026, 0, 1);
const token: TokenFacts = {
  generation: 7,
  sha256: 'abcdef0123456789'.repeat(4),
  issuedAt: NOW,
  expiresAt: NOW + 60_000,
  renewAt: NOW + 40_000,
};

function logged(...events: ({ token: TokenEvent } | { process: ProcessEvent })[]): Record<string, unknown>[] {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const log = createLog(createLogger(sink), createFakeClock({ now: NOW }));
  for (const event of events) {
    if ('token' in event) log.token(identity, event.token);
    else log.process(event.process);
  }
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the log', () => {
  it('writes one line per event, with the name of the token and its short hash', () => {
    const [line, ...others] = logged({
      token: { kind: 'token-issued', token, server: 'corporate', trigger: 'renewal', reason: 'RenewalDue', took: 12.4 },
    });
    expect(others).toEqual([]);
    expect(line).toMatchObject({
      event: 'token-issued',
      token: 'billing/billing-tokens/dynamics',
      sha256: 'abcdef01',
      took_ms: 12,
      reason: 'RenewalDue',
      generation: 7,
      authorization_server: 'corporate',
    });
  });

  it.each<[string, string, { token: TokenEvent } | { process: ProcessEvent }]>([
    [
      'has the level warn for a failed token request',
      'warn',
      {
        token: {
          kind: 'token-request-failed',
          server: 'corporate',
          code: 'timeout',
          message: 'm',
          trigger: 'renewal',
          retryIn: 1,
          took: 1,
        },
      },
    ],
    [
      'has the level warn for a failed revocation',
      'warn',
      { token: { kind: 'revocation-failed', server: 'corporate', result: 'failed', message: 'm' } },
    ],
    ['has the level info for a revocation', 'info', { token: { kind: 'token-revoked', server: 'corporate' } }],
    ['has the level error for an unavailable store', 'error', { token: { kind: 'store-failed', message: 'm' } }],
    [
      'has the level error for a rejected configuration',
      'error',
      { process: { kind: 'configuration-refused', message: 'm' } },
    ],
    [
      'has the level warn for a rejected call',
      'warn',
      { process: { kind: 'call-refused', status: 401, path: '/v1', call: callFacts() } },
    ],
    ['has the level info for a renewal', 'info', { token: { kind: 'token-stored', token } }],
    ['has the level info for a reissue', 'info', { process: reissueEvent('reissued', { identity }) }],
    ['has the level info for a stop', 'info', { process: { kind: 'stopped' } }],
    [
      'has the level info for a listener',
      'info',
      { process: { kind: 'listening', endpoint: 'reissue', url: 'http://127.0.0.1:1' } },
    ],
    ['has the level info for a first CA', 'info', { process: { kind: 'authority-made', message: 'm' } }],
    [
      'has the level info for a loaded configuration',
      'info',
      { process: { kind: 'configuration-loaded', tokens: 1, file: 'config.yaml' } },
    ],
  ])('%s', (_sentence, level, event) => {
    expect(logged(event)[0]).toMatchObject({ level });
  });

  it('shortens the path of an unknown caller', () => {
    const [line] = logged({
      process: { kind: 'call-refused', status: 401, path: 'x'.repeat(10_000), call: callFacts() },
    });
    expect(String(line?.['path'])).toHaveLength(300);
  });
});

describe('the metrics', () => {
  async function exposed(...act: ((metrics: ReturnType<typeof createMetrics>) => void)[]): Promise<string> {
    const metrics = createMetrics(createFakeClock({ now: NOW + 20_000 }));
    for (const step of act) step(metrics);
    return (await metrics.expose()).text;
  }
  const labels = 'namespace="billing",secret="billing-tokens",name="dynamics"';
  const withServer = `${labels},authorization_server="corporate"`;
  const issued: TokenEvent = {
    kind: 'token-issued',
    token,
    server: 'corporate',
    trigger: 'renewal',
    reason: 'RenewalDue',
    took: 1,
  };
  const failed: TokenEvent = {
    kind: 'token-request-failed',
    server: 'corporate',
    code: 'invalid_client',
    message: 'm',
    trigger: 'renewal',
    retryIn: 1,
    took: 1,
  };

  it.each<[string, (TokenEvent | ProcessEvent)[], string]>([
    ['seconds to expiry count down by the clock', [issued], `token_acquirer_token_seconds_to_expiry{${labels}} 40`],
    [
      'the time of expiry',
      [issued],
      `token_acquirer_token_expiration_timestamp_seconds{${labels}} ${(NOW + 60_000) / 1000}`,
    ],
    [
      'the time of renewal',
      [issued],
      `token_acquirer_token_renewal_timestamp_seconds{${labels}} ${(NOW + 40_000) / 1000}`,
    ],
    ['the generation', [issued], `token_acquirer_token_generation{${labels}} 7`],
    ['suspension', [{ kind: 'suspended', message: 'm' }], `token_acquirer_token_suspended{${labels}} 1`],
    [
      'its end',
      [
        { kind: 'suspended', message: 'm' },
        { kind: 'resumed', message: 'm' },
      ],
      `token_acquirer_token_suspended{${labels}} 0`,
    ],
    ['renewals by outcome', [issued, issued], `token_acquirer_renewals_total{${withServer},outcome="renewed"} 2`],
    ['failed renewals', [failed], `token_acquirer_renewals_total{${withServer},outcome="failed"} 1`],
    [
      'token requests by result',
      [issued, failed, failed],
      `token_acquirer_token_requests_total{${withServer},result="invalid_client"} 2`,
    ],
    [
      'requests to another server separately, after the configuration changed',
      [issued, { ...issued, server: 'partner' }],
      `token_acquirer_token_requests_total{${labels},authorization_server="partner",result="ok"} 1`,
    ],
    [
      'the token of a rejected call',
      [{ kind: 'call-refused', status: 403, path: '/', call: callFacts(), identity }],
      `token_acquirer_refused_calls_total{${labels},status="403"} 1`,
    ],
    [
      'reissues by outcome',
      [reissueEvent('newer', { identity })],
      `token_acquirer_reissues_total{${withServer},outcome="newer"} 1`,
    ],
    [
      'rejected tokens',
      [reissueEvent('reissued', { identity })],
      `token_acquirer_rejected_tokens_total{${withServer}} 1`,
    ],
    [
      'each rejected token once, however many calls report it',
      [
        ...(['failed', 'failed', 'coalesced', 'reissued', 'newer'] as const).map((result) =>
          reissueEvent(result, { identity, rejected: 'a'.repeat(64), current: result !== 'newer' }),
        ),
        reissueEvent('paused', { identity, rejected: 'b'.repeat(64) }),
        reissueEvent('paused', { identity, rejected: 'b'.repeat(64) }),
        reissueEvent('reissued', { identity, rejected: 'c'.repeat(64), current: false }),
      ],
      `token_acquirer_rejected_tokens_total{${withServer}} 2`,
    ],
    [
      'calls that only test the chain separately from those of clients',
      [
        reissueEvent('reissued', { identity, call: callFacts({ test: true }) }),
        reissueEvent('failed', { identity, call: callFacts({ test: true }) }),
      ],
      `token_acquirer_reissues_total{${withServer},outcome="test"} 2`,
    ],
    [
      'no rejected token of a call that only tests the chain',
      [
        reissueEvent('reissued', { identity, rejected: 'a'.repeat(64), call: callFacts({ test: true }) }),
        reissueEvent('reissued', { identity, rejected: 'b'.repeat(64) }),
      ],
      `token_acquirer_rejected_tokens_total{${withServer}} 1`,
    ],
    [
      'reads of tokens by outcome',
      (['given', 'given', 'unavailable'] as const).map((result) => ({
        kind: 'token-read',
        identity,
        call: callFacts(),
        result,
      })),
      `token_acquirer_token_reads_total{${labels},outcome="given"} 2`,
    ],
    ['repairs', [{ kind: 'token-repaired', token, message: 'm' }], `token_acquirer_repairs_total{${labels}} 1`],
    [
      'the delay of volumes',
      [
        { kind: 'volume-seen', generation: 7, lag: 400 },
        { kind: 'volume-seen', generation: 7, lag: 65_000 },
      ],
      'token_acquirer_volume_lag_seconds_bucket{le="0.5"} 1',
    ],
    [
      'revocations by outcome',
      [
        { kind: 'token-revoked', server: 'corporate' },
        { kind: 'token-revoked', server: 'corporate' },
        { kind: 'revocation-failed', server: 'corporate', result: 'unsupported', message: 'm' },
      ],
      `token_acquirer_revocations_total{${withServer},outcome="revoked"} 2`,
    ],
    [
      'revocations that the server does not support',
      [{ kind: 'revocation-failed', server: 'corporate', result: 'unsupported', message: 'm' }],
      `token_acquirer_revocations_total{${withServer},outcome="unsupported"} 1`,
    ],
    [
      'failures of the store',
      [{ kind: 'store-failed', message: 'm' }],
      `token_acquirer_store_failures_total{${labels}} 1`,
    ],
    [
      'rejected calls',
      [{ kind: 'call-refused', status: 403, path: '/', call: callFacts() }],
      'token_acquirer_refused_calls_total{status="403"} 1',
    ],
    [
      'rejected configurations',
      [{ kind: 'configuration-refused', message: 'm' }],
      'token_acquirer_configuration_loads_total{outcome="refused"} 1',
    ],
  ])('show %s', async (_sentence, events, line) => {
    const processKinds = new Set(['reissue', 'token-read', 'call-refused', 'configuration-refused']);
    const text = await exposed((metrics) => {
      for (const event of events) {
        if (processKinds.has(event.kind)) metrics.process(event as ProcessEvent);
        else metrics.token(identity, event as TokenEvent);
      }
    });
    expect(text.split('\n')).toContain(line);
  });

  // The alert TokenNeverObtained is made of these two.
  it('show a token that never existed as not suspended, and without an expiry', async () => {
    const text = await exposed((metrics) => metrics.token(identity, failed));
    expect(text.split('\n')).toContain(`token_acquirer_token_suspended{${labels}} 0`);
    expect(text).not.toContain('token_acquirer_token_seconds_to_expiry{');
  });

  describe('of conditions', () => {
    const metrics = createMetrics(createFakeClock({ now: NOW }));
    const condition = (type: ConditionType, status: boolean, reason: ConditionReason = 'Issued'): Condition => ({
      type,
      status,
      reason,
      message: 'm',
      since: NOW,
    });
    const reports = (...all: Condition[]): TokenConditions => ({
      identity,
      authorizationServer: 'corporate',
      conditions: Object.fromEntries(all.map((one) => [one.type, one])),
    });

    async function series(...tokens: TokenConditions[]): Promise<string[]> {
      const { text } = await metrics.expose({ tokens });
      return text.split('\n').filter((line) => line.startsWith('token_acquirer_condition'));
    }

    it('show Ready and the unhealthy ones, and none of the rest', async () => {
      const conditions = [
        condition('Ready', true, 'TokenValid'),
        condition('Suspended', false),
        condition('PodsFollow', true),
        condition('SelectorMatches', false, 'NoPodSelected'),
      ];
      expect(await series(reports(...conditions))).toEqual([
        `token_acquirer_condition{${withServer},type="Ready",status="true",reason="TokenValid"} 1`,
        `token_acquirer_condition{${withServer},type="SelectorMatches",status="false",reason="NoPodSelected"} 1`,
        `token_acquirer_condition_unhealthy{${labels},type="SelectorMatches"} 1`,
      ]);
    });

    it('show that a token is suspended, and count its consequences as healthy', async () => {
      const conditions = [
        condition('Suspended', true),
        condition('Ready', false),
        condition('Stored', false, 'Withdrawn'),
      ];
      expect(await series(reports(...conditions))).toEqual([
        `token_acquirer_condition{${withServer},type="Suspended",status="true",reason="Issued"} 1`,
        `token_acquirer_condition{${withServer},type="Ready",status="false",reason="Issued"} 1`,
      ]);
    });

    it('do not show earlier values', async () => {
      await series(reports(condition('Ready', false), condition('Renewed', false, 'InvalidClient')));
      const renewed = await series(reports(condition('Ready', true), condition('Renewed', true)));
      expect(renewed).toEqual([`token_acquirer_condition{${withServer},type="Ready",status="true",reason="Issued"} 1`]);
      expect(await series()).toEqual([]);
    });

    it('are one series for each of 10,000 healthy tokens', async () => {
      const healthy = CONDITION_TYPES.map((type) => condition(type, type !== 'Suspended'));
      const tokens = Array.from({ length: 10_000 }, (_, index) => ({
        ...reports(...healthy),
        identity: { ...identity, namespace: `team-${index}` },
      }));
      expect(await series(...tokens)).toHaveLength(10_000);
    });
  });

  it('name the current server of a token, wherever the token came from', async () => {
    const metrics = createMetrics(createFakeClock({ now: NOW }));
    metrics.token(identity, { kind: 'token-adopted', token });
    const { text } = await metrics.expose({ tokens: [{ identity, authorizationServer: 'partner', conditions: {} }] });
    expect(text.split('\n')).toContain(
      `token_acquirer_token_seconds_to_expiry{${labels},authorization_server="partner"} 60`,
    );
  });

  it('follow the last load of the configuration, and keep the time of the last success', async () => {
    const clock = createFakeClock({ now: NOW });
    const metrics = createMetrics(clock);
    const loaded = { kind: 'configuration-loaded', tokens: 1, file: 'f' } as const;
    const series = async (): Promise<string[]> =>
      (await metrics.expose()).text.split('\n').filter((line) => line.startsWith('token_acquirer_configuration_last'));
    const name = 'token_acquirer_configuration_last_load_success';
    metrics.process(loaded);
    const first = `${name}_timestamp_seconds ${NOW / 1000}`;
    expect(await series()).toEqual([`${name}ful 1`, first]);
    await clock.advance(60_000);
    metrics.process({ kind: 'configuration-refused', message: 'm' });
    expect(await series()).toEqual([`${name}ful 0`, first]);
    metrics.process(loaded);
    expect(await series()).toEqual([`${name}ful 1`, `${name}_timestamp_seconds ${NOW / 1000 + 60}`]);
  });

  it('show the unhealthy conditions of the process, and none of the others', async () => {
    const metrics = createMetrics(createFakeClock({ now: NOW }));
    const condition = { type: 'ConfigurationInForce', reason: 'NewerFileRejected', message: 'm', since: NOW } as const;
    const series = async (status: boolean): Promise<string[]> => {
      const { text } = await metrics.expose({ process: [{ ...condition, status }] });
      return text.split('\n').filter((line) => line.startsWith('token_acquirer_process_condition'));
    };
    expect(await series(false)).toEqual(['token_acquirer_process_condition_unhealthy{type="ConfigurationInForce"} 1']);
    expect(await series(true)).toEqual([]);
  });

  it('show when each credential ends, once, and only while that is known', async () => {
    const metrics = createMetrics(createFakeClock({ now: NOW }));
    const series = async (...credentials: CredentialEnd[]): Promise<string[]> => {
      const { text } = await metrics.expose({ credentials });
      return text.split('\n').filter((line) => line.startsWith('token_acquirer_credential'));
    };
    const name = 'token_acquirer_credential_expiration_timestamp_seconds';
    expect(await series({ credential: 'crm', at: NOW }, { credential: 'dynamics', at: NOW + 1500 })).toEqual([
      `${name}{credential="crm"} ${NOW / 1000}`,
      `${name}{credential="dynamics"} ${NOW / 1000 + 1.5}`,
    ]);
    expect(await series({ credential: 'crm', at: NOW })).toEqual([`${name}{credential="crm"} ${NOW / 1000}`]);
    expect(await series()).toEqual([]);
  });

  it('show whether this process works on the tokens of its shard', async () => {
    const metrics = createMetrics(createFakeClock({ now: NOW }));
    const series = async (shard?: OwnShard): Promise<string[]> => {
      const { text } = await metrics.expose(shard === undefined ? {} : { shard });
      return text.split('\n').filter((line) => line.startsWith('token_acquirer_leading'));
    };
    expect(await series()).toEqual([]);
    expect(await series({ shard: 2, leads: true })).toEqual(['token_acquirer_leading{shard="2"} 1']);
    expect(await series({ shard: 2, leads: false })).toEqual(['token_acquirer_leading{shard="2"} 0']);
  });

  it('have how long requests took, by authorization server, also of those that failed', async () => {
    const text = await exposed(
      (metrics) => metrics.token(identity, { ...issued, took: 200 }),
      (metrics) => metrics.token(identity, { ...failed, took: 5000 }),
    );
    const name = 'token_acquirer_token_request_duration_seconds';
    for (const line of [
      `${name}_bucket{le="0.1",authorization_server="corporate"} 0`,
      `${name}_bucket{le="0.25",authorization_server="corporate"} 1`,
      `${name}_bucket{le="5",authorization_server="corporate"} 2`,
      `${name}_sum{authorization_server="corporate"} 5.2`,
      `${name}_count{authorization_server="corporate"} 2`,
    ])
      expect(text.split('\n')).toContain(line);
  });

  it('count what was stored', async () => {
    const stored: TokenEvent = { kind: 'token-stored', token };
    const text = await exposed(
      (metrics) => metrics.token(identity, stored),
      (metrics) => metrics.token(identity, stored),
    );
    expect(text.split('\n')).toContain(`token_acquirer_store_writes_total{${labels}} 2`);
  });

  it('have what the process uses, as it is at the scrape', async () => {
    let cpu = 1.5;
    const usage = () => ({ cpu, memory: 50_000_000, busy: 2.25, startedAt: NOW / 1000 });
    const metrics = createMetrics(createFakeClock({ now: NOW }), usage);
    const series = async (): Promise<string[]> =>
      (await metrics.expose()).text.split('\n').filter((line) => /^(?:process|nodejs)_/.test(line));
    expect(await series()).toEqual([
      'process_cpu_seconds_total 1.5',
      'nodejs_eventloop_active_seconds_total 2.25',
      'process_resident_memory_bytes 50000000',
      `process_start_time_seconds ${NOW / 1000}`,
    ]);
    cpu = 3;
    expect(await series()).toContain('process_cpu_seconds_total 3');
  });

  it('read from Node what the process uses', () => {
    const { cpu, memory, busy, startedAt } = usageOfThisProcess();
    expect(cpu).toBeGreaterThan(0);
    expect(busy).toBeGreaterThanOrEqual(0);
    expect(memory).toBeGreaterThan(10_000_000);
    expect(Math.abs(startedAt + process.uptime() - Date.now() / 1000)).toBeLessThan(60);
  });

  it('drop a token that is no longer configured', async () => {
    const metrics = createMetrics(createFakeClock({ now: NOW }));
    fanOut([metrics]).token(identity, issued);
    fanOut([metrics]).process({ kind: 'call-refused', status: 403, path: '/', call: callFacts(), identity });
    fanOut([metrics]).forget(identity);
    await new Promise((resolve) => setImmediate(resolve));
    expect((await metrics.expose()).text).not.toContain('billing-tokens');
  });
});
