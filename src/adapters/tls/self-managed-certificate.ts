import { certificateTimes, isRenewalDue, signerAmong } from '../../core/certificate-plan.ts';
import { doubled } from '../../core/doubling.ts';
import { errorKind } from '../../core/error-kind.ts';
import { StoreError } from '../../core/errors.ts';
import { deadline, type Instant, instantOf, isPast, until } from '../../core/instant.ts';
import type { Ms } from '../../core/token.ts';
import type { AuthorityStore } from '../../ports/authority-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Authority } from './authority.ts';
import type { AuthorityKeeper } from './authority-keeper.ts';

/** How often the store is read: another token-acquirer may have made a CA, or a person deleted it. */
const LOOK_EVERY: Ms = 30_000;
const FIRST_RETRY: Ms = 1000;
const LONGEST_RETRY: Ms = 30_000;
/** How often it is asked what time it is, whatever the timers say. */
const TICK: Ms = 30_000;
/** How often a lasting error is reported again. */
const TOLD_EVERY: Ms = 3_600_000;

/** What the reissue endpoint serves with, and what its clients are to trust. */
export interface ServingCertificate {
  /** PEM chain; the CA is not in it. */
  readonly cert: string;
  /** PEM (PKCS #8); it is kept nowhere. */
  readonly key: string;
  /** PEM of every CA that signs or will sign: what `ca.crt` holds. */
  readonly caBundle: string;
}

export interface SelfManagedCertificateOptions {
  readonly store: AuthorityStore;
  /** What clients call the endpoint by. */
  readonly dnsNames: readonly string[];
  readonly clock: Clock;
  /** The first certificate, and each new certificate or bundle. It must publish the bundle and serve the certificate. */
  onChange(certificate: ServingCertificate): void;
  /** A sentence: what is wrong, or was made without notice. One that lasts comes again each hour. */
  onFault(message: string): void;
  /** A sentence: a first CA was made, as at an installation. */
  onMade(message: string): void;
  /** Called after each read of the store, with its error if there is one. `onFault` does not get this error. */
  onStored?(fault: StoreError | undefined): void;
}

export interface SelfManagedCertificate {
  /** When the first certificate has been given, or at the stop. Never rejects. */
  readonly ready: Promise<void>;
  stop(): void;
}

/**
 * Provides the reissue endpoint with certificates of its own CA, without a restart. A certificate is valid for a day, and is
 * renewed at two thirds. The CA is valid for a year, and the next CA is in the bundle for weeks before it signs (see
 * core/certificate-plan.ts).
 *
 * A CA is saved before it is used, unless its place does not exist: then it stays in memory until it can be saved. Until the
 * store can be read and written, it is tried again, after 1 s doubling to 30 s. A CA in memory renews certificates while the
 * store is unavailable. Content that cannot be read is reported and not changed.
 */
export function selfManagedCertificate(options: SelfManagedCertificateOptions): SelfManagedCertificate {
  const stopping = new AbortController();
  const ready = Promise.withResolvers<void>();
  const upkeep = new Upkeep(options, { signal: stopping.signal, firstGiven: ready.resolve });
  void upkeep.run().finally(ready.resolve);
  return { ready: ready.promise, stop: () => stopping.abort() };
}

interface Serving {
  readonly certificate: ServingCertificate;
  readonly signer: Authority;
  readonly renewal: ReturnType<typeof certificateTimes>;
}

class Upkeep {
  readonly #options: SelfManagedCertificateOptions;
  readonly #signal: AbortSignal;
  readonly #firstGiven: () => void;
  #keeper: AuthorityKeeper | undefined;
  #serving: Serving | undefined;
  #lookAt: Instant;
  #failures = 0;
  #told: { readonly message: string; readonly again: Instant } | undefined;

  constructor(options: SelfManagedCertificateOptions, ends: { signal: AbortSignal; firstGiven: () => void }) {
    this.#options = options;
    this.#signal = ends.signal;
    this.#firstGiven = ends.firstGiven;
    this.#lookAt = this.#now();
  }

  async run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#signal.aborted) {
      await this.#look();
      await this.#attempt(() => this.#renew());
      await clock.wait(Math.max(FIRST_RETRY, Math.min(TICK, until(this.#lookAt, this.#now()))), this.#signal);
    }
  }

  async #look(): Promise<void> {
    if (!isPast(this.#lookAt, this.#now())) return;
    const succeeded = await this.#attempt(async () => {
      this.#keeper ??= await this.#load();
      await this.#keeper.look();
    });
    this.#failures = succeeded ? 0 : this.#failures + 1;
    if (succeeded && !this.#signal.aborted) this.#options.onStored?.(undefined);
    if (succeeded) this.#told = undefined;
    this.#lookAt = this.#in(succeeded ? LOOK_EVERY : doubled(FIRST_RETRY, LONGEST_RETRY, this.#failures));
  }

  /** The X.509 library costs 30 ms and 5 MB, which only those pay who need it. */
  async #load(): Promise<AuthorityKeeper> {
    const { AuthorityKeeper: Keeper } = await import('./authority-keeper.ts');
    return new Keeper(this.#options);
  }

  async #renew(): Promise<void> {
    const { clock } = this.#options;
    if (this.#keeper === undefined || this.#signal.aborted) return;
    const { authorities, caBundle } = this.#keeper;
    const serving = this.#serving;
    const isSound = serving !== undefined && authorities.includes(serving.signer);
    if (isSound && !isRenewalDue(serving.renewal, clock.now())) {
      if (serving.certificate.caBundle !== caBundle)
        this.#give({ ...serving, certificate: { ...serving.certificate, caBundle } });
      return;
    }
    const signer = signerAmong(authorities, clock.now());
    // The error was already reported. The current certificate stays in use.
    if (signer === undefined) return;
    const renewal = certificateTimes(signer, clock.now());
    this.#give({ certificate: { ...(await this.#keeper.issue(signer, renewal)), caBundle }, signer, renewal });
  }

  #give(serving: Serving): void {
    if (this.#signal.aborted) return;
    this.#options.onChange(serving.certificate);
    this.#serving = serving;
    this.#firstGiven();
  }

  /** Returns whether it succeeded. A failure is reported. */
  async #attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#tell(error);
      return false;
    }
  }

  #tell(error: unknown): void {
    if (error instanceof StoreError && this.#options.onStored !== undefined) {
      if (!this.#signal.aborted) this.#options.onStored(error);
      return;
    }
    // A library's message may quote what it read, which here are keys.
    const message =
      error instanceof StoreError
        ? error.message
        : `The certificate of the reissue endpoint could not be made (${errorKind(error)}). It is tried again.`;
    const isRepeated = this.#told?.message === message && !isPast(this.#told.again, this.#now());
    if (this.#signal.aborted || isRepeated) return;
    this.#told = { message, again: this.#in(TOLD_EVERY) };
    this.#options.onFault(message);
  }

  #now(): Instant {
    return instantOf(this.#options.clock);
  }

  #in(delay: Ms): Instant {
    return deadline(this.#options.clock.now() + delay, this.#now());
  }
}
