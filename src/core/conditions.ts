import { type ConditionReason, type PROCESS_CONDITIONS, TOKEN_CONDITIONS } from './reasons.ts';
import type { EpochMs, TokenIdentity } from './token.ts';

export type ConditionType = keyof typeof TOKEN_CONDITIONS;
export type ProcessConditionType = keyof typeof PROCESS_CONDITIONS;

export const CONDITION_TYPES = Object.keys(TOKEN_CONDITIONS) as readonly ConditionType[];

export interface Condition<Type extends string = ConditionType> {
  readonly type: Type;
  readonly status: boolean;
  readonly reason: ConditionReason;
  /** A sentence without any secret. */
  readonly message: string;
  /** When `status` last changed. */
  readonly since: EpochMs;
}

/** The reason of `Stored` where the keys of the token were taken out of the store on purpose. */
export const WITHDRAWN = 'Withdrawn' satisfies ConditionReason<'Stored'>;

export type Conditions<Type extends string = ConditionType> = Readonly<Partial<Record<Type, Condition<Type>>>>;

export type ProcessCondition = Condition<ProcessConditionType>;

/** The conditions of one token. */
export interface TokenConditions {
  readonly identity: TokenIdentity;
  /** Its name in the configuration. */
  readonly authorizationServer: string;
  readonly conditions: Conditions;
  /** `undefined` where no log is followed. */
  readonly evidence?: EvidenceCounts | undefined;
}

/** What was read of a client app's log since the start. */
export interface EvidenceCounts {
  readonly lines: number;
  /** Lines that report a rejected token. */
  readonly matches: number;
  /** Lines, and gaps in the log, that were passed over because there were too many lines. */
  readonly dropped: number;
}

type Finding = Readonly<{ type: string; status: boolean; reason: string }>;

/**
 * Returns the conditions that need attention. A token may be suspended, so `Suspended` never does. Neither does what
 * follows from it: the token may be missing or expired, and then its keys are taken out of the store.
 */
export function unhealthyAmong<C extends Finding>(conditions: readonly C[]): readonly C[] {
  const isSuspended = conditions.some(({ type, status }) => type === 'Suspended' && status);
  return conditions.filter(({ type, status, reason }) => {
    if (status || type === 'Suspended') return false;
    return !isSuspended || (type !== 'Ready' && reason !== WITHDRAWN);
  });
}

/** Conditions of the client app, its pods and their volumes, which a client may see. */
const OF_CLIENTS: ReadonlySet<ConditionType> = new Set([
  'ExecutionStateKnown',
  'SelectorMatches',
  'PodsFollow',
  'VolumeFollowsInTime',
]);

export function clientConditions(conditions: Conditions): readonly Condition[] {
  return Object.values(conditions).filter(({ type }) => OF_CLIENTS.has(type));
}

/** Sets a condition. `since` is kept where the status stays; the same object comes back where nothing changes. */
export function withCondition<Type extends string>(
  conditions: Conditions<Type>,
  next: Omit<Condition<Type>, 'since'>,
  now: EpochMs,
): Conditions<Type> {
  const { type, status, reason, message } = next;
  const present = conditions[type];
  if (present?.status === status && present.reason === reason && present.message === message) return conditions;
  const since = present?.status === status ? present.since : now;
  // Not as a copy of `next`: V8 would keep `since` in another object, and there are thousands of conditions.
  return { ...conditions, [type]: { type, status, reason, message, since } };
}

/** Removes a condition: nothing is known about it any more. */
export function withoutCondition(conditions: Conditions, type: ConditionType): Conditions {
  if (conditions[type] === undefined) return conditions;
  const { [type]: _, ...others } = conditions;
  return others;
}
