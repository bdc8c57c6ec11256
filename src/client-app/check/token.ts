import { join } from 'node:path';
import { formatDuration } from '../../core/duration.ts';
import type { Redacted } from '../../core/redacted.ts';
import { isLive, type Ms } from '../../core/token.ts';
import { type DocumentedToken, documentKey, TokenVolumeError } from '../../core/token-volume.ts';
import type { Clock } from '../../ports/clock.ts';
import type { TokenVolume } from '../../ports/token-volume.ts';
import { type CheckedEndpoint, NO_TOKEN } from './endpoint.ts';
import type { Finding } from './finding.ts';

export interface MountedTokens {
  readonly directory: string;
  readonly volume: TokenVolume;
  /** The text of a file; `undefined` where it cannot be read. */
  readonly readText: (file: string) => string | undefined;
}

export interface TokenCheck {
  readonly name: string;
  /** `undefined`: the token is kept in memory, and got from the endpoint. */
  readonly mounted: MountedTokens | undefined;
  readonly endpoint: CheckedEndpoint;
  readonly caller: Redacted;
  readonly clock: Clock;
  /** How long to wait for the first token: the kubelet takes up to a minute and a half. */
  readonly patience: Ms;
}

export interface TokenFound {
  readonly finding: Finding;
  /** Valid when it was looked at. */
  readonly token: DocumentedToken | undefined;
}

const EVERY: Ms = 250;
/** The token-acquirer may just have started. If it has no token after that, it is asked for one. */
const BEFORE_ASKING: Ms = 5000;
/** Of the token-acquirer, if it was just installed. */
const LONGEST_START: Ms = 20_000;

/** Checks that the token exists, matches its `.json`, and has not expired. Waits for the first token. */
export async function checkToken(check: TokenCheck): Promise<TokenFound> {
  const { name, mounted, clock } = check;
  const subject = `token ${name}`;
  const looked = mounted === undefined ? await fromEndpoint(check) : await fromVolume(check, mounted);
  if (typeof looked === 'string') return { finding: { result: 'failed', subject, sentence: looked }, token: undefined };
  const left = formatDuration(looked.expiresAt - clock.now());
  const where = mounted === undefined ? 'given out by the token-acquirer' : 'in the volume, belongs to its .json';
  const sentence = `${where}, generation ${looked.generation}, valid for another ${left}.`;
  return { finding: { result: 'passed', subject, sentence }, token: looked };
}

async function fromEndpoint({ name, endpoint, caller, clock }: TokenCheck): Promise<DocumentedToken | string> {
  const token = await endpoint.current(name, caller);
  if ('kind' in token) return 'There is none. See the line on the reissue.';
  return isLive(token, clock.now()) ? token : expired(token, clock);
}

async function fromVolume(check: TokenCheck, mounted: MountedTokens): Promise<DocumentedToken | string> {
  const { name, clock, patience } = check;
  const begun = clock.monotonic();
  let askAt = begun + Math.min(BEFORE_ASKING, patience / 2);
  for (;;) {
    const looked = look(mounted, name, clock);
    if (typeof looked !== 'string') return looked;
    const waited = clock.monotonic() - begun;
    if (waited >= patience) return `${looked} It was waited for ${formatDuration(waited)}.`;
    if (clock.monotonic() >= askAt) {
      const is = await prospects(check);
      if (is === 'none' || (is === 'unknown' && waited >= LONGEST_START))
        return `${looked} See the line on the reissue.`;
      askAt = is === 'good' ? Number.POSITIVE_INFINITY : clock.monotonic() + BEFORE_ASKING;
    }
    await clock.wait(EVERY);
  }
}

/** Resolves when the token exists and is valid, or when the patience ends. Requests a reissue in between. */
export async function waitForToken(check: TokenCheck): Promise<void> {
  const { name, mounted, clock, patience } = check;
  const isThere = (): boolean => mounted === undefined || typeof look(mounted, name, clock) !== 'string';
  const waitUntil = async (until: Ms): Promise<void> => {
    while (!isThere() && clock.monotonic() < until) await clock.wait(EVERY);
  };
  const begun = clock.monotonic();
  await waitUntil(begun + patience / 2);
  // While the client app does not run, a token is only obtained on request.
  if (!isThere()) await prospects(check);
  await waitUntil(begun + patience);
}

/** Resolves as soon as the endpoint's certificate can be checked: its CA may come with the first token of the Secret. */
export async function waitForTrust({
  endpoint,
  clock,
  patience,
}: Pick<TokenCheck, 'endpoint' | 'clock' | 'patience'>): Promise<void> {
  const until = clock.monotonic() + patience;
  while (!(await endpoint.isTrusted()) && clock.monotonic() < until) await clock.wait(EVERY);
}

/** Whether waiting may help; if not, the check of the reissue says why. `unknown`: nobody answers yet. */
async function prospects({ endpoint, name, caller }: TokenCheck): Promise<'good' | 'unknown' | 'none'> {
  const answer = await endpoint.reissue(name, NO_TOKEN, caller);
  if (answer.kind === 'reissued') return answer.stored ? 'good' : 'none';
  if (answer.kind !== 'unreached') return 'none';
  if (answer.why !== 'untrusted') return 'unknown';
  // What to trust it by comes with the first token, which may be stored and not be here yet.
  return endpoint.ownAuthority ? 'none' : 'good';
}

/** The valid token, or why there is none. */
function look({ directory, volume, readText }: MountedTokens, name: string, clock: Clock): DocumentedToken | string {
  try {
    const token = volume.read(name);
    if (token === undefined) return `There is none in ${directory}: the token-acquirer has stored none yet.`;
    // Clients in other languages may only read this file. After a swap it is read again soon.
    const raw = readText(join(directory, name));
    if (raw === undefined) return `The volume has ${documentKey(name)} but no ${name}: list both keys under items.`;
    if (raw !== token.accessToken.reveal())
      return `The key ${name} is not the token that ${documentKey(name)} describes. Has anything but the token-acquirer written it?`;
    return isLive(token, clock.now()) ? token : expired(token, clock);
  } catch (error) {
    if (error instanceof TokenVolumeError) return error.message;
    throw error;
  }
}

function expired({ expiresAt }: DocumentedToken, clock: Clock): string {
  return `It expired ${formatDuration(clock.now() - expiresAt)} ago and was not renewed.`;
}
