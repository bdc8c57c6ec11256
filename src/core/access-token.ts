import type { Condition, Conditions } from './conditions.ts';
import type { RejectionReason } from './resource-reasons.ts';
import type { EpochMs, TokenIdentity } from './token.ts';

/** What an application team asks for: the `spec` of an AccessToken. */
export interface AccessTokenSpec {
  /** The name of a service of the configuration. */
  readonly service: string;
  /** Left out: the name of the AccessToken. */
  readonly secretName?: string | undefined;
  readonly scope?: string | undefined;
  readonly renewal?: { readonly interval?: string | undefined; readonly at?: string | undefined } | undefined;
  /** ServiceAccounts of its namespace that may ask for a reissue. */
  readonly serviceAccounts?: readonly string[] | undefined;
  readonly clientApp?: { readonly selector: string } | undefined;
  /** Whether its token is revoked when the AccessToken is deleted. */
  readonly revokeOnDelete?: boolean | undefined;
}

/** An AccessToken as the API server has it. */
export interface AccessToken {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Rises with each change of the spec. */
  readonly generation: number;
  readonly createdAt: EpochMs;
  readonly spec: AccessTokenSpec;
  /** A sentence: what is wrong with the spec, where it cannot be used. */
  readonly fault?: string | undefined;
  /** A person asks for a new token, once for each value. */
  readonly reissue?: string | undefined;
  /** It is deleted as soon as it has no finalizer. */
  readonly isDeleting?: boolean | undefined;
  readonly finalizers?: readonly string[] | undefined;
  /** What was reported last. */
  readonly status: AccessTokenStatus;
}

/** What became of a new token that a person asked for. */
export interface LastReissue {
  /** The value that the person chose. */
  readonly request: string;
  /** RFC 3339. */
  readonly at: string;
  readonly result: string;
  /** A sentence: what happened, or why there is no new token. */
  readonly message: string;
}

/** A condition after `metav1.Condition`. */
export interface ResourceCondition {
  readonly type: 'Ready' | 'Reconciling' | 'Stalled';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  /** RFC 3339. */
  readonly lastTransitionTime: string;
}

/** The `status` of an AccessToken; times are RFC 3339. It never holds a secret. */
export interface AccessTokenStatus {
  readonly observedGeneration?: number | undefined;
  readonly conditions?: readonly ResourceCondition[] | undefined;
  /** The Secret that was made for this AccessToken. */
  readonly secretName?: string | undefined;
  readonly expiresAt?: string | undefined;
  readonly renewsAt?: string | undefined;
  readonly lastReissue?: LastReissue | undefined;
}

/** Why an AccessToken gets no token until somebody changes something. */
export interface Rejection {
  readonly reason: RejectionReason;
  readonly message: string;
}

/** What is known of the token of an AccessToken. */
export interface TokenView {
  readonly conditions: Conditions;
  /** Whether what is asked for has changed since the token was requested. */
  readonly isSuperseded: boolean;
  /** Whether the Secret is known to hold this token, and not only the one before. */
  readonly isStored: boolean;
  /** Of the last request; `undefined` without one. `permanent`: it stays until a person acts, and nobody may have acted yet. */
  readonly error: { readonly reason: string; readonly message: string; readonly permanent: boolean } | undefined;
  readonly expiresAt: EpochMs | undefined;
  readonly renewsAt: EpochMs | undefined;
}

export interface ResourceObservation {
  readonly resource: AccessToken;
  readonly rejection: Rejection | undefined;
  /** Whether the spec in force is an earlier one. Left out: no. */
  readonly isChanged?: boolean | undefined;
  /** `undefined`: nobody works on the token yet. */
  readonly token: TokenView | undefined;
  /** Whether the Secret is known to be its own. */
  readonly isClaimed: boolean;
  /** Why the Secret cannot be made at present. */
  readonly obstacle: string | undefined;
  readonly lastReissue?: LastReissue | undefined;
  readonly now: EpochMs;
}

/** The state of a resource before it is written as conditions. */
interface Finding {
  readonly ready: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** `Stalled` where a person must act. */
  readonly also?: 'Reconciling' | 'Stalled';
}

/** Returns the identity of the token of an AccessToken. */
export function identityOf({ namespace, name, spec }: Pick<AccessToken, 'namespace' | 'name' | 'spec'>): TokenIdentity {
  return { namespace, secret: spec.secretName ?? name, name };
}

/** Returns the AccessToken that has each Secret, by `namespace/secret`: of several the oldest, and then the first by name. */
export function holdersOf(resources: readonly AccessToken[]): ReadonlyMap<string, AccessToken> {
  const holders = new Map<string, AccessToken>();
  for (const resource of resources.toSorted(byAge)) {
    const { namespace, secret } = identityOf(resource);
    const place = `${namespace}/${secret}`;
    if (!holders.has(place)) holders.set(place, resource);
  }
  return holders;
}

function byAge(one: AccessToken, other: AccessToken): number {
  return one.createdAt - other.createdAt || (one.name < other.name ? -1 : 1);
}

/**
 * Returns the status of an AccessToken, which kstatus reads as current, in progress or failed. `lastTransitionTime` changes only with
 * the status of its condition.
 */
export function resourceStatus(observation: ResourceObservation): AccessTokenStatus {
  const { resource, token, isClaimed, lastReissue = resource.status.lastReissue } = observation;
  if (isLeft(observation)) return { ...resource.status, ...(lastReissue !== undefined && { lastReissue }) };
  const { ready, reason, message, also } = findingOf(observation);
  const conditions = [
    condition(observation, { type: 'Ready', status: ready, reason, message }),
    ...(also === undefined ? [] : [condition(observation, { type: also, status: 'True', reason, message })]),
  ];
  const { expiresAt, renewsAt } = token ?? {};
  return {
    observedGeneration: resource.generation,
    conditions,
    ...(isClaimed && { secretName: identityOf(resource).secret }),
    ...(expiresAt !== undefined && { expiresAt: timeText(expiresAt) }),
    ...(renewsAt !== undefined && { renewsAt: timeText(renewsAt) }),
    ...(lastReissue !== undefined && { lastReissue }),
  };
}

/** Nothing is known of the token yet, after a start or a change of the leader: what was reported of this spec as ready stays. */
function isLeft({ resource, rejection, obstacle, token }: ResourceObservation): boolean {
  if (rejection !== undefined || obstacle !== undefined || !isReportedReady(resource)) return false;
  if (token === undefined) return true;
  const { conditions, error, expiresAt } = token;
  return error === undefined && expiresAt === undefined && Object.keys(conditions).length === 0;
}

/**
 * Whether a token in the Secret may be one that an earlier spec asked for: something was reported, but not yet that the token of this
 * spec is ready.
 */
export function mayKeepFormerToken(resource: AccessToken): boolean {
  return resource.status.observedGeneration !== undefined && !isReportedReady(resource);
}

function isReportedReady({ status: { observedGeneration, conditions = [] }, generation }: AccessToken): boolean {
  return (
    observedGeneration === generation && conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
  );
}

function findingOf(observation: ResourceObservation): Finding {
  const { resource, rejection, isChanged, token, obstacle, isClaimed } = observation;
  const hasToken = hasValidToken(observation);
  if (rejection !== undefined) {
    const { reason, message } = rejection;
    const kept = isChanged === true ? KEPT_BEFORE : KEPT;
    return { ready: 'False', reason, message: hasToken && isClaimed ? `${message}${kept}` : message, also: 'Stalled' };
  }
  if (obstacle !== undefined)
    return { ready: 'False', reason: 'SecretUnavailable', message: obstacle, also: 'Reconciling' };
  if (token === undefined) return WAITING;
  const isAskedFor = !token.isSuperseded && (token.isStored || isReportedReady(resource));
  if (hasToken && isAskedFor) return validFinding(token);
  const finding = missingFinding(token);
  return hasToken && token.isSuperseded ? { ...finding, message: `${finding.message}${KEPT_BEFORE}` } : finding;
}

/** Whether clients have a token that works, perhaps not the one that the AccessToken asks for now. */
function hasValidToken({ token, now }: ResourceObservation): boolean {
  return token?.expiresAt !== undefined && token.expiresAt > now && token.conditions.Stored?.status === true;
}

const KEPT = ' The Secret keeps its token.';
const KEPT_BEFORE = ' The Secret keeps the token of before the change.';

const WAITING: Finding = {
  ready: 'Unknown',
  reason: 'Requesting',
  message: 'The token is being requested.',
  also: 'Reconciling',
};

const SUSPENDED_WITH_TOKEN: Finding = {
  ready: 'True',
  reason: 'Suspended',
  message: 'The stored token is valid. It is not renewed while the client app does not run.',
};

/** A token that cannot be renewed still works, so nothing has to wait for it: its reason and its message warn. */
function validFinding({ conditions, error }: TokenView): Finding {
  if (conditions.Suspended?.status === true) return SUSPENDED_WITH_TOKEN;
  if (error === undefined) return { ready: 'True', reason: 'TokenValid', message: 'The stored token is valid.' };
  const message = `The stored token is valid, but its renewal fails. ${error.message}`;
  return { ready: 'True', reason: 'RenewalFailing', message };
}

/** The client app starts some day, so a token that waits for it is neither stalled nor worked on. */
function missingFinding({ conditions: { Stored: stored, Suspended: suspended }, error }: TokenView): Finding {
  if (suspended?.status === true) return { ready: 'False', reason: 'Suspended', message: suspended.message };
  if (error !== undefined) return failure(error);
  if (stored?.status === false) return storeFailure(stored);
  return WAITING;
}

function failure({ reason, message, permanent }: NonNullable<TokenView['error']>): Finding {
  return { ready: 'False', reason, message, also: permanent ? 'Stalled' : 'Reconciling' };
}

function storeFailure({ reason, message }: Condition): Finding {
  return { ready: 'False', reason, message, also: reason === 'StoreRefused' ? 'Stalled' : 'Reconciling' };
}

function condition(
  { resource, now }: ResourceObservation,
  next: Pick<ResourceCondition, 'type' | 'status' | 'reason' | 'message'>,
): ResourceCondition {
  const before = resource.status.conditions?.find(({ type }) => type === next.type);
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : secondText(now);
  return { ...next, observedGeneration: resource.generation, lastTransitionTime };
}

/** Returns whether a person asks for a new token, and nothing has come of it yet. */
export function wantsReissue({ reissue, status }: Pick<AccessToken, 'reissue' | 'status'>): boolean {
  return reissue !== undefined && reissue !== status.lastReissue?.request;
}

/** Kubernetes' own times have no fractions of a second. */
export function secondText(at: EpochMs): string {
  return timeText(Math.floor(at / 1000) * 1000);
}

function timeText(at: EpochMs): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}
