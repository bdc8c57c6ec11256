import { absenceOf } from './client-app-view.ts';
import type { HeldToken } from './held-token.ts';
import type { TokenStatus } from './token-status.ts';

/** Reports whether the token is suspended, with an event where that changed. */
export function reportSuspension(status: TokenStatus, { specification }: HeldToken, suspended: boolean): void {
  const before = status.get('Suspended')?.status ?? false;
  const message = suspended
    ? `${absenceOf(specification.clientApp)} No token is requested until the client app runs or asks for one.`
    : 'The client app is running.';
  status.set('Suspended', suspended, suspended ? 'ClientAppNotRunning' : 'ClientAppRunning', message);
  if (suspended !== before) status.emit({ kind: suspended ? 'suspended' : 'resumed', message });
}

/** Reports whether there is a token that can be used. */
export function reportReadiness(status: TokenStatus, held: HeldToken): void {
  if (held.isLive()) status.set('Ready', true, 'TokenValid', 'A valid token is held.');
  else if (held.token === undefined) status.set('Ready', false, 'TokenDoesNotExist', 'There is no token yet.');
  else status.set('Ready', false, 'TokenExpired', 'The token has expired.');
}

/** Describes the repair of a stored token that someone else changed. `shared`: other replicas may write it. */
export function repairMessage(
  { specification }: HeldToken,
  { disputed, shared }: { readonly disputed: boolean; readonly shared: boolean },
): string {
  if (!disputed)
    return 'The stored token had been changed or removed by someone else, and was written again from memory.';
  if (shared) return 'Another token-acquirer writes the token, too. The status shows what to do.';
  const { secret, namespace } = specification.identity;
  return `Someone else changes or removes the stored token again and again; it was written again from memory, more and more slowly. To see who does: kubectl get secret ${secret} --namespace ${namespace} --output jsonpath='{.metadata.managedFields[*].manager}'.`;
}
