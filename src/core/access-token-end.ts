import type { AccessToken } from './access-token.ts';

/** Keeps an AccessToken that is being deleted until its token was revoked. */
export const FINALIZER = 'token-acquirer.dev/revoke-token';

export interface FinalizerObservation {
  readonly resource: Pick<AccessToken, 'isDeleting' | 'finalizers'>;
  /** Whether the spec in force asks for the revocation; `undefined` while no spec is in force. */
  readonly revokes: boolean | undefined;
  /** Whether the token was revoked, or is left to expire. */
  readonly isOver: boolean;
}

/** `revoke`: the token is to be revoked before the AccessToken ends. */
export type FinalizerDecision = 'set' | 'remove' | 'revoke' | 'nothing';

/** Decides what to do about the finalizer of an AccessToken. None is set that the AccessToken does not ask for. */
export function decideFinalizer({ resource, revokes, isOver }: FinalizerObservation): FinalizerDecision {
  if (resource.isDeleting === true) {
    if (!hasFinalizer(resource)) return 'nothing';
    return isOver ? 'remove' : 'revoke';
  }
  // A rejected spec changes nothing: its token may still be stored.
  if (revokes === undefined || revokes === hasFinalizer(resource)) return 'nothing';
  return revokes ? 'set' : 'remove';
}

export function hasFinalizer({ finalizers }: Pick<AccessToken, 'finalizers'>): boolean {
  return finalizers?.includes(FINALIZER) === true;
}

/** Returns the finalizers with ours, or without it. The others stay. */
export function changedFinalizers(finalizers: readonly string[], isSet: boolean): readonly string[] {
  const others = finalizers.filter((one) => one !== FINALIZER);
  return isSet ? [...others, FINALIZER] : others;
}
