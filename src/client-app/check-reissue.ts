import type { Redacted } from '../core/redacted.ts';
import { type Ms, type Sha256, sha256, type Token } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import { type CheckedEndpoint, callerIdentity, NO_TOKEN, type Reissued, type ReissueResult } from './check-endpoint.ts';
import type { Finding } from './check-finding.ts';
import { notStored, whyNotReissued } from './check-sentences.ts';

export interface ReissueCheck {
  readonly name: string;
  /** What the volume has. */
  readonly token: Token | undefined;
  readonly endpoint: CheckedEndpoint;
  readonly caller: Redacted;
  readonly clock: Clock;
}

export interface ReissueFound {
  readonly finding: Finding;
  /** The one that the answer brought. */
  readonly accessToken: Redacted | undefined;
}

/** The longest `Retry-After` that is waited for. */
const LONGEST_PAUSE: Ms = 30_000;

/** The endpoint is trusted, knows the caller, and gives a newer token for the present one, which is reported as rejected. */
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
async function askTwice({ endpoint, name, caller, clock }: ReissueCheck, rejected: Sha256): Promise<ReissueResult> {
  const first = await endpoint.reissue(name, rejected, caller);
  if (first.kind !== 'refused' || first.retryAfter === undefined || first.retryAfter > LONGEST_PAUSE) return first;
  if (first.status !== 429 && first.status !== 503) return first;
  await clock.wait(first.retryAfter);
  return endpoint.reissue(name, rejected, caller);
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

function judgeReissued({ outcome, stored, generation }: Reissued, { token, endpoint, name }: ReissueCheck) {
  const { namespace, secret } = endpoint.settings;
  if (!stored) return [false, notStored(namespace, secret)] satisfies [boolean, string];
  const before = token?.generation ?? 0;
  const verdict: [boolean, string] =
    generation > before
      ? [true, `${outcome} as generation ${generation}, and stored.`]
      : [
          false,
          `It was answered with generation ${generation}, and ${before} is here: see whether two token-acquirers write ${name}.`,
        ];
  return verdict;
}
