import { type RegisteredSecret, SHORTEST_SECRET } from './secrets.ts';

/** An output of the run: a log, a page, an argument list. */
export interface Output {
  readonly label: string;
  readonly content: Uint8Array;
}

/** The labels of a leaked secret and of its output, never the value. */
export interface Leak {
  readonly secret: string;
  readonly outputs: readonly string[];
}

interface Needle {
  readonly bytes: Uint8Array;
  readonly secret: RegisteredSecret;
}

// The search begins with the last bytes of each needle, because tokens begin alike and end in random characters.
const WINDOW = SHORTEST_SECRET;
const BASE = 0x01_00_01_93;
const FILTER_BITS = 20;

/**
 * Searches all outputs for all secrets in one pass over each (Rabin and Karp), so that thousands of secrets and tens of
 * megabytes take about a second. A secret is also found percent-encoded, in a JSON string, and inside base64, which is
 * where client_secret_basic and a Kubernetes Secret put it.
 */
export function findLeaks(secrets: Iterable<RegisteredSecret>, outputs: Iterable<Output>): Leak[] {
  const needles = index(secrets);
  const found = new Map<RegisteredSecret, Set<string>>();
  for (const output of outputs) {
    for (const secret of search(needles, output.content)) {
      found.set(secret, (found.get(secret) ?? new Set()).add(output.label));
    }
  }
  return [...found].map(([secret, labels]) => ({ secret: secret.label, outputs: [...labels].toSorted() }));
}

interface NeedleIndex {
  readonly byHash: ReadonlyMap<number, readonly Needle[]>;
  /** Whether any needle's hash begins with these bits. This saves almost every lookup in the map. */
  readonly filter: Uint8Array;
}

function index(secrets: Iterable<RegisteredSecret>): NeedleIndex {
  const byHash = new Map<number, Needle[]>();
  const filter = new Uint8Array(2 ** FILTER_BITS);
  const seen = new Set<string>();
  for (const secret of secrets) {
    if (secret.value.length < SHORTEST_SECRET || seen.has(secret.value)) continue;
    seen.add(secret.value);
    for (const form of formsOf(secret.value)) {
      const bytes = Buffer.from(form);
      const hash = hashOf(bytes, bytes.length - WINDOW);
      byHash.set(hash, [...(byHash.get(hash) ?? []), { bytes, secret }]);
      filter[hash >>> (32 - FILTER_BITS)] = 1;
    }
  }
  return { byHash, filter };
}

/** Returns the forms of a secret: plain, escaped, and within longer base64 at each of the three alignments. */
function formsOf(value: string): Set<string> {
  const forms = new Set([value, encodeURIComponent(value.toWellFormed()), JSON.stringify(value).slice(1, -1)]);
  for (const before of [0, 1, 2]) {
    const whole = Buffer.concat([Buffer.alloc(before), Buffer.from(value)]);
    // Characters at both ends also depend on the neighbors, which are unknown.
    const first = Math.ceil((before * 8) / 6);
    const end = Math.floor((whole.length * 8) / 6);
    forms.add(whole.toString('base64').slice(first, end));
    forms.add(whole.toString('base64url').slice(first, end));
  }
  return forms;
}

function hashOf(bytes: Uint8Array, from: number): number {
  let hash = 0;
  for (let at = from; at < from + WINDOW; at += 1) hash = (Math.imul(hash, BASE) + (bytes[at] ?? 0)) | 0;
  return hash >>> 0;
}

function* search({ byHash, filter }: NeedleIndex, content: Uint8Array): Generator<RegisteredSecret> {
  let leaving = 1;
  for (let power = 1; power < WINDOW; power += 1) leaving = Math.imul(leaving, BASE);
  let hash = 0;
  for (let at = 0; at < content.length; at += 1) {
    if (at >= WINDOW) hash = (hash - Math.imul(content[at - WINDOW] ?? 0, leaving)) | 0;
    hash = (Math.imul(hash, BASE) + (content[at] ?? 0)) | 0;
    if (filter[hash >>> (32 - FILTER_BITS)] !== 1) continue;
    for (const { bytes, secret } of byHash.get(hash >>> 0) ?? []) if (endsWith(content, at + 1, bytes)) yield secret;
  }
}

function endsWith(content: Uint8Array, end: number, bytes: Uint8Array): boolean {
  const start = end - bytes.length;
  return start >= 0 && Buffer.compare(content.subarray(start, end), bytes) === 0;
}
