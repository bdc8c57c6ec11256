import type { TokenState } from '../../core/token-states.ts';
import { isHealthy, type TokenReport } from './status-report.ts';

/** The states by urgency: clients that have no valid token come first. */
const URGENCY: readonly TokenState[] = [
  'Expired',
  'Failing',
  'NotStored',
  'Pending',
  'RenewalFailing',
  'Valid',
  'Suspended',
];

/**
 * Returns the rank of a token among those that need attention: smaller is more urgent. `undefined` where nothing needs
 * attention. A state that this version does not know is urgent, too.
 */
export function urgencyOf(token: Pick<TokenReport, 'state' | 'conditions'>): number | undefined {
  return isHealthy(token) ? undefined : URGENCY.indexOf(token.state);
}

/** Unhealthy tokens first, of these the worst state, of these the one that expires first. */
export function byUrgency(one: TokenReport, other: TokenReport): number {
  const [rank, otherRank] = [urgencyOf(one), urgencyOf(other)];
  if (rank === undefined || otherRank === undefined)
    return Number(rank === undefined) - Number(otherRank === undefined);
  return rank - otherRank || expiryOf(one) - expiryOf(other);
}

function expiryOf({ expires_at: expiry }: TokenReport): number {
  return expiry === undefined ? 0 : Date.parse(expiry);
}
