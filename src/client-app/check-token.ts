import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { formatDuration } from '../core/duration.ts';
import { systemCode } from '../core/errors.ts';
import type { Redacted } from '../core/redacted.ts';
import { isLive, type Ms, type Token } from '../core/token.ts';
import { documentKey, fromVolumeData, TokenVolumeError } from '../core/token-volume.ts';
import type { Clock } from '../ports/clock.ts';
import { type CheckedEndpoint, NO_TOKEN } from './check-endpoint.ts';
import type { Finding } from './check-finding.ts';

export interface TokenCheck {
  readonly name: string;
  /** `undefined`: the token is kept in memory, and got from the endpoint. */
  readonly directory: string | undefined;
  readonly endpoint: CheckedEndpoint;
  readonly caller: Redacted;
  readonly clock: Clock;
  /** How long to wait for the first token: the kubelet takes up to a minute and a half. */
  readonly patience: Ms;
}

export interface TokenFound {
  readonly finding: Finding;
  /** Valid when it was looked at. */
  readonly token: Token | undefined;
}

const EVERY: Ms = 250;
/** The token-acquirer may just have started. If it has no token after that, it is asked for one. */
const BEFORE_ASKING: Ms = 5000;
/** Of the token-acquirer, if it was just installed. */
const LONGEST_START: Ms = 20_000;

/** The token is there, belongs together with its `.json`, and has not expired; the first one is waited for. */
export async function checkToken(check: TokenCheck): Promise<TokenFound> {
  const { name, directory, clock } = check;
  const subject = `token ${name}`;
  const looked = directory === undefined ? await fromEndpoint(check) : await fromVolume(check, directory);
  if (typeof looked === 'string') return { finding: { result: 'failed', subject, sentence: looked }, token: undefined };
  const left = formatDuration(looked.expiresAt - clock.now());
  const where = directory === undefined ? 'given out by the token-acquirer' : 'in the volume, belongs to its .json';
  const sentence = `${where}, generation ${looked.generation}, valid for another ${left}.`;
  return { finding: { result: 'passed', subject, sentence }, token: looked };
}

async function fromEndpoint({ name, endpoint, caller, clock }: TokenCheck): Promise<Token | string> {
  const token = await endpoint.current(name, caller);
  if ('kind' in token) return 'There is none. See the line on the reissue.';
  return isLive(token, clock.now()) ? token : expired(token, clock);
}

async function fromVolume(check: TokenCheck, directory: string): Promise<Token | string> {
  const { name, clock, patience } = check;
  const begun = clock.monotonic();
  let askAt = begun + Math.min(BEFORE_ASKING, patience / 2);
  for (;;) {
    const looked = look(directory, name, clock);
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

/** Resolves as soon as the token is there and valid, or when the patience is at its end; asks for it in between. */
export async function waitForToken(check: TokenCheck): Promise<void> {
  const { name, directory, clock, patience } = check;
  const isThere = (): boolean => directory === undefined || typeof look(directory, name, clock) !== 'string';
  const waitUntil = async (until: Ms): Promise<void> => {
    while (!isThere() && clock.monotonic() < until) await clock.wait(EVERY);
  };
  const begun = clock.monotonic();
  await waitUntil(begun + patience / 2);
  // None is obtained while the client app does not run, but for who asks.
  if (!isThere()) await prospects(check);
  await waitUntil(begun + patience);
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
function look(directory: string, name: string, clock: Clock): Token | string {
  try {
    const token = fromVolumeData(name, readState(directory, name));
    if (token === undefined) return `There is none in ${directory}: the token-acquirer has stored none yet.`;
    return isLive(token, clock.now()) ? token : expired(token, clock);
  } catch (error) {
    if (error instanceof TokenVolumeError) return `${error.message} Has anything but the token-acquirer written it?`;
    return `The files of ${directory} cannot be read (${systemCode(error) ?? 'failed'}): mount the token Secret there, readable to the pod's fsGroup.`;
  }
}

function expired({ expiresAt }: Token, clock: Clock): string {
  return `It expired ${formatDuration(clock.now() - expiresAt)} ago and was not renewed.`;
}

/** Both files of one state of the volume: `..data` is followed once. */
function readState(directory: string, name: string): Record<string, string> {
  const state = join(directory, stateOf(directory));
  const files = [name, documentKey(name)].map((file) => [file, readText(join(state, file))] as const);
  return Object.fromEntries(files.flatMap(([file, text]) => (text === undefined ? [] : [[file, text]])));
}

function stateOf(directory: string): string {
  try {
    return readlinkSync(join(directory, '..data'));
  } catch {
    return '.';
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
