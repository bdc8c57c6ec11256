import { formatDuration } from './duration.ts';
import type { ConditionReason } from './reasons.ts';
import { LATEST_RENEWAL, type RenewalRule, timeToRenewal } from './renewal.ts';
import type { Ms } from './token.ts';

/** How long a kubelet takes at most to bring a changed Secret into mounted volumes, unless it is nudged. */
export const KUBELET_LAG: Ms = 90_000;

/** Who reads the token Secret: programs that only read the file among them, or only such that ask for a reissue. */
export type Readers = 'any' | 'library';

/** Whether kubelets are nudged after a write; or why they are not, although the configuration asks for it. */
export type Nudging = 'off' | 'on' | { readonly refusal: string };

export interface MountedToken {
  readonly lifetime: Ms;
  readonly renewal: RenewalRule;
  readonly readers: Readers;
  readonly nudging: Nudging;
}

export interface Finding {
  readonly status: boolean;
  readonly reason: ConditionReason<'VolumeFollowsInTime'>;
  /** Sentences; empty where nothing is wrong. */
  readonly message: string;
}

/**
 * Whether mounted volumes have the next token before this one expires. Counts without the jitter, which only ever makes
 * a renewal earlier: the finding is the same for each token of the same lifetime.
 */
export function volumeFollowsInTime({ lifetime, renewal, readers, nudging }: MountedToken): Finding {
  const left = Math.round(lifetime - timeToRenewal(lifetime, renewal));
  if (left >= KUBELET_LAG) return healthy('RenewedInTime');
  if (readers === 'library') return healthy('ReadersAskForReissue');
  if (nudging === 'on') return healthy('Nudged');
  const why = `The token lives for ${formatDuration(lifetime)} and is renewed ${formatDuration(left)} before it expires. The kubelet may bring the new one into a mounted volume up to ${formatDuration(KUBELET_LAG)} after the renewal, so a program that only reads the file may send an expired token.`;
  if (nudging !== 'off') {
    const message = `${why} The configuration asks for the nudge (propagation.nudge), which does not work: ${nudging.refusal}`;
    return { status: false, reason: 'NudgeRefused', message };
  }
  return { status: false, reason: 'RenewedTooLate', message: `${why} ${remedyOf(lifetime, renewal)}` };
}

function healthy(reason: Finding['reason']): Finding {
  return { status: true, reason, message: '' };
}

function remedyOf(lifetime: Ms, renewal: RenewalRule): string {
  const needed = `have the authorization server issue tokens that live for at least ${formatDuration(neededLifetime(renewal))}`;
  const latest = lifetime - KUBELET_LAG;
  // Renewing more often than at half of the lifetime would be a burden to the authorization server.
  const earlier = latest < lifetime / 2 ? '' : `, renew it after at most ${formatDuration(latest)} (renewal.interval)`;
  return `Set propagation.nudge, ${needed}${earlier}, or set secret.readers to library if every reader asks for a reissue, as the client library does.`;
}

/** The shortest lifetime, in whole seconds, of which enough is left after the renewal. */
function neededLifetime(renewal: RenewalRule): Ms {
  const always = KUBELET_LAG / (1 - LATEST_RENEWAL);
  const needed = 'interval' in renewal ? renewal.interval + KUBELET_LAG : KUBELET_LAG / (1 - renewal.at);
  return Math.ceil(Math.round(Math.min(needed, always)) / 1000) * 1000;
}
