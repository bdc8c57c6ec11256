import { spawnSync } from 'node:child_process';
import type { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServingCertificate, selfManagedCertificate } from '../../src/adapters/tls/self-managed-certificate.ts';
import { StoreError } from '../../src/core/errors.ts';
import type { EpochMs, Ms } from '../../src/core/token.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { FakeAuthorityStore } from '../fakes/fake-authority-store.ts';
import { certificatesIn, DNS_NAMES, leafOf, registerKeys } from '../support/self-managed.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const BEGIN: EpochMs = Date.UTC(2026, 0, 1);
const YEARS: Ms = 2 * 365 * DAY;
/** A bundle that a client holds may be older than the day that is promised: as long as no other was needed. */
const OLDEST_BUNDLE: Ms = 28 * DAY;

const { path: folder, remove } = temporaryDirectory();
afterAll(remove);

/** Time that passes as fast as its waiters can follow. Reports each hour until the end, when it stands still. */
function hurriedClock(
  begin: EpochMs,
  duration: Ms,
  hourPassed: (now: EpochMs) => void,
): Clock & { ended: Promise<void> } {
  const end = Promise.withResolvers<void>();
  let now = begin;
  let reported = begin;
  async function wait(delay: Ms, signal?: AbortSignal): Promise<void> {
    for (const until = now + delay; now < until; now = Math.min(until, reported + HOUR)) {
      if (now - reported < HOUR) continue;
      reported = now;
      hourPassed(now);
    }
    if (now - begin < duration) return;
    end.resolve();
    await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
  }
  return { now: () => now, monotonic: () => now - begin, wait, ended: end.promise };
}

interface Published {
  readonly from: EpochMs;
  readonly caBundle: string;
}

/** What was published at the time, and before: the latest that somebody has who looks that rarely, and all since. */
function heldSince(published: readonly Published[], since: EpochMs): readonly Published[] {
  const first = published.findLastIndex(({ from }) => from <= since);
  return published.slice(Math.max(0, first));
}

/** From when to when a client with this bundle connects, or why it never does. */
type Verdict = string | { readonly from: EpochMs; readonly until: EpochMs };

function verdictOf(caBundle: string, leaf: X509Certificate): Verdict {
  const name = DNS_NAMES.find((one) => leaf.checkHost(one) === undefined);
  if (name !== undefined) return `it is not for ${name}`;
  const signer = certificatesIn(caBundle).find((ca) => leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
  if (signer === undefined) return 'its CA is not in the bundle';
  return {
    from: Math.max(leaf.validFromDate.getTime(), signer.validFromDate.getTime()),
    until: Math.min(leaf.validToDate.getTime(), signer.validToDate.getTime()),
  };
}

/** Clients that remember what they found: they look each hour for years. */
class Clients {
  readonly #verdicts = new Map<string, Verdict>();

  /** Why one with this bundle rejects whose clock reads `now`, if it does. */
  refusal(caBundle: string, cert: string, now: EpochMs): string | undefined {
    const key = cert + caBundle;
    const verdict = this.#verdicts.get(key) ?? verdictOf(caBundle, leafOf({ cert }));
    this.#verdicts.set(key, verdict);
    if (typeof verdict === 'string') return verdict;
    return verdict.from <= now && now <= verdict.until ? undefined : `not valid at ${new Date(now).toISOString()}`;
  }
}

function opensslAccepts(caBundle: string, { cert }: ServingCertificate, now: EpochMs): boolean {
  const [ca, leaf] = [join(folder, 'ca.pem'), join(folder, 'leaf.pem')];
  writeFileSync(ca, caBundle);
  writeFileSync(leaf, cert);
  const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-attime', `${Math.floor(now / 1000)}`];
  return spawnSync('openssl', [...args, '-CAfile', ca, leaf]).status === 0;
}

interface Life {
  readonly served: readonly ServingCertificate[];
  readonly bundles: readonly Published[];
  readonly refusals: readonly string[];
  readonly faults: readonly string[];
  readonly store: FakeAuthorityStore;
}

interface Circumstances {
  readonly begin?: EpochMs;
  readonly store?: FakeAuthorityStore;
  readonly oldestBundle?: Ms;
  /** Called each hour. */
  trouble?(now: EpochMs, store: FakeAuthorityStore): void;
}

/** The endpoint's life, looked at each hour by clients with old and new bundles and with clocks that are wrong. */
async function live(duration: Ms, circumstances: Circumstances = {}): Promise<Life> {
  const { begin = BEGIN, store = new FakeAuthorityStore(), oldestBundle = OLDEST_BUNDLE, trouble } = circumstances;
  const served: ServingCertificate[] = [];
  const bundles: Published[] = [];
  const refusals: string[] = [];
  const clients = new Clients();
  const faults: string[] = [];

  function look(now: EpochMs): void {
    trouble?.(now, store);
    const current = served.at(-1);
    if (current === undefined) return;
    for (const { caBundle, from } of heldSince(bundles, now - oldestBundle)) {
      for (const skew of [-0.99 * HOUR, 0, 0.99 * HOUR]) {
        const why = clients.refusal(caBundle, current.cert, now + skew);
        if (why !== undefined) refusals.push(`with the bundle of ${new Date(from).toISOString()}: ${why}`);
      }
    }
  }

  const clock = hurriedClock(begin, duration, look);
  const { stop } = selfManagedCertificate({
    store,
    dnsNames: DNS_NAMES,
    clock,
    onChange(certificate) {
      if (served.length % 100 === 0) registerKeys(certificate.key);
      served.push(certificate);
      const { caBundle } = certificate;
      if (bundles.at(-1)?.caBundle !== caBundle) bundles.push({ from: clock.now(), caBundle });
    },
    onFault: (message) => faults.push(message),
    onMade: () => undefined,
  });
  await clock.ended;
  stop();
  for (const text of store.saves) registerKeys(text);
  return { served, bundles, refusals, faults, store };
}

describe('certificates over two years', () => {
  let life: Life;
  beforeAll(async () => {
    life = await live(YEARS);
  });

  it('let clients connect at every hour, with bundles of four weeks ago and clocks an hour off', () => {
    const { served, bundles, refusals, faults, store } = life;
    expect(refusals.slice(0, 5)).toEqual([]);
    // Every 16 hours, and one for each change of the bundle.
    expect(served.length).toBeGreaterThanOrEqual(Math.floor(YEARS / (16 * HOUR)));
    expect(served.length).toBeLessThan(YEARS / (15 * HOUR) + bundles.length);
    expect(bundles.map(({ caBundle }) => certificatesIn(caBundle).length)).toEqual([1, 2, 1, 2, 1]);
    expect(store.saves).toHaveLength(5);
    expect(faults).toEqual([]);
    expect(new Set(served.map(({ cert }) => cert)).size).toBe(new Set(served.map(({ key }) => key)).size);
  });

  it('are valid to openssl, now and then and around each change of a CA', () => {
    const { served, bundles } = life;
    const changes = bundles.slice(1).map(({ from }) => from);
    const samples = served.filter(({ cert }, index) => {
      const from = leafOf({ cert }).validFromDate.getTime();
      return index % 100 === 0 || changes.some((change) => Math.abs(change - from) < 2 * DAY);
    });
    expect(samples.length).toBeGreaterThan(20);
    for (const certificate of samples) {
      const now = leafOf(certificate).validFromDate.getTime() + HOUR + 1000;
      for (const { caBundle } of heldSince(
        bundles.filter(({ from }) => from <= now),
        now - DAY,
      )) {
        expect(opensslAccepts(caBundle, certificate, now)).toBe(true);
      }
    }
  });
});

describe('certificates without a store for two weeks at the worst time, and with a read-only one for hours after them', () => {
  it('let clients connect at every hour that looked at their bundle within two weeks', {
    timeout: 300_000,
  }, async () => {
    const { store } = await live(HOUR);
    const { refusals, bundles, faults } = await live(60 * DAY, {
      begin: BEGIN + 320 * DAY,
      store,
      oldestBundle: 14 * DAY,
      trouble(now) {
        const age = now - BEGIN;
        if (age === 330 * DAY) store.failLoads(new StoreError('The store is unavailable. Wait.'));
        if (age === 344 * DAY || age === 344 * DAY + 3 * HOUR) store.heal();
        if (age === 344 * DAY) store.failSaves(new StoreError('The store is read-only. Wait.'));
      },
    });
    expect(refusals.slice(0, 5)).toEqual([]);
    expect(bundles.map(({ caBundle }) => certificatesIn(caBundle).length)).toEqual([1, 2, 1]);
    expect(((bundles[1]?.from ?? 0) - BEGIN) / DAY).toBeCloseTo(344.125, 1);
    // Each hour.
    expect(faults.length).toBeGreaterThan(14 * 24);
    expect(faults.length).toBeLessThan(15 * 25);
  });
});
