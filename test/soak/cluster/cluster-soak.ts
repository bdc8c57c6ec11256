import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../../../src/core/errors.ts';
import { Scope } from '../../bench/benchmark.ts';
import type { IssuedToken, ServerCounts } from '../parts/server-messages.ts';
import type { ClusterObserved, ClusterOptions } from './cluster-observed.ts';
import { RENEW_AT } from './cluster-rules.ts';
import { type ClusterTown, HOME, openClusterTown, RELEASE } from './cluster-town.ts';
import { Duck, type Trick } from './duck.ts';
import { LeaseWatch } from './lease-watch.ts';
import { PodLog } from './pod-log.ts';

const SECOND = 1000;
const LIFETIME = 300;
/** A caller may start 60 token requests a minute. */
const REVOKE_EVERY = 1500;
/** Of the tokens, those that are revoked. The others are only renewed. */
const REVOKED_SHARE = 0.6;
const LOOK_EVERY = 3000;

export interface ClusterSoakContext {
  readonly options: ClusterOptions;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

/** Runs a release in a separate node, and disturbs its replicas under steady calls. */
export async function soakInCluster(context: ClusterSoakContext): Promise<ClusterObserved> {
  const scope = new Scope();
  const { options, tell } = context;
  try {
    const { tokens, rate, replicas } = options;
    const renewAt = `${RENEW_AT * 100}%`;
    const town = await openClusterTown(scope, { tokens, rate, replicas, lifetime: LIFETIME, renewAt, tell });
    return await new ClusterRun(context, town).run();
  } finally {
    await scope.close();
  }
}

class ClusterRun {
  readonly #context: ClusterSoakContext;
  readonly #town: ClusterTown;
  readonly #lease: LeaseWatch;
  readonly #duck: Duck;
  readonly #log: PodLog;
  readonly #accidents: string[] = [];
  readonly #began = Date.now();
  readonly #stop = new AbortController();

  constructor(context: ClusterSoakContext, town: ClusterTown) {
    this.#context = context;
    this.#town = town;
    this.#lease = new LeaseWatch(town.cluster.api, { namespace: HOME, name: RELEASE });
    this.#duck = new Duck(town, this.#lease);
    this.#log = new PodLog(town, this.#began);
  }

  async run(): Promise<ClusterObserved> {
    const { options, signal, tell } = this.#context;
    await this.#lease.begin();
    tell(this.#lease.exists ? `The pod ${this.#lease.leader} leads.` : 'The release has no Lease.');
    const length = options.minutes * 60 * SECOND;
    const end = setTimeout(() => this.#stop.abort(), length);
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    await Promise.all([this.#revoke(), this.#play(), this.#follow(length)]);
    clearTimeout(end);
    this.#lease.end();
    await this.#log.read();
    return this.#observed();
  }

  /** Revokes one token after the other. */
  async #revoke(): Promise<void> {
    const { apps } = this.#town;
    const revoked = apps.filter(({ grant }) => grant !== 'refresh_token').slice(0, apps.length * REVOKED_SHARE);
    for (let number = 0; await this.#pause(REVOKE_EVERY); number += 1) {
      const app = revoked[number % revoked.length];
      if (app !== undefined) await this.#town.askServer({ what: 'revoke', client: app.name });
    }
  }

  /** One trick after the other, so many seconds apart. */
  async #play(): Promise<void> {
    const { options } = this.#context;
    for (let number = 0; await this.#pause(options.every * SECOND); number += 1) {
      const trick = options.tricks[number % options.tricks.length] as Trick;
      try {
        await this.#duck.play(trick);
      } catch (error) {
        this.#accidents.push(`${trick}: ${messageOf(error)}`);
      }
    }
  }

  async #follow(length: number): Promise<void> {
    while (await this.#pause(LOOK_EVERY)) {
      await this.#log.read().catch((error: unknown) => this.#accidents.push(messageOf(error)));
      const { calls, failed, cured } = this.#log;
      const seconds = Math.round((Date.now() - this.#began) / SECOND);
      this.#context.tell(
        [
          `${seconds} of ${length / SECOND} s`,
          `${calls.toLocaleString('en')} calls`,
          `${failed.length} failed`,
          `${cured.length} cured`,
          `led by ${this.#lease.leader ?? 'nobody'}`,
          this.#duck.done.at(-1)?.trick ?? '',
        ].join('  '),
      );
    }
  }

  /** Returns whether to go on. */
  async #pause(length: number): Promise<boolean> {
    await pause(length, undefined, { signal: this.#stop.signal }).catch(() => {});
    return !this.#stop.signal.aborted;
  }

  async #observed(): Promise<ClusterObserved> {
    const { apps, askServer, node } = this.#town;
    const tokens: Record<string, readonly IssuedToken[]> = {};
    for (const { name } of apps) tokens[name] = await askServer<IssuedToken[]>({ what: 'tokens', client: name });
    const requests = await node.requestsSince(new Date(this.#began));
    const writes = requests.filter(
      ({ verb, objectRef }) =>
        objectRef?.resource === 'leases' && objectRef.namespace === HOME && verb !== 'get' && verb !== 'watch',
    );
    return {
      options: this.#context.options,
      began: this.#began,
      ended: Date.now(),
      interrupted: this.#context.signal.aborted,
      calls: this.#log.calls,
      failed: this.#log.failed,
      cured: this.#log.cured,
      longestSilence: this.#log.longestSilence,
      unanswered: this.#log.unanswered,
      done: this.#duck.done,
      gaps: this.#lease.gaps,
      leaseDuration: this.#lease.exists ? this.#lease.duration : undefined,
      leaseWrites: writes.length,
      server: await askServer<ServerCounts>({ what: 'counts' }),
      tokens,
      rates: this.#log.rates,
      accidents: this.#accidents,
    };
  }
}
