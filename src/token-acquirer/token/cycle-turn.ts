import { type Decision, isAbsent, LOOK_AGAIN, reconcile, SOON } from '../../core/reconcile.ts';
import type { Ms } from '../../core/token.ts';
import type { Leadership } from '../leadership/leadership.ts';
import { containFailure } from './contain-failure.ts';
import type { CycleDependencies } from './cycle-dependencies.ts';
import { observe, progressOf } from './cycle-observation.ts';
import type { CycleParts } from './cycle-parts.ts';
import { reportReadiness, reportSuspension } from './cycle-report.ts';
import { followInterval } from './renewal-interval.ts';

/** What a turn needs of its cycle. */
export interface TurnContext {
  readonly parts: CycleParts;
  readonly dependencies: CycleDependencies;
  /** Which process works on the token. */
  readonly leadership: Pick<Leadership, 'role'>;
  /** ∈ [0, 1): how far it stands back where other replicas may work, too. */
  readonly chance: () => number;
  /** Has the cycle look again now. */
  readonly wake: () => void;
}

/** One turn of a cycle: observes, decides about the token and its stored copy, and acts. Returns when to look again. */
export async function takeTurn(context: TurnContext): Promise<Ms> {
  const { parts, dependencies } = context;
  const { held, requests, status, copy } = parts;
  await Promise.all([
    followInterval({ intervals: dependencies.intervals, status, held }),
    dependencies.expiries.follow(held.specification.credential, status),
  ]);
  parts.volumes.report(held);
  const proof = await currentProof(context);
  const { role } = context.leadership;
  const { token } = held;
  const observation = observe(parts, { role, chance: role === 'unelected' ? context.chance() : 0, proof });
  const first = reconcile(observation);
  const suspended = isAbsent(observation);
  dependencies.logDecision?.(held.specification.identity, 'token', first);
  await report(context, first, suspended);
  // Another replica may have renewed it.
  if (first.kind === 'request-token' && role === 'unelected') copy.consult();
  const requesting = first.kind === 'request-token' || requests.inFlight !== undefined;
  const looked = await parts.upkeep.turn({ requesting, suspended });
  // In the meantime a token may have come, or a request or a write may have ended: nothing else would wake the cycle.
  const decision = reconcile({ ...observation, ...progressOf(parts) });
  if (held.token !== token || decision.reason !== first.reason) return SOON;
  if (decision.kind === 'request-token') return Math.min(looked, request(context, decision));
  const turn = decision.reason === 'BackingOff' ? requests.waitForServer(context.wake) : LOOK_AGAIN;
  // While renewals fail, the moment of expiry is to be reported immediately.
  const expiry = held.isLive() ? held.remaining() : LOOK_AGAIN;
  return Math.min(decision.after, turn, looked, expiry);
}

/** Reports what was decided, and what is known of the credential and of the callers. */
async function report({ parts }: TurnContext, decision: Decision, suspended: boolean): Promise<void> {
  const { held, requests, status, inputs, unknownCallers } = parts;
  reportSuspension(status, held, suspended);
  reportReadiness(status, held);
  if (await inputs.look(held.specification, suspended ? 'suspend' : decision.kind)) {
    if (suspended) requests.forgetError();
    else requests.retryCorrected();
  }
  // No request will show soon that the cause is gone.
  if (decision.kind === 'suspend' || decision.reason === 'NothingDue') requests.forgetOutdatedRejection();
  unknownCallers.observe(held.specification);
}

/** Begins a token request, and returns when to look again: what others do to the copy is repaired in the meantime. */
function request({ parts }: TurnContext, { reason }: Extract<Decision, { kind: 'request-token' }>): Ms {
  const { held, requests, status } = parts;
  const firstLook = parts.clientApp.firstLookIn;
  // A token for a client app that was not looked at yet might be one for nobody. The watch wakes the cycle after the first look.
  if (firstLook > 0 && !held.isLive()) return firstLook;
  void containFailure(status, async () => {
    await requests.acquire('renewal', reason);
    reportReadiness(status, held);
  });
  return LOOK_AGAIN;
}

/** Returns the proof of the current credential, where a change of it counts. */
async function currentProof({ parts: { held }, dependencies }: TurnContext): Promise<string | undefined> {
  if (held.specification.onCredentialChange !== 'reissue') return undefined;
  const proof = await dependencies.proofs.current(held.specification);
  held.prove(proof);
  return proof;
}
