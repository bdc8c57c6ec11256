import { type Decision, isAbsent, LOOK_AGAIN, reconcile, SOON } from '../../core/reconcile.ts';
import type { Ms } from '../../core/token.ts';
import type { Leadership } from '../leadership/leadership.ts';
import { containFailure } from './contain-failure.ts';
import type { CycleDependencies } from './cycle-dependencies.ts';
import { observe } from './cycle-observation.ts';
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
  await followInterval({ intervals: dependencies.intervals, status, held });
  parts.volumes.report(held);
  const proof = await currentProof(context);
  const { role } = context.leadership;
  const observation = observe(parts, { role, chance: role === 'unelected' ? context.chance() : 0, proof });
  const decision = reconcile(observation);
  const suspended = isAbsent(observation);
  dependencies.logDecision?.(held.specification.identity, 'token', decision);
  await report(context, decision, suspended);
  // Another replica may have renewed it.
  if (decision.kind === 'request-token' && role === 'unelected') copy.consult();
  const { token } = held;
  const requesting = decision.kind === 'request-token' || requests.inFlight !== undefined;
  const looked = await parts.upkeep.turn({ requesting, suspended });
  // One that was adopted, or that a client's call brought in the meantime, may not be due.
  if (held.token !== token || isOver(parts, decision)) return SOON;
  if (decision.kind === 'request-token') return Math.min(looked, request(context, decision));
  const turn = decision.reason === 'BackingOff' ? requests.waitForServer(context.wake) : LOOK_AGAIN;
  // While renewals fail, the moment of expiry is to be reported immediately.
  const expiry = held.isLive() ? held.remaining() : LOOK_AGAIN;
  return Math.min(decision.after, turn, looked, expiry);
}

/** Whether what the decision waits for has ended in the meantime. Nothing would wake the cycle. */
function isOver({ requests, copy }: CycleParts, { reason }: Decision): boolean {
  if (reason === 'BeingRequested') return requests.inFlight === undefined;
  return reason === 'BeingStored' && copy.writing === undefined;
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
function request({ parts, dependencies }: TurnContext, { reason }: Extract<Decision, { kind: 'request-token' }>): Ms {
  const { held, requests, status } = parts;
  const firstLook = parts.clientApp.firstLookIn;
  // A token for a client app that was not looked at yet might be one for nobody. The watch wakes the cycle after the first look.
  if (firstLook > 0 && !held.isLive()) return firstLook;
  // While the store was read, the request of a client's call may have failed.
  if (requests.renewalNotBefore > dependencies.clock.monotonic()) return SOON;
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
