import { mayRotate, type Role } from '../../core/leadership.ts';
import type { Observation } from '../../core/policies.ts';
import { dueByChance } from '../../core/standing-back.ts';
import type { CycleParts } from './cycle-parts.ts';

/** What a turn knows in addition to the parts of its cycle. */
export interface TurnFacts {
  readonly role: Role;
  /** ∈ [0, 1), of this token and this process. */
  readonly chance: number;
  /** Of the current credential, where a change of it counts. */
  readonly proof: string | undefined;
}

/** Gathers what is known of a token when it is decided what to do next. */
export function observe(parts: CycleParts, { role, chance, proof }: TurnFacts): Observation {
  const { held, clientApp } = parts;
  const { deadlines } = held;
  const standsBack = role === 'unelected' && deadlines !== undefined;
  return {
    ...progressOf(parts),
    token: standsBack ? { ...deadlines, renewal: dueByChance(deadlines, chance) } : deadlines,
    superseded: held.superseded,
    credentialChanged: held.isOfOtherCredential(proof),
    isCutOff: held.specification.rotates && !mayRotate(role),
    execution: clientApp.observe(held.specification),
    called: clientApp.hasCalled,
  };
}

/** What may change while a turn waits. */
export function progressOf({
  held,
  copy,
  requests,
}: CycleParts): Pick<Observation, 'now' | 'storing' | 'requesting' | 'notBefore'> {
  return {
    now: held.instant(),
    storing: copy.writing !== undefined,
    requesting: requests.inFlight !== undefined,
    notBefore: requests.renewalNotBefore,
  };
}
