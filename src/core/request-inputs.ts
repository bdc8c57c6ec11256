import type { Conditions, ConditionType } from './conditions.ts';
import type { TokenErrorCode } from './errors.ts';
import type { TokenEvent } from './events.ts';
import type { ConditionReason } from './reasons.ts';
import type { Decision } from './reconcile.ts';

/** What a token request needs: the credential, the CA file of the authorization server, and the server itself. */
export type InputCondition = Extract<ConditionType, 'CredentialUsable' | 'CaUsable' | 'ServerReachable'>;

/** What was found: a sentence about what is wrong, or nothing. Left out where nothing shows it at the moment. */
export type InputFindings = Readonly<Partial<Record<InputCondition, { readonly fault: string | undefined }>>>;

interface Input {
  readonly condition: InputCondition;
  readonly healthy: ConditionReason<InputCondition>;
  readonly unhealthy: ConditionReason<InputCondition>;
  readonly event: Extract<TokenEvent['kind'], `${string}-unusable` | 'server-unreachable'>;
  /** What a token request ends in while this is wrong. */
  readonly error: TokenErrorCode;
}

export const INPUTS: readonly Input[] = [
  {
    condition: 'CredentialUsable',
    healthy: 'CredentialComplete',
    unhealthy: 'CredentialUnusable',
    event: 'credential-unusable',
    error: 'credential_unreadable',
  },
  {
    condition: 'CaUsable',
    healthy: 'CaFileRead',
    unhealthy: 'CaFileUnusable',
    event: 'ca-unusable',
    error: 'unreachable',
  },
  {
    condition: 'ServerReachable',
    healthy: 'ServerAnswered',
    unhealthy: 'ServerUnreachable',
    event: 'server-unreachable',
    error: 'unreachable',
  },
];

export interface InputObservation {
  readonly findings: InputFindings;
  readonly conditions: Conditions;
  /** The problem of each input that was reported already. */
  readonly told: ReadonlyMap<InputCondition, string>;
  readonly next: Decision['kind'];
  readonly lastError: { readonly code: string; readonly message: string } | undefined;
}

/** What to do about one input. */
export interface InputNews {
  readonly input: Input;
  readonly fault: string | undefined;
  /** Whether an event is due: once for each problem. A token request that fails for it is an event itself. */
  readonly isNew: boolean;
  /** Whether the last error was due to what is now right, and no request will show that soon. */
  readonly endsError: boolean;
}

/** Decides what to tell of the inputs of one token. */
export function inputNews(observation: InputObservation): readonly InputNews[] {
  const { findings, conditions, told, next, lastError } = observation;
  return INPUTS.flatMap((input) => {
    const finding = findings[input.condition];
    const before = conditions[input.condition];
    // Most authorization servers have no CA file, and answer: nothing is said of what was never wrong.
    if (finding === undefined || (isOptional(input) && finding.fault === undefined && before === undefined)) return [];
    const { fault } = finding;
    const isTold = fault === lastError?.message || fault === told.get(input.condition);
    const isCured = fault === undefined && before?.status === false;
    return {
      input,
      fault,
      isNew: fault !== undefined && next !== 'request-token' && !isTold,
      endsError: isCured && lastError?.code === input.error && (next === 'suspend' || isAwaited(input, next)),
    };
  });
}

/** A file that somebody else writes, such as an assertion, may come during a pause of minutes: nothing else ends that pause. */
function isAwaited({ condition }: Input, next: InputObservation['next']): boolean {
  return condition === 'CredentialUsable' && next === 'requeue';
}

function isOptional({ condition }: Input): boolean {
  return condition !== 'CredentialUsable';
}
