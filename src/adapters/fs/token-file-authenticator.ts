import { createHash, timingSafeEqual } from 'node:crypto';
import { messageOf, StoreError } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import type { Caller, CallerAuthenticator } from '../../ports/caller-authenticator.ts';
import type { Clock } from '../../ports/clock.ts';
import { checkClosed, faultOfValue, readValueFile } from './value-file.ts';

/** One of those who may call, and the file that holds what it presents. */
export interface CallerTokenFile {
  readonly name: string;
  readonly tokenFile: string;
}

export interface TokenFileAuthenticatorOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Called with a sentence for each file that admits nobody, once until it is fixed. */
  readonly onFault?: (message: string) => void;
}

/** How long a file is taken to be as it was read. */
const FRESH: Ms = 1000;
/** Shorter ones could be guessed. */
const SHORTEST = 16;

interface Known extends Caller {
  readonly digest: Buffer;
}

/**
 * Knows callers by the tokens in their files, which are read again when they are a second old. One line break at the
 * end is cut. A file that is missing, unreadable, empty, open to every user of the machine or holds fewer than 16
 * characters lets nobody in, and neither do two callers' files with the same token.
 *
 * How long it takes says nothing of how much of a token was right: digests are compared, in constant time, with all of
 * the callers'.
 */
export function createTokenFileAuthenticator(
  callers: readonly CallerTokenFile[],
  options: TokenFileAuthenticatorOptions,
): CallerAuthenticator {
  let known: readonly Known[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  let told: ReadonlySet<string> = new Set();

  function refresh(): void {
    if (options.clock.monotonic() - readAt < FRESH) return;
    readAt = options.clock.monotonic();
    const read = readAll(callers, known);
    known = read.known;
    for (const fault of read.faults) if (!told.has(fault)) options.onFault?.(fault);
    told = new Set(read.faults);
  }

  // Immediately, so that errors are reported when the callers are configured, not when one of them is rejected.
  refresh();
  return {
    async authenticate(bearer) {
      refresh();
      const digest = digestOf(bearer.reveal());
      let found: Known | undefined;
      for (const caller of known) if (timingSafeEqual(caller.digest, digest)) found = caller;
      return found === undefined ? undefined : { name: found.name };
    },
  };
}

/** `before`: who was known. One whose file cannot be read at the moment (EMFILE, EIO) stays known by what it held. */
function readAll(
  callers: readonly CallerTokenFile[],
  before: readonly Known[],
): { known: readonly Known[]; faults: readonly string[] } {
  const faults: string[] = [];
  const byDigest = new Map<string, Known>();
  const shared = new Set<string>();
  for (const { name, tokenFile } of callers) {
    try {
      const digest = digestIn(name, tokenFile, before);
      const hex = digest.toString('hex');
      const other = byDigest.get(hex);
      if (other !== undefined && other.name !== name) {
        shared.add(hex);
        faults.push(`The callers ${other.name} and ${name} have the same token. Give each its own token.`);
      }
      byDigest.set(hex, { name, digest });
    } catch (error) {
      faults.push(messageOf(error));
    }
  }
  return { known: [...byDigest].filter(([hex]) => !shared.has(hex)).map(([, caller]) => caller), faults };
}

function digestIn(name: string, tokenFile: string, before: readonly Known[]): Buffer {
  try {
    return digestOf(readToken(name, tokenFile));
  } catch (error) {
    const known = error instanceof StoreError ? before.find((caller) => caller.name === name) : undefined;
    if (known === undefined) throw error;
    return known.digest;
  }
}

function readToken(name: string, tokenFile: string): string {
  const token = readValueFile(tokenFile);
  if (token === undefined) {
    throw new Error(
      `The token file ${tokenFile} of the caller ${name} does not exist. Write a long random token into it.`,
    );
  }
  const fault = faultOfValue(token);
  if (fault !== undefined) throw new Error(`The token file ${tokenFile} of the caller ${name} ${fault}.`);
  checkClosed(tokenFile);
  if (token.length >= SHORTEST) return token;
  throw new Error(
    `The token file ${tokenFile} of the caller ${name} holds fewer than ${SHORTEST} characters. Write a long random token into it.`,
  );
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
