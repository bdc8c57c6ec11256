import { deadline, type Instant, instantOf, isPast } from '../../../core/instant.ts';
import type { EpochMs, Ms, Sha256 } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';

export interface DigestCacheOptions {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** How long an answer is good for, counted from when it was asked for. */
  readonly lifetime: Ms;
  readonly entries: number;
}

export interface DigestCache<Value> {
  get(digest: Sha256): Value | undefined;
  /** Keeps an answer that was asked for at `askedAt`, and never beyond `end`. The oldest makes room. */
  set(digest: Sha256, value: Value, times: { readonly askedAt: Instant; readonly end: EpochMs }): void;
  delete(digest: Sha256): void;
}

interface Entry<Value> {
  readonly value: Value;
  readonly due: readonly Instant[];
}

/** Answers about secrets, by the digests of these: a dump of the cache has no secret in it. */
export function createDigestCache<Value>({ clock, lifetime, entries }: DigestCacheOptions): DigestCache<Value> {
  const kept = new Map<Sha256, Entry<Value>>();

  return {
    get(digest) {
      const entry = kept.get(digest);
      const now = instantOf(clock);
      if (entry === undefined || !entry.due.some((due) => isPast(due, now))) return entry?.value;
      kept.delete(digest);
      return undefined;
    },
    set(digest, value, { askedAt, end }) {
      // Set anew, an entry is the youngest again.
      kept.delete(digest);
      for (const oldest of kept.keys()) {
        if (kept.size < entries) break;
        kept.delete(oldest);
      }
      kept.set(digest, { value, due: [deadline(askedAt.wall + lifetime, askedAt), deadline(end, instantOf(clock))] });
    },
    delete: (digest) => void kept.delete(digest),
  };
}
