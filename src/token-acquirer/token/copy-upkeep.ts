import { lookEvery, lookWithin } from '../../core/copy-state.ts';
import { isDisputed } from '../../core/dispute.ts';
import { factsOf } from '../../core/events.ts';
import type { Found } from '../../core/found-copy.ts';
import { LOOK_AGAIN, SOON } from '../../core/reconcile.ts';
import { decideStorage, type StorageDecision, type WriteDecision } from '../../core/storage.ts';
import type { Ms, TokenIdentity } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { StoreWatch } from '../../ports/store-watch.ts';
import type { DecisionLog } from '../../ports/telemetry.ts';
import type { Leadership } from '../leadership/leadership.ts';
import { repairMessage } from './cycle-report.ts';
import type { HeldToken } from './held-token.ts';
import type { TokenSpecification } from './specification.ts';
import type { StoredCopy } from './stored-copy.ts';
import type { TokenStatus } from './token-status.ts';

/** Read, adopt, write and look again: more acts in one turn come from changes in the meantime. */
const MOST_ACTS = 6;
const EXPIRED = 'The token expired while its client app was not running: its keys were removed.';

/** Differs from all that can be asked for, so that one request follows. */
const SOMETHING_ELSE = { requestFingerprint: '' };

export interface CopyUpkeepDependencies {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly status: TokenStatus;
  readonly storeWatch: StoreWatch | undefined;
  readonly leadership: Pick<Leadership, 'role'>;
  readonly logDecision: DecisionLog | undefined;
  /** What the token stored under its key was requested with, where that is known. */
  readonly requested: TokenSpecification | undefined;
  /** Whether that may be something else than what is asked for now. Left out: no. */
  readonly mayBeFormer: ((identity: TokenIdentity) => boolean) | undefined;
}

/** What the cycle knows in this turn. */
export interface CopyTurn {
  /** Whether a token is about to be requested, or is being requested. */
  readonly requesting: boolean;
  readonly suspended: boolean;
}

/** Does what `decideStorage` decides about the stored copy, until nothing is left to do. */
export class CopyUpkeep {
  readonly #dependencies: CopyUpkeepDependencies;
  readonly #held: HeldToken;
  readonly #copy: StoredCopy;

  constructor(dependencies: CopyUpkeepDependencies, held: HeldToken, copy: StoredCopy) {
    this.#dependencies = dependencies;
    this.#held = held;
    this.#copy = copy;
  }

  /** Returns when to look at the copy again. */
  async turn({ requesting, suspended }: CopyTurn): Promise<Ms> {
    const { logDecision } = this.#dependencies;
    const [held, copy] = [this.#held, this.#copy];
    let found: Found | undefined;
    for (let acts = 0; acts < MOST_ACTS; acts += 1) {
      const decision = decideStorage({
        now: held.instant(),
        held: held.scheduled,
        copy: copy.state,
        found,
        delivered: held.specification.delivery === 'secret',
        storing: copy.writing !== undefined,
        requesting,
        suspended,
        others: this.#isShared,
        announced: copy.announced,
        lookEvery: this.#lookEvery,
      });
      logDecision?.(held.specification.identity, 'copy', decision);
      if (decision.kind === 'nothing') {
        if (found === undefined || held.token === undefined) return decision.after;
        if (decision.reason === 'CopyCurrent') copy.seen(held.token);
        else if (decision.reason === 'RequestedFirst') copy.seenInPart(held.token);
        return decision.after;
      }
      found = await this.#act(decision, found);
      if (decision.kind === 'announce') return LOOK_AGAIN;
    }
    return SOON;
  }

  /** Whether other replicas work on the token, too. */
  get #isShared(): boolean {
    return this.#dependencies.leadership.role === 'unelected';
  }

  /** Returns what is known to be stored afterwards. */
  async #act(
    decision: Exclude<StorageDecision, { kind: 'nothing' }>,
    found: Found | undefined,
  ): Promise<Found | undefined> {
    const [held, copy] = [this.#held, this.#copy];
    switch (decision.kind) {
      case 'read':
        return (await this.#isConfirmed(decision)) ? undefined : this.#read();
      case 'adopt':
        this.#adopt(found);
        return found;
      case 'write':
        await this.#write(decision, found);
        return undefined;
      case 'withdraw':
        await copy.withdraw(EXPIRED, () => held.isLive());
        return undefined;
      case 'announce':
        await copy.announce();
        return undefined;
    }
  }

  get #lookEvery(): Ms {
    const { storeWatch } = this.#dependencies;
    return lookEvery(storeWatch?.covers(this.#held.specification.identity) === true);
  }

  /** Whether a look is enough, which transfers no token: nobody else changed the copy since it was last seen. */
  async #isConfirmed({ reason }: StorageDecision): Promise<boolean> {
    const [{ token }, copy] = [this.#held, this.#copy];
    const within = lookWithin(copy.state, this.#lookEvery);
    if (reason !== 'CopyNotSeenLately' || token === undefined || within === undefined) return false;
    return copy.confirm(token, within);
  }

  async #read(): Promise<Found | undefined> {
    const held = this.#held;
    const { token, specification } = held;
    const found = await this.#copy.read(token);
    // What was read before a change shows nothing about it.
    return held.token === token && held.specification === specification ? found : undefined;
  }

  /** Reads what is stored, and holds it if it is newer than what is held. Otherwise writes what is held. */
  async consult(): Promise<void> {
    const [held, copy] = [this.#held, this.#copy];
    if (held.specification.delivery === 'endpoint') return;
    const found = await this.#read();
    if (found?.token === undefined) return;
    if (held.token !== undefined && found.token.issuedAt < held.token.issuedAt) {
      // What this replica requested could not be stored yet.
      await held.write();
      return;
    }
    if (held.token?.sha256 !== found.token.sha256) {
      held.adopt(found.token, { requested: held.specification, asIs: true, isAnnounced: false });
    }
    if (held.token !== undefined) copy.seenInPart(held.token);
  }

  #adopt(found: Found | undefined): void {
    const { requested, mayBeFormer } = this.#dependencies;
    if (found?.token === undefined) return;
    const held = this.#held;
    const { specification } = held;
    const assumed = mayBeFormer?.(specification.identity) === true ? SOMETHING_ELSE : specification;
    held.adopt(found.token, { requested: requested ?? assumed, asIs: this.#isShared });
  }

  async #write({ repairs }: WriteDecision, found: Found | undefined): Promise<void> {
    const { status, clock } = this.#dependencies;
    const [held, copy] = [this.#held, this.#copy];
    // A repair that failed and is repeated does not mean that someone changed the copy once more.
    if (repairs && copy.state.failures === 0) copy.damaged();
    const { token } = held;
    await held.write();
    const isWritten = held.stored && copy.state.failures === 0;
    if (token === undefined || held.token !== token || !isWritten) return;
    if (found?.isOurForm === false) copy.reformed(token);
    if (!repairs) return;
    const disputed = isDisputed(copy.state.dispute, clock.monotonic());
    const message = repairMessage(held, { disputed, shared: this.#isShared });
    status.emit({ kind: 'token-repaired', token: factsOf(token), message });
  }
}
