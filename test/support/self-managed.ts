import { X509Certificate } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import {
  type SelfManagedCertificate,
  type ServingCertificate,
  selfManagedCertificate,
} from '../../src/adapters/tls/self-managed-certificate.ts';
import type { StoreError } from '../../src/core/errors.ts';
import type { Ms } from '../../src/core/token.ts';
import type { AuthorityStore } from '../../src/ports/authority-store.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { FakeClock } from '../fakes/fake-clock.ts';
import { registerSecret } from './secrets.ts';

export const DNS_NAMES = ['acquirer', 'acquirer.tokens', 'acquirer.tokens.svc', 'acquirer.tokens.svc.cluster.local'];

const BEGIN = '-----BEGIN CERTIFICATE-----';

/** Returns the certificates of a PEM bundle, in their order. */
export function certificatesIn(pem: string): X509Certificate[] {
  return pem
    .split(BEGIN)
    .slice(1)
    .map((rest) => new X509Certificate(BEGIN + rest));
}

export function leafOf({ cert }: Pick<ServingCertificate, 'cert'>): X509Certificate {
  return new X509Certificate(cert);
}

/** Returns the place of the signing CA in the bundle, or -1. */
export function signerIn(bundle: string, leaf: X509Certificate): number {
  return certificatesIn(bundle).findIndex((ca) => leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
}

/** Registers the keys in a PEM text or in a JSON of such texts. No line of them may appear anywhere. */
export function registerKeys(text: string): void {
  for (const [, key = ''] of text.matchAll(/BEGIN PRIVATE KEY-----(.*?)-----END/gs)) {
    for (const [line] of key.matchAll(/[A-Za-z0-9+/]{64}/g)) registerSecret(line, 'a private key');
  }
}

/** A token-acquirer's certificate under test, with all its reports. */
export interface Kept extends SelfManagedCertificate {
  readonly given: readonly ServingCertificate[];
  readonly faults: readonly string[];
  /** The problem with the store at each check. Empty if errors of the store are reported with the others. */
  readonly stored: readonly (StoreError | undefined)[];
  /** The reports of a first CA. */
  readonly made: readonly string[];
  /** Returns the served certificate. Throws without one. */
  current(): ServingCertificate;
}

interface Keeping {
  readonly dnsNames?: readonly string[] | undefined;
  /** Whether errors of the store are reported separately. */
  readonly apart?: boolean;
}

export function keep(store: AuthorityStore, clock: Clock, { dnsNames = DNS_NAMES, apart = false }: Keeping = {}): Kept {
  const stored: (StoreError | undefined)[] = [];
  const given: ServingCertificate[] = [];
  const faults: string[] = [];
  const made: string[] = [];
  const kept = selfManagedCertificate({
    store,
    dnsNames,
    clock,
    onChange(certificate) {
      registerKeys(certificate.key);
      given.push(certificate);
    },
    onFault: (message) => faults.push(message),
    onMade: (message) => made.push(message),
    ...(apart && { onStored: (fault) => void stored.push(fault) }),
  });
  function current(): ServingCertificate {
    const last = given.at(-1);
    if (last === undefined) throw new Error('Nothing is served yet.');
    return last;
  }
  return { ...kept, given, faults, stored, made, current };
}

const STEP: Ms = 30_000;

/** Advances the time in small steps, each only when all of them wait, because keys are made on other threads. */
export async function pass(clock: FakeClock, duration: Ms, { keepers = 1 }: { keepers?: number } = {}): Promise<void> {
  const end = clock.monotonic() + duration;
  for (;;) {
    while (clock.waiting() < keepers) await setImmediate();
    const left = end - clock.monotonic();
    if (left <= 0) return;
    await clock.advance(Math.min(STEP, left));
  }
}
