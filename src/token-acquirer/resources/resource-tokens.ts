import {
  type AccessToken,
  type AccessTokenSpec,
  identityOf,
  mayKeepFormerToken,
  type Rejection,
  resourceStatus,
} from '../../core/access-token.ts';
import { hasFinalizer } from '../../core/access-token-end.ts';
import { isWorking } from '../../core/leadership.ts';
import { identityText, type Ms, type TokenIdentity } from '../../core/token.ts';
import type { VolumeData } from '../../core/token-volume.ts';
import type { AccessTokens, FollowedAccessTokens } from '../../ports/access-tokens.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Judgement, Services } from '../configuration/offers.ts';
import type { Leadership } from '../leadership/leadership.ts';
import type { Reissue } from '../token/reissues.ts';
import type { TokenSpecification } from '../token/specification.ts';
import { AskedReissues } from './asked-reissues.ts';
import { Finalizers } from './finalizers.ts';
import { SecretClaims } from './secret-claims.ts';
import { StatusReports, type StatusToReport } from './status-reports.ts';
import { type ObservedCycle, tokenView } from './token-view.ts';

/** Changes that come together are one look: a thousand AccessTokens may be applied in one go. */
const GATHERING: Ms = 50;

export interface ResourceTokensDependencies {
  readonly resources: AccessTokens;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'process'>;
  readonly leadership: Leadership;
  /** Whether this process is of the first shard. */
  readonly isFirst: boolean;
  /** Whether this process works on the token while it leads. */
  owns(specification: TokenSpecification): boolean;
  /** What of its cycle the status needs; `undefined` where there is none. */
  find(identity: TokenIdentity): ObservedCycle | undefined;
  /** The Secret of the token was made anew. */
  storeChanged(identity: TokenIdentity): void;
  /** Requests a new token; `undefined` where nobody works on it here. */
  reissue(identity: TokenIdentity): Promise<Reissue> | undefined;
  /** Revokes the last token, and reports what became of it. Gives up when the signal aborts. Never rejects. */
  revoke(specification: TokenSpecification, data: Promise<VolumeData>, signal: AbortSignal): Promise<void>;
  /** `specifications` are other ones now. */
  changed(): void;
}

/** What is known of one AccessToken. */
interface Entry {
  readonly resource: AccessToken;
  readonly rejection: Rejection | undefined;
  /** Why its Secret cannot be used yet. */
  readonly obstacle: string | undefined;
  /** What is worked on, where its Secret is known to be its own. */
  readonly specification: TokenSpecification | undefined;
  /** Whether this process reports its status. */
  readonly isOwn: boolean;
}

interface Judged {
  readonly resource: AccessToken;
  readonly judgement: Judgement;
  readonly wanted: TokenSpecification | undefined;
  /** Whether the spec in force asks for a revocation at the end; `undefined` while no spec is in force. */
  readonly revokes: boolean | undefined;
}

/**
 * Turns AccessTokens into tokens, and reports what becomes of them. The replica that renews a token also makes its Secret and
 * writes its status; the others go by that status.
 */
export class ResourceTokens {
  readonly #dependencies: ResourceTokensDependencies;
  readonly #claims: SecretClaims;
  readonly #finalizers: Finalizers;
  readonly #reissues: AskedReissues;
  readonly #reports: StatusReports;
  readonly #stopping = new AbortController();
  readonly #unwatch: () => void;
  /** By UID, the spec that was accepted last. */
  readonly #accepted = new Map<string, Pick<AccessToken, 'spec' | 'generation'>>();
  #services: Services | undefined;
  #followed: FollowedAccessTokens | undefined;
  #entries: ReadonlyMap<string, Entry> = new Map();
  #specifications: readonly TokenSpecification[] = [];
  #isLooking = false;

  constructor(dependencies: ResourceTokensDependencies) {
    this.#dependencies = dependencies;
    const changed = (resource: AccessToken): void => {
      dependencies.storeChanged(identityOf(resource));
      this.#look();
    };
    this.#finalizers = new Finalizers({
      ...dependencies,
      revoke: (...wanted) => dependencies.revoke(...wanted),
      changed: () => this.#look(),
    });
    this.#claims = new SecretClaims({ ...dependencies, resources: { claim: (one) => this.#claim(one) }, changed });
    this.#reissues = new AskedReissues({
      clock: dependencies.clock,
      reissue: (identity) => dependencies.reissue(identity),
      answered: (resource) => this.happened(identityOf(resource)),
    });
    this.#reports = new StatusReports({ ...dependencies, statusOf: (key) => this.#statusOf(key) });
    this.#unwatch = dependencies.leadership.watch(() => this.#look());
  }

  /** The tokens that are asked for, and may be had. */
  get specifications(): readonly TokenSpecification[] {
    return this.#specifications;
  }

  /**
   * Whether a token that is no longer worked on stays in its Secret until it expires: that of an AccessToken which exists, but may not
   * have it any more.
   */
  leaves(identity: TokenIdentity): boolean {
    const entry = this.#entries.get(identityText(identity));
    if (entry !== undefined) return entry.resource.isDeleting !== true;
    // Whether it still exists is not known.
    return this.#services?.namespaces.includes(identity.namespace) !== true;
  }

  /** The configuration has these services now. */
  follow(services: Services): void {
    this.#services = services;
    const { namespaces } = services;
    // What is known of the other namespaces stays: their tokens do not end because the API server does not answer now.
    if (this.#followed !== undefined) this.#followed.change(namespaces);
    else if (namespaces.length > 0)
      this.#followed = this.#dependencies.resources.follow(namespaces, () => this.#look());
    this.#look();
  }

  /** Something happened to a token. `isLost`: its Secret may be gone. */
  happened(identity: TokenIdentity, { isLost = false } = {}): void {
    const key = identityText(identity);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    if (isLost && entry.specification !== undefined) this.#claims.doubt(entry.resource);
    this.#reports.changed(key);
  }

  /** Whether its stored token may be one that an earlier spec asked for. A rejected spec asks for nothing else than the one in force. */
  mayBeFormer(identity: TokenIdentity): boolean {
    const entry = this.#entries.get(identityText(identity));
    return entry !== undefined && entry.rejection === undefined && mayKeepFormerToken(entry.resource);
  }

  stop(): void {
    this.#stopping.abort();
    this.#unwatch();
    this.#claims.stop();
    this.#reports.stop();
    this.#finalizers.stop();
    this.#followed?.stop();
  }

  #look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#after(GATHERING, () => {
      this.#isLooking = false;
      this.#reconcile();
    });
  }

  #after(time: Ms, act: () => void): void {
    const { signal } = this.#stopping;
    void this.#dependencies.clock.wait(time, signal).then(() => {
      if (!signal.aborted) act();
    });
  }

  /** No token is requested before the finalizer is set that has it revoked. */
  async #claim(resource: AccessToken): Promise<'claimed' | 'taken'> {
    await this.#finalizers.settled(resource);
    return this.#dependencies.resources.claim(resource);
  }

  #reconcile(): void {
    const found = this.#followed === undefined ? [] : this.#followed.current();
    // What there is is not known yet: what runs goes on.
    if (found === undefined || this.#services === undefined) return;
    const resources = found.filter(isConcerned).map(asEnding);
    this.#claims.keep(resources.filter(({ isDeleting }) => isDeleting !== true));
    this.#finalizers.keep(resources);
    this.#reissues.keep(resources);
    const entries = this.#judge(resources, this.#services).map((judged) => this.#entryOf(judged));
    const former = this.#entries;
    this.#entries = new Map(entries.map((entry) => [identityText(identityOf(entry.resource)), entry]));
    // Of a thousand, mostly one has changed.
    for (const [key, entry] of this.#entries) if (!isSame(former.get(key), entry)) this.#reports.changed(key);
    const there = new Set(resources.map(({ uid }) => uid));
    for (const uid of this.#accepted.keys()) if (!there.has(uid)) this.#accepted.delete(uid);
    this.#reports.keep(this.#entries);
    const before = this.#specifications;
    this.#specifications = entries.flatMap(({ specification }) => specification ?? []);
    if (!hasSameItems(before, this.#specifications)) this.#dependencies.changed();
  }

  /** A spec that was accepted stays in force while a changed one is rejected, if the service still allows it. */
  #judge(resources: readonly AccessToken[], services: Services): readonly Judged[] {
    const judgements = services.judge(resources);
    const former = resources.map((resource, index) => this.#formerSpec(resource, judgements[index] as Judgement));
    const isChanged = judgements.some(({ kind }) => kind === 'rejected') && former.some((spec) => spec !== undefined);
    const before = isChanged
      ? services.judge(resources.map((resource, index) => withSpec(resource, former[index])))
      : [];
    return resources.map((resource, index) => {
      const judgement = judgements[index] as Judgement;
      if (judgement.kind === 'accepted') this.#accepted.set(resource.uid, resource);
      const accepted = this.#accepted.get(resource.uid)?.spec ?? former[index];
      const inForce = judgement.kind === 'accepted' || accepted === undefined ? judgement : before[index];
      if (inForce?.kind !== 'accepted') return { resource, judgement, wanted: undefined, revokes: undefined };
      const revokes = accepted?.revokeOnDelete === true;
      return { resource, judgement, wanted: inForce.specification, revokes };
    });
  }

  #formerSpec(resource: AccessToken, judgement: Judgement): AccessTokenSpec | undefined {
    const { uid, spec, status } = resource;
    const accepted = this.#accepted.get(uid)?.spec;
    if (accepted !== undefined || judgement.kind === 'accepted' || judgement.reason !== 'RevocationNotAllowed')
      return accepted;
    // After a start, the finalizer shows that the service allowed it before.
    return hasFinalizer(resource) && status.secretName !== undefined ? spec : undefined;
  }

  /** Nothing is written to a Secret before it is known to be that of the AccessToken. */
  #entryOf({ resource, judgement, wanted, revokes }: Judged): Entry {
    const rejection = judgement.kind === 'rejected' ? judgement : undefined;
    const none = { resource, rejection, obstacle: undefined, specification: undefined };
    const isOwn = this.#works(wanted);
    if (isOwn) this.#finalizers.look(resource, { specification: wanted, revokes });
    if (resource.isDeleting === true) return { ...none, isOwn: false };
    if (wanted === undefined) return { ...none, isOwn };
    // The replica that worked on the token reported the name of the Secret once it was made, so its token is not given up.
    const specification = resource.status.secretName === identityOf(resource).secret ? wanted : undefined;
    if (!isOwn) return { ...none, isOwn: false, specification };
    const claim = this.#claims.stateOf(resource);
    if (claim === 'taken') return { ...none, isOwn: true, rejection: taken(resource) };
    if (claim === 'claimed') return { ...none, isOwn: true, specification: wanted };
    return { ...none, isOwn: true, specification, obstacle: specification === undefined ? claim?.obstacle : undefined };
  }

  /** An AccessToken that has no specification belongs to no shard. */
  #works(specification: TokenSpecification | undefined): boolean {
    const dependencies = this.#dependencies;
    const owns = specification === undefined ? dependencies.isFirst : dependencies.owns(specification);
    return isWorking(dependencies.leadership.role) && owns;
  }

  /** Returns the status of an entry of this process, and begins what a person asks for. */
  #statusOf(key: string): StatusToReport | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || !entry.isOwn) return undefined;
    const { resource, rejection, obstacle, specification } = entry;
    if (specification !== undefined) this.#reissues.look(resource);
    const dependencies = this.#dependencies;
    const cycle = dependencies.find(identityOf(resource));
    const token = cycle && tokenView(cycle);
    const isClaimed = specification !== undefined;
    const lastReissue = this.#reissues.lastOf(resource);
    const accepted = this.#accepted.get(resource.uid);
    const status = resourceStatus({
      resource,
      rejection,
      isChanged: accepted !== undefined && accepted.generation !== resource.generation,
      obstacle,
      token,
      isClaimed,
      lastReissue,
      now: dependencies.clock.now(),
    });
    return { resource, status };
  }
}

/** One that is being deleted only matters while it waits for its token to be revoked. */
function isConcerned(resource: AccessToken): boolean {
  return resource.isDeleting !== true || hasFinalizer(resource);
}

/** Of one that is being deleted only the service counts: which server has its token, and with which credential. */
function asEnding(resource: AccessToken): AccessToken {
  if (resource.isDeleting !== true) return resource;
  const { service, secretName } = resource.spec;
  return { ...resource, spec: { service, secretName }, fault: undefined };
}

function withSpec(resource: AccessToken, spec: AccessTokenSpec | undefined): AccessToken {
  // Whether it may be revoked at the end is no reason to take a token away.
  return spec === undefined
    ? resource
    : { ...resource, spec: { ...spec, revokeOnDelete: undefined }, fault: undefined };
}

function hasSameItems<Item>(before: readonly Item[], now: readonly Item[]): boolean {
  return before.length === now.length && now.every((item, index) => item === before[index]);
}

function isSame(before: Entry | undefined, now: Entry): boolean {
  return before !== undefined && hasSameItems(factsOf(before), factsOf(now));
}

function factsOf({ resource, rejection, obstacle, specification, isOwn }: Entry): readonly unknown[] {
  return [resource, rejection?.reason, rejection?.message, obstacle, specification, isOwn];
}

function taken(resource: AccessToken): Rejection {
  const { namespace, secret } = identityOf(resource);
  const message = `The Secret ${namespace}/${secret} exists and was not made for this AccessToken, so it is left as it is. Delete it, or make an AccessToken with another spec.secretName.`;
  return { reason: 'SecretTaken', message };
}
