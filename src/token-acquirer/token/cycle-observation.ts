import { dueAfterOthers } from '../../core/other-writers.ts';
import type { Observation } from '../../core/policies.ts';
import type { CycleParts } from './cycle-parts.ts';
import type { Others } from './others.ts';

/** Gathers what is known of a token when it is decided what to do next. `proof`: of the current credential, where it counts. */
export function observe(
  { held, copy, requests, clientApp }: CycleParts,
  { standsBack }: Pick<Others, 'standsBack'>,
  proof: string | undefined,
): Observation {
  const { deadlines } = held;
  return {
    now: held.instant(),
    token: deadlines !== undefined && standsBack ? { ...deadlines, renewal: dueAfterOthers(deadlines) } : deadlines,
    superseded: held.superseded,
    // The other token-acquirer sees the change, too, and its token is adopted.
    credentialChanged: !standsBack && held.isOfOtherCredential(proof),
    storing: copy.writing !== undefined,
    requesting: requests.inFlight !== undefined,
    execution: clientApp.observe(held.specification),
    called: clientApp.hasCalled,
    notBefore: requests.renewalNotBefore,
  };
}
