import type { CredentialEnd } from '../../core/credential-expiry.ts';
import { isWorking } from '../../core/leadership.ts';
import { identityText, type Ms, type Sha256, type Token, type TokenIdentity } from '../../core/token.ts';
import { fromVolumeData, keysOf, TokenVolumeError, type VolumeData } from '../../core/token-volume.ts';
import { TokenOwner } from '../shards/token-owner.ts';
import { CredentialChecks } from './credential-checks.ts';
import { CredentialExpiries } from './credential-expiries.ts';
import { CredentialGate } from './credential-gate.ts';
import { CredentialProofs } from './credential-proofs.ts';
import { CredentialReadings } from './credential-readings.ts';
import type { CycleDependencies, Dependencies } from './cycle-dependencies.ts';
import { Elsewhere } from './elsewhere.ts';
import { Evidence } from './evidence.ts';
import { Intervals } from './intervals.ts';
import { revokeLastTokens } from './last-revocation.ts';
import { LogEvidence } from './log-evidence.ts';
import { Outages } from './outages.ts';
import { Reissues } from './reissues.ts';
import { RequestInputs } from './request-inputs.ts';
import { ServerClocks } from './server-clocks.ts';
import { Slots } from './slots.ts';
import type { TokenSpecification } from './specification.ts';
import { TokenCycle } from './token-cycle.ts';

/** At each authorization server. */
const CONCURRENT_REVOCATIONS = 10;
/** Between attempts to take a token out of a store that cannot be written. */
const WITHDRAW_AGAIN: Ms = 30_000;

/** Who works on a token. `formerOwner`: another shard that still does. */
export type Owner = Pick<TokenOwner, 'role'> & Partial<Pick<TokenOwner, 'formerOwner'>>;

/** Of a token that another shard works on. */
const ASLEEP: Owner = { role: 'following' };

export interface Acquisition {
  readonly cycle: TokenCycle;
  readonly reissues: Reissues;
  readonly evidence: Evidence;
  readonly log: LogEvidence;
  readonly running: Promise<void>;
  readonly owner: Owner;
}

/** A token that is no longer configured or owned, until nothing of it is left. */
interface Ending {
  readonly specification: TokenSpecification;
  readonly cycle: TokenCycle;
  /** Resolves when nothing is at work any more. */
  readonly quiet: Promise<void>;
  readonly done: Promise<void>;
}

/** All tokens of one process: begins, changes and ends their cycles as the configuration says. */
export class Acquirer {
  /** Tries credentials when a person asks. */
  readonly checks: CredentialChecks;
  readonly #dependencies: CycleDependencies;
  readonly #acquisitions = new Map<string, Acquisition>();
  /** Tokens of other shards. */
  readonly #elsewhere: Elsewhere<Acquisition>;
  readonly #endings = new Set<Ending>();
  readonly #stopping = new AbortController();
  readonly #unwatch: readonly (() => void)[];

  constructor(dependencies: Dependencies) {
    this.#dependencies = {
      ...dependencies,
      clocks: new ServerClocks(),
      outages: new Outages(dependencies),
      gate: new CredentialGate(() => dependencies.clock.monotonic()),
      inputs: new RequestInputs(dependencies),
      proofs: new CredentialProofs(dependencies.credentials),
      readings: new CredentialReadings(dependencies.credentials),
      intervals: new Intervals(dependencies),
      expiries: new CredentialExpiries(dependencies),
      revocationSlots: new Slots(CONCURRENT_REVOCATIONS, dependencies.clock),
    };
    const changed = (): void => this.#roleChanged();
    this.#unwatch = [dependencies.leadership, dependencies.shards].flatMap((one) => one?.watch(changed) ?? []);
    this.#elsewhere = new Elsewhere({
      begin: (specification) => this.#begin(specification, ASLEEP),
      update: ({ cycle }, specification) => cycle.update(specification),
      end: (acquisition) => this.#release(acquisition),
    });
    const acquisitions = this.#acquisitions;
    this.checks = new CredentialChecks(this.#dependencies, () => [...acquisitions.values()].map(({ cycle }) => cycle));
  }

  get acquisitions(): Iterable<Acquisition> {
    return this.#acquisitions.values();
  }

  /** Returns when the credentials end of the tokens that this process works on. */
  get credentialEnds(): readonly CredentialEnd[] {
    const awake = [...this.#acquisitions.values()].filter(({ owner }) => isWorking(owner.role));
    return this.#dependencies.expiries.of(awake.map(({ cycle }) => cycle.specification.credential));
  }

  /** Returns a token that this shard owns. */
  find(identity: TokenIdentity): Acquisition | undefined {
    return this.#acquisitions.get(identityText(identity));
  }

  /** Returns a token that another shard owns. */
  elsewhere(identity: TokenIdentity): TokenSpecification | undefined {
    return this.#elsewhere.specification(identity);
  }

  /** Returns a token that another shard owns, with a cycle that sleeps, to answer a call where that shard does not. */
  visit(identity: TokenIdentity): Acquisition | undefined {
    return this.#elsewhere.visit(identity);
  }

  /** Returns the shard that still works on a token of this one. */
  formerOwnerOf(identity: TokenIdentity): number | undefined {
    return this.#acquisitions.get(identityText(identity))?.owner.formerOwner;
  }

  /**
   * Makes the running cycles those of the specifications that `owns` accepts; the others belong to other shards. What a
   * removed token had stored is removed, too. What a token that now belongs to another shard has stored stays. `change`: what is
   * known of credentials and servers counts on where only AccessTokens changed.
   */
  apply(
    specifications: readonly TokenSpecification[],
    owns: (specification: TokenSpecification) => boolean = () => true,
    change: 'configuration' | 'resources' = 'configuration',
  ): void {
    if (this.#stopping.signal.aborted) return;
    if (change === 'configuration') this.#forgetInputs();
    const wanted = new Map(
      specifications.filter(owns).map((specification) => [identityText(specification.identity), specification]),
    );
    this.#elsewhere.set(specifications.filter((specification) => !owns(specification)));
    for (const [identity, acquisition] of this.#acquisitions) {
      if (wanted.has(identity)) continue;
      this.#acquisitions.delete(identity);
      if (this.#elsewhere.has(acquisition.cycle.specification.identity)) this.#release(acquisition);
      else this.#end(acquisition);
    }
    for (const [identity, specification] of wanted) {
      const present = this.#acquisitions.get(identity);
      if (present === undefined) this.#acquisitions.set(identity, this.#begin(specification));
      else {
        present.cycle.update(specification);
        if (isWorking(present.owner.role)) present.log.follow();
      }
    }
  }

  #forgetInputs(): void {
    const { inputs, proofs, intervals, expiries } = this.#dependencies;
    for (const known of [inputs, proofs, intervals, expiries]) known.forget();
  }

  /** Resolves when no cycle is at work any more whose token now belongs to another shard, or is no longer configured. */
  async released(): Promise<void> {
    await Promise.all([...this.#endings].map(({ quiet }) => quiet));
  }

  /**
   * Revokes the last token of a specification that the next `apply` no longer has, and reports what became of it. `data` is what its
   * Secret holds. Gives up when the signal aborts. Never rejects.
   */
  async revokeLast(specification: TokenSpecification, data: Promise<VolumeData>, signal: AbortSignal): Promise<void> {
    const { identity, key } = specification;
    const text = identityText(identity);
    const acquisition = this.#acquisitions.get(text);
    const ending = [...this.#endings].findLast((one) => identityText(one.specification.identity) === text);
    const { cycle } = acquisition ?? ending ?? {};
    const quiet = acquisition?.running ?? ending?.quiet ?? Promise.resolve();
    const tokens = Promise.all([data, quiet]).then(([found]) => [tokenIn(key, found), cycle?.held.token]);
    const isUsed = (hash: Sha256): boolean => this.#isUsed(hash, cycle);
    const events = await revokeLastTokens(this.#dependencies, { specification, tokens, isUsed }, signal);
    for (const event of events) this.#dependencies.telemetry.token(identity, event);
    this.#forget(identity);
  }

  /** What is stored next to each token changed. */
  volumeChanged(): void {
    for (const { cycle } of this.#acquisitions.values()) cycle.volumeChanged();
  }

  /** Has each cycle look again now. */
  wake(): void {
    for (const { cycle } of this.#acquisitions.values()) cycle.wake();
  }

  /** Ends all cycles, and resolves when none is at work any more. Nothing is removed from the store. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const unwatch of this.#unwatch) unwatch();
    this.#elsewhere.clear();
    for (const { cycle, log } of this.#acquisitions.values()) {
      log.stop();
      cycle.stop();
    }
    await Promise.all([...this.#acquisitions.values()].map(({ running }) => running));
    await Promise.all([...this.#endings].map(({ done }) => done));
  }

  /** Another process works on tokens now, or no longer does. */
  #roleChanged(): void {
    for (const { cycle, log, owner } of this.#acquisitions.values()) {
      if (isWorking(owner.role)) log.follow();
      else log.stop();
      cycle.wake();
    }
  }

  /** Returns who works on a token. Without other shards that is the same for all, and one object less for each. */
  #ownerOf({ identity }: TokenSpecification): Owner {
    const { leadership, shards } = this.#dependencies;
    return shards === undefined ? leadership : new TokenOwner(identity, leadership, shards);
  }

  #begin(specification: TokenSpecification, leadership = this.#ownerOf(specification)): Acquisition {
    const before = [...this.#endings].filter((ending) => isReplaced(ending.specification, specification));
    const cycle: TokenCycle = new TokenCycle(specification, this.#dependencies, {
      isTaken: (key) => this.#isTaken(key, cycle),
      isUsed: (hash) => this.#isUsed(hash, cycle),
      leadership,
      predecessors: Promise.all(before.map(({ quiet }) => quiet)),
      requested: before.findLast((ending) => ending.specification.key === specification.key)?.specification,
    });
    const reissues = new Reissues(cycle, this.#dependencies.clock);
    const evidence = new Evidence(cycle, reissues, this.#dependencies);
    const log = new LogEvidence(cycle, evidence, this.#dependencies);
    const running = cycle.run();
    if (isWorking(leadership.role)) log.follow();
    return { cycle, reissues, evidence, log, running, owner: leadership };
  }

  #end(acquisition: Acquisition): void {
    const { cycle } = acquisition;
    const quiet = this.#stop(acquisition).then(() => this.#removeChain(acquisition));
    this.#keep({ specification: cycle.specification, cycle, quiet, done: this.#withdraw(acquisition, quiet) });
  }

  /** Ends a cycle whose token now belongs to another shard, which needs everything that is stored. */
  #release(acquisition: Acquisition): void {
    const { specification } = acquisition.cycle;
    const quiet = this.#stop(acquisition);
    this.#keep({
      specification,
      cycle: acquisition.cycle,
      quiet,
      done: quiet.then(() => this.#forget(specification.identity)),
    });
  }

  /** Resolves when the cycle has ended. A request in flight is finished. */
  #stop({ cycle, log, running }: Acquisition): Promise<void> {
    log.stop();
    cycle.stop();
    cycle.requests.allowOnly('none');
    return running;
  }

  #keep(ending: Ending): void {
    this.#endings.add(ending);
    void ending.done.then(() => this.#endings.delete(ending));
  }

  #forget(identity: TokenIdentity): void {
    if (!this.#acquisitions.has(identityText(identity))) this.#dependencies.telemetry.forget(identity);
  }

  async #removeChain({ cycle, owner }: Acquisition): Promise<void> {
    // A token that is configured again continues its chain, because the first refresh token is spent.
    const { identity } = cycle.specification;
    const successor =
      this.#acquisitions.get(identityText(identity))?.cycle.specification ?? this.#elsewhere.specification(identity);
    if (!isWorking(owner.role)) return;
    if (successor?.rotates !== true) await cycle.removeChain();
  }

  async #withdraw({ cycle, owner }: Acquisition, quiet: Promise<void>): Promise<void> {
    const { clock } = this.#dependencies;
    const { signal } = this.#stopping;
    await quiet;
    // Only the leader removes it. A replica that takes over looks whether it is removed.
    const { identity, isResource } = cycle.specification;
    const isLeft = (): boolean => isResource === true && this.#dependencies.isLeft?.(identity) === true;
    const isOver = async (): Promise<boolean> => isLeft() || (isWorking(owner.role) && (await cycle.withdraw()));
    while (!(await isOver()) && !signal.aborted) await clock.wait(WITHDRAW_AGAIN, signal);
    this.#forget(cycle.specification.identity);
  }

  #isUsed(hash: Sha256, by?: TokenCycle): boolean {
    for (const { cycle } of this.#acquisitions.values()) if (cycle !== by && cycle.isUsed(hash)) return true;
    return false;
  }

  #isTaken(key: string, by: TokenCycle): boolean {
    const { namespace, secret } = by.specification.identity;
    if (this.#elsewhere.hasKey(by.specification.identity, key)) return true;
    return [...this.#acquisitions.values()].some(({ cycle }) => {
      const { identity } = cycle.specification;
      const sameSecret = identity.namespace === namespace && identity.secret === secret;
      return cycle !== by && sameSecret && keysOf(cycle.specification).includes(key);
    });
  }
}

/** Whether a token comes in another's place: has its name, or one of its keys in the same Secret. */
function isReplaced(former: TokenSpecification, next: TokenSpecification): boolean {
  const { namespace, secret, name } = former.identity;
  if (next.identity.namespace !== namespace || next.identity.secret !== secret) return false;
  const formerKeys = new Set([former.key, ...keysOf(former)]);
  return next.identity.name === name || [next.key, ...keysOf(next)].some((key) => formerKeys.has(key));
}

/** What is stored may be anything. */
function tokenIn(key: string, data: VolumeData): Token | undefined {
  try {
    return fromVolumeData(key, data);
  } catch (error) {
    if (error instanceof TokenVolumeError) return undefined;
    throw error;
  }
}
