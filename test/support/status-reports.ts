import type { ConditionReport, StatusReport, TokenReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import type { AcquirerPod } from '../../src/token-acquirer/plugin/cluster-view.ts';

/** When the reports of tests were made. */
export const REPORTED_AT = '2026-01-01T12:00:00.000Z';

/** `5` → five minutes after that, `-5` → five minutes before it. */
export function minutesFrom(minutes: number): string {
  return new Date(Date.parse(REPORTED_AT) + minutes * 60_000).toISOString();
}

/** A healthy token, except for what is given. */
export function tokenReport(token: string, changes: Partial<TokenReport> = {}): TokenReport {
  return {
    token,
    state: 'Valid',
    shard: 0,
    healthy: true,
    issued_at: minutesFrom(-10),
    expires_at: minutesFrom(50),
    renew_at: minutesFrom(30),
    generation: 1_767_268_200,
    sha256: 'abcdef01',
    stored: true,
    conditions: [condition('Ready')],
    ...changes,
  };
}

export function condition(type: string, changes: Partial<ConditionReport> = {}): ConditionReport {
  return {
    type,
    status: 'True',
    reason: 'AsExpected',
    message: '',
    last_transition_time: minutesFrom(-10),
    ...changes,
  };
}

/** The report of a healthy process. */
export function statusReport(tokens: readonly TokenReport[], changes: Partial<StatusReport> = {}): StatusReport {
  return { ready: true, now: REPORTED_AT, conditions: [], tokens, ...changes };
}

/** A pod that runs and is ready, except for what is given. */
export function acquirerPod(name: string, changes: Partial<AcquirerPod> = {}): AcquirerPod {
  return {
    namespace: 'token-acquirer',
    name,
    release: 'token-acquirer',
    shard: 0,
    phase: 'Running',
    ready: true,
    statusPort: 9090,
    ...changes,
  };
}
