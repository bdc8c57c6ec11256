import {
  type AuthorityReason,
  authoritiesKept,
  authorityTimes,
  type CertificateTimes,
  reasonForAuthority,
} from '../../core/certificate-plan.ts';
import { StoreError } from '../../core/errors.ts';
import type { AuthorityStore, StoredAuthority } from '../../ports/authority-store.ts';
import type { Clock } from '../../ports/clock.ts';
import { type Authority, issueCertificate, type KeyPair, makeAuthority, readAuthority } from './authority.ts';
import { fromDocument, toDocument } from './authority-document.ts';

export interface AuthorityKeeperOptions {
  readonly store: AuthorityStore;
  readonly dnsNames: readonly string[];
  readonly clock: Pick<Clock, 'now'>;
  onFault(message: string): void;
  /** A first CA was made, which nobody has to act on. */
  onMade(message: string): void;
}

const MADE_AT_ONCE: Readonly<Record<Exclude<AuthorityReason, 'succession'>, string>> = {
  none: 'somebody removed the existing ones',
  'other-names': 'the existing ones are for other names than the endpoint has now',
  'not-valid': "none of those that were there is valid at this time; if that is not so, set this machine's clock",
};

/**
 * The CAs that are saved: makes them when it is time, and drops them when they are done. Where the store itself is
 * missing, a CA is kept in memory and saved as soon as the store exists: no CA is anywhere then that it could differ from.
 */
export class AuthorityKeeper {
  readonly #options: AuthorityKeeperOptions;
  #text: string | undefined;
  #authorities: readonly Authority[] = [];
  /** Whether the store was missing when it was last read. */
  #isMissing = false;

  constructor(options: AuthorityKeeperOptions) {
    this.#options = options;
  }

  /** As last read or saved. */
  get authorities(): readonly Authority[] {
    return this.#authorities;
  }

  /** Oldest first; the same text as long as there are the same. */
  get caBundle(): string {
    return this.#authorities.map(({ certificate }) => certificate).join('');
  }

  issue(signer: Authority, times: CertificateTimes): Promise<KeyPair> {
    return issueCertificate(signer, this.#options.dnsNames, times);
  }

  /** Reads what is saved, and makes and drops what is due. Throws StoreError, and keeps what it knows by then. */
  async look(): Promise<void> {
    const { text, version } = await this.#load();
    if (this.#isMissing && (text ?? '').trim() === '') await this.#restore(version);
    else await this.#follow(text, version);
    this.#isMissing = false;
  }

  /** Throws StoreError. Where the store is missing, makes a CA first if none is in memory that can sign. */
  async #load(): Promise<StoredAuthority> {
    try {
      return await this.#options.store.load();
    } catch (error) {
      if (error instanceof StoreError && error.missing) await this.#goOnWithout();
      throw error;
    }
  }

  async #goOnWithout(): Promise<void> {
    const { clock, dnsNames } = this.#options;
    this.#isMissing = true;
    // Whatever is stored later is read.
    this.#text = undefined;
    const now = clock.now();
    if (reasonForAuthority(this.#authorities, now) === undefined) return;
    const made = await makeAuthority(dnsNames, authorityTimes(now));
    this.#authorities = [...authoritiesKept(this.#authorities, now), made];
  }

  /** Saves what is in memory in a store that was made anew, so that clients go on with their `ca.crt`. */
  async #restore(version: string): Promise<void> {
    await this.#save(authoritiesKept(this.#authorities, this.#options.clock.now()), version);
  }

  async #follow(text: string | undefined, version: string): Promise<void> {
    const { store, clock, dnsNames } = this.#options;
    const hadSome = this.#authorities.length > 0;
    if (text !== this.#text) this.#authorities = await this.#read(text ?? '');
    this.#text = text;
    const now = clock.now();
    const kept = authoritiesKept(this.#authorities, now);
    const reason = reasonForAuthority(this.#authorities, now);
    if (reason === undefined && kept.length === this.#authorities.length) return;
    const made = reason === undefined ? [] : [await makeAuthority(dnsNames, authorityTimes(now))];
    await this.#save([...kept, ...made], version);
    if (reason === undefined || reason === 'succession') return;
    if (reason === 'none' && !hadSome) {
      const first = `A CA was made for the reissue endpoint in ${store.place}, where there was none. This is normal at the first start.`;
      const after = 'If there was one before, clients see certificate errors until their volume has the new ca.crt.';
      return this.#options.onMade(`${first} ${after}`);
    }
    this.#options.onFault(
      `A new CA was made for the reissue endpoint in ${store.place}, and signs immediately, because ${MADE_AT_ONCE[reason]}. Clients with an earlier ca.crt see certificate errors until their volume has the new one.`,
    );
  }

  async #save(authorities: readonly Authority[], version: string): Promise<void> {
    const text = toDocument(authorities);
    await this.#options.store.save(text, version);
    this.#text = text;
    this.#authorities = authorities;
  }

  async #read(text: string): Promise<readonly Authority[]> {
    const { store, dnsNames } = this.#options;
    // What a person empties by hand may be left as an empty text.
    if (text.trim() === '') return [];
    const entries = fromDocument(text);
    if (entries === 'newer') {
      throw new StoreError(
        `A later version of token-acquirer wrote the content of ${store.place}. Run that version, or remove the content to get a new CA.`,
        { permanent: true },
      );
    }
    if (entries === 'damaged') throw damaged(store.place);
    const known = new Map(this.#authorities.map((authority) => [authority.certificate, authority]));
    const authorities = await Promise.all(
      entries.map(async (entry) => known.get(entry.certificate) ?? (await readAuthority(entry, dnsNames))),
    );
    if (!authorities.every((authority) => authority !== undefined)) throw damaged(store.place);
    return authorities;
  }
}

function damaged(place: string): StoreError {
  return new StoreError(
    `What is in ${place} is damaged, or no CA that token-acquirer made for its reissue endpoint. It is left as it is. Restore it from a backup, or remove it to have a new CA made.`,
    { permanent: true },
  );
}
