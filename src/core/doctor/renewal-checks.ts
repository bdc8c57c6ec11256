import { formatDuration } from '../duration.ts';
import type { TokenEventReason } from '../event-reasons.ts';
import type { EpochMs } from '../token.ts';
import { inAcquirer } from './acquirers.ts';
import { secretOf } from './client-apps.ts';
import type { ExpectedToken } from './expected-token.ts';
import { type Check, type Finding, uniqueBy } from './finding.ts';
import type { Observed, ObservedEvent } from './observed.ts';

/** Each is written once, when a failure begins. */
const FAILURES: ReadonlySet<string> = new Set<TokenEventReason>([
  'RenewalFailed',
  'ReissueFailed',
  'SameToken',
  'StoreFailed',
]);
const RECOVERIES: ReadonlySet<string> = new Set<TokenEventReason>(['TokenReady', 'TokenRenewed', 'TokenStored']);

function failedRenewals(seen: Observed): readonly Finding[] {
  const secrets = uniqueBy(seen.tokens, nameOf);
  return secrets.flatMap((token): readonly Finding[] => {
    const failure = lastingFailure(token, seen);
    if (failure === undefined) return [];
    const credentials = [...new Set(tokensLike(token, seen).map(({ credential }) => credential))];
    return [
      {
        severity: 'error',
        subject: `Secret ${nameOf(token)}`,
        message: `${failure.reason}, ${formatDuration(Math.max(0, seen.now - failure.at))} ago: ${failure.message}`,
        why: 'The current token is used until it expires, and then there is none.',
        fix: `Do what the message says. Then try it: ${inAcquirer(seen)} credentials check ${credentials.join(' ')}`,
      },
    ];
  });
}

/** The latest failure, unless something succeeded after it. */
function lastingFailure(token: ExpectedToken, seen: Observed): ObservedEvent | undefined {
  const events = seen.cluster.events[nameOf(token)] ?? [];
  const newest = (reasons: ReadonlySet<string>): ObservedEvent | undefined =>
    events.filter(({ reason }) => reasons.has(reason)).toSorted((one, other) => other.at - one.at)[0];
  const failure = newest(FAILURES);
  if (failure === undefined) return undefined;
  const success = Math.max(newest(RECOVERIES)?.at ?? 0, oldestIssue(token, seen));
  return failure.at > success ? failure : undefined;
}

/** When the oldest token of the Secret was issued: an event does not say which of them it is about. */
function oldestIssue(token: ExpectedToken, seen: Observed): EpochMs {
  const secret = secretOf(token, seen);
  if (typeof secret === 'string') return 0;
  const times = tokensLike(token, seen).map(({ key }) => {
    const document = secret.documents[key];
    return document === undefined || 'fault' in document ? 0 : document.issuedAt;
  });
  return Math.min(...times);
}

export const RENEWAL_CHECKS: readonly Check[] = [
  { name: 'renewal', group: 'Token Secrets', title: 'No renewal fails', when: 'after', find: failedRenewals },
];

/** All tokens of the same Secret. */
function tokensLike(token: ExpectedToken, { tokens }: Observed): readonly ExpectedToken[] {
  return tokens.filter((other) => nameOf(other) === nameOf(token));
}

function nameOf({ identity: { namespace, secret } }: ExpectedToken): string {
  return `${namespace}/${secret}`;
}
