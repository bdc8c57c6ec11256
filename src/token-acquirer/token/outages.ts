import type { TokenRequestError } from '../../core/errors.ts';
import { contactOf, followAfter, isUnavailable, nextProber, probePause, type Waiter } from '../../core/outage.ts';
import { LOOK_AGAIN } from '../../core/reconcile.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';

/** A client's call also tries the server, unless the last try was so recent. */
const CALLS_APART: Ms = 5000;

/** A token that waits for its server. */
export interface Waiting extends Omit<Waiter, 'seenAt' | 'probedAt'> {
  /** Looks at its turn again. */
  readonly look: () => void;
  /** The server is back. */
  readonly back: () => void;
}

interface Server {
  failures: number;
  /** How many tries for all have failed. */
  probes: number;
  nextProbe: Ms;
  lastProbe: Ms;
  /** The token that tries for all at the moment, and its end. */
  probing: { readonly key: string; readonly ended: PromiseWithResolvers<void> } | undefined;
  lastError: TokenRequestError | undefined;
  readonly waiters: Map<string, Waiting & Waiter & { readonly key: string }>;
  readonly probedAt: Map<string, Ms>;
  /** After the server came back: when each of those that waited may ask. */
  readonly follows: Map<string, Ms>;
}

/**
 * Knows which authorization servers are unavailable. While one is, a single token tries for all of its tokens, and when that
 * succeeds the others follow in groups, soonest expiry first.
 */
export class Outages {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #random: Random;
  readonly #servers = new Map<string, Server>();

  constructor({ clock, random }: { clock: Pick<Clock, 'monotonic'>; random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Returns why the server counts as unavailable; `undefined` while it is available. */
  errorOf(name: string): TokenRequestError | undefined {
    const server = this.#servers.get(name);
    return server !== undefined && isUnavailable(server.failures) ? server.lastError : undefined;
  }

  /** Returns whether this token may request now. */
  mayAsk(name: string, key: string): boolean {
    const server = this.#servers.get(name);
    if (server === undefined) return true;
    const now = this.#clock.monotonic();
    if (isUnavailable(server.failures)) return server.probing === undefined && now >= server.nextProbe;
    return now >= (server.follows.get(key) ?? now);
  }

  /** Returns the time until the next try for all. */
  pause(name: string): Ms {
    return Math.max(0, (this.#servers.get(name)?.nextProbe ?? 0) - this.#clock.monotonic());
  }

  /** A token is due and may not request. Returns when to look again; calls back where that changes. */
  wait(name: string, key: string, waiting: Waiting): Ms {
    const server = this.#servers.get(name);
    if (server === undefined) return LOOK_AGAIN;
    const now = this.#clock.monotonic();
    if (!isUnavailable(server.failures)) return Math.max(0, (server.follows.get(key) ?? now) - now);
    const waiter = { ...waiting, key, seenAt: now, probedAt: server.probedAt.get(key) };
    server.waiters.set(key, waiter);
    const isNext = server.probing === undefined && nextProber(server.waiters.values(), now) === waiter;
    return isNext ? this.pause(name) : LOOK_AGAIN;
  }

  /** A client calls for this token: waits for a try that is under way. Returns for how long the call is not to try. */
  async join(name: string): Promise<Ms> {
    await this.#servers.get(name)?.probing?.ended.promise;
    const server = this.#servers.get(name);
    if (server === undefined || !isUnavailable(server.failures)) return 0;
    return Math.max(0, server.lastProbe + CALLS_APART - this.#clock.monotonic());
  }

  /** A token request begins. False where another one tries for all. */
  begin(name: string, key: string): boolean {
    const server = this.#servers.get(name);
    if (server === undefined) return true;
    server.waiters.delete(key);
    server.follows.delete(key);
    if (!isUnavailable(server.failures)) return true;
    if (server.probing !== undefined) return false;
    server.probing = { key, ended: Promise.withResolvers() };
    return true;
  }

  /** A token request ended. */
  end(name: string, key: string, { error, lifetime }: { error: TokenRequestError | undefined; lifetime: Ms }): void {
    const contact = contactOf(error);
    const server = this.#servers.get(name);
    if (server === undefined && contact !== 'unreached') return;
    const known = server ?? this.#add(name);
    const isProbe = known.probing?.key === key;
    if (contact === 'reached') this.#noteReturn(name, known);
    else if (contact === 'unreached') this.#noteFailure(known, { key, isProbe, lifetime, error });
    else if (isProbe) known.nextProbe = this.#clock.monotonic();
    if (isProbe) {
      known.probing?.ended.resolve();
      known.probing = undefined;
      if (contact !== 'reached') this.#wakeNext(known);
    }
  }

  /** The token no longer waits for this server. */
  leave(name: string, key: string): void {
    const server = this.#servers.get(name);
    server?.waiters.delete(key);
    server?.follows.delete(key);
    server?.probedAt.delete(key);
  }

  #add(name: string): Server {
    const server: Server = {
      failures: 0,
      probes: 0,
      nextProbe: 0,
      lastProbe: Number.NEGATIVE_INFINITY,
      probing: undefined,
      lastError: undefined,
      waiters: new Map(),
      probedAt: new Map(),
      follows: new Map(),
    };
    this.#servers.set(name, server);
    return server;
  }

  #noteFailure(
    server: Server,
    {
      key,
      isProbe,
      lifetime,
      error,
    }: { key: string; isProbe: boolean; lifetime: Ms; error: TokenRequestError | undefined },
  ): void {
    const now = this.#clock.monotonic();
    const wasUnavailable = isUnavailable(server.failures);
    server.failures += 1;
    server.lastError = error;
    server.lastProbe = now;
    if (isProbe) {
      server.probes += 1;
      server.probedAt.set(key, now);
    }
    // Requests that were already in flight when the outage began show nothing new.
    if (!isUnavailable(server.failures) || (wasUnavailable && !isProbe)) return;
    const shortest = Math.min(lifetime, ...[...server.waiters.values()].map((waiter) => waiter.lifetime));
    server.nextProbe = now + probePause(server.probes, shortest, this.#random.fraction());
    if (!wasUnavailable) this.#wakeNext(server);
  }

  #wakeNext(server: Server): void {
    nextProber(server.waiters.values(), this.#clock.monotonic())?.look();
  }

  #noteReturn(name: string, server: Server): void {
    const now = this.#clock.monotonic();
    const wasUnavailable = isUnavailable(server.failures);
    server.failures = 0;
    server.probes = 0;
    server.probedAt.clear();
    if (!wasUnavailable) {
      if (server.follows.size === 0) this.#servers.delete(name);
      return;
    }
    const waiters = [...server.waiters.values()].toSorted((one, other) => one.urgency - other.urgency);
    server.waiters.clear();
    server.follows.clear();
    for (const [place, { key }] of waiters.entries()) {
      server.follows.set(key, now + followAfter(place, waiters.length));
    }
    for (const { back } of waiters) back();
  }
}
