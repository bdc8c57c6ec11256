import type { Redacted } from '../../core/redacted.ts';
import { type Ms, type Sha256, sha256, type Token } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import { type CheckedEndpoint, callerIdentity, NO_TOKEN, type Reissued, type ReissueResult } from './endpoint.ts';
import type { Finding } from './finding.ts';
import { notStored, whyNotReissued } from './sentences.ts';

export interface Asking {
  readonly name: string;
  readonly endpoint: CheckedEndpoint;
  /** `undefined`: who calls is not said. */
  readonly caller: Redacted | undefined;
  readonly clock: Clock;
}

export interface ReissueCheck extends Asking {
  /** What the volume has. */
  readonly token: Token | undefined;
  /** Whether it is stored in a Secret. If not, it is only in memory. */
  readonly kept: boolean;
  readonly caller: Redacted;
}

export interface ReissueFound {
  readonly finding: Finding;
  /** The one that the answer brought. */
  readonly accessToken: Redacted | undefined;
}

/** The longest `Retry-After` that is waited for. */
const LONGEST_PAUSE: Ms = 30_000;
/** Of the token-acquirer, if it was just installed. */
const LONGEST_START: Ms = 10_000;
const EVERY: Ms = 500;

/** Checks that the endpoint is trusted, accepts the caller, and returns a newer token when the current one is reported as rejected. */
export async function checkReissue(check: ReissueCheck): Promise<ReissueFound> {
  const { token, name } = check;
  let result = await askTwice(check, token?.sha256 ?? NO_TOKEN);
  // The volume was behind, so nothing was requested: once more, for the token that the answer brought.
  if (result.kind === 'reissued' && result.outcome === 'newer' && result.accessToken !== undefined) {
    result = await askTwice(check, sha256(result.accessToken.reveal()));
  }
  const subject = `reissue of ${name}`;
  const [passed, sentence] = judge(result, check);
  return {
    finding: { result: passed ? 'passed' : 'failed', subject, sentence },
    accessToken: result.kind === 'reissued' ? result.accessToken : undefined,
  };
}

/** Respects one `Retry-After`: a token that was just reissued, or a token-acquirer that just starts. */
async function askTwice(check: ReissueCheck, rejected: Sha256): Promise<ReissueResult> {
  const first = await askUntilAnswered(check, rejected);
  if (first.kind !== 'refused' || first.retryAfter === undefined || first.retryAfter > LONGEST_PAUSE) return first;
  if (first.status !== 429 && first.status !== 503) return first;
  await check.clock.wait(first.retryAfter);
  return askUntilAnswered(check, rejected);
}

/** A token-acquirer that was just installed may store its first token before its Service leads to it. */
export async function askUntilAnswered(
  { endpoint, name, caller, clock }: Asking,
  rejected: Sha256,
): Promise<ReissueResult> {
  const until = clock.monotonic() + LONGEST_START;
  for (;;) {
    const result = await endpoint.reissue(name, rejected, caller);
    if (result.kind !== 'unreached' || result.why === 'untrusted' || clock.monotonic() >= until) return result;
    await clock.wait(EVERY);
  }
}

function judge(result: ReissueResult, check: ReissueCheck): [passed: boolean, sentence: string] {
  const { endpoint, name, caller } = check;
  if (result.kind === 'reissued') return judgeReissued(result, check);
  if (result.kind === 'refused' && result.code === 'same_token') {
    return [
      true,
      'the authorization server took the credential and gave the token that is held: it renews near expiry.',
    ];
  }
  return [false, whyNotReissued(result, { endpoint, name, caller: callerIdentity(caller) })];
}

function judgeReissued(
  { outcome, stored, generation }: Reissued,
  { token, kept, endpoint, name }: ReissueCheck,
): [passed: boolean, sentence: string] {
  const { namespace, secret } = endpoint.settings;
  if (kept && !stored) return [false, notStored(namespace, secret)];
  const before = token?.generation ?? 0;
  if (generation > before) return [true, `${outcome} as generation ${generation}${kept ? ', and stored' : ''}.`];
  const sentence = `It was answered with generation ${generation}, and ${before} is here: see whether two token-acquirers write ${name}.`;
  return [false, sentence];
}
