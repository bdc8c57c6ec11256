import { type AccessToken, identityOf } from '../../core/access-token.ts';
import type { ExpectedToken } from '../../core/doctor/expected-token.ts';
import type { ObservedAccessToken, ObservedReady } from '../../core/doctor/observed-access-tokens.ts';
import type { EpochMs } from '../../core/token.ts';
import type { Services } from '../configuration/offers.ts';
import { expectedToken } from './expected-tokens.ts';

/** What the configuration makes of the AccessTokens of a cluster. */
export interface JudgedAccessTokens {
  readonly items: readonly ObservedAccessToken[];
  /** The tokens of those that are accepted. */
  readonly tokens: readonly ExpectedToken[];
}

/** So long a token-acquirer may need for a new AccessToken, or a new spec. */
const PATIENCE = 60_000;

/** An AccessToken, and when its spec was last written. */
type DatedAccessToken = AccessToken & { readonly changedAt: EpochMs };

/** Judges AccessTokens as the token-acquirer does. The tokens of those that are new are not expected yet. */
export function judgedAccessTokens(
  found: readonly DatedAccessToken[],
  services: Services | undefined,
  now: EpochMs,
): JudgedAccessTokens {
  // One that is deleted loses its token, as it should.
  const resources = found.filter(({ isDeleting }) => isDeleting !== true);
  const served = resources.filter(({ namespace }) => services?.namespaces.includes(namespace) === true);
  const judgements = services?.judge(served) ?? [];
  const tokens: ExpectedToken[] = [];
  const items = served.map((resource, index) => {
    const judgement = judgements[index];
    if (judgement?.kind !== 'accepted') return observed(resource, { isServed: true, rejection: judgement });
    const item = observed(resource, { isServed: true });
    // It has no Secret, as its condition says.
    const isWithout = item.ready?.status === 'False' && item.ready.isStalled;
    const isNew = item.ready?.status !== 'True' && now - resource.changedAt < PATIENCE;
    if (!isWithout && !isNew) {
      tokens.push({ ...expectedToken(judgement.specification), accessToken: resource.name });
    }
    return item;
  });
  const others = resources.filter((resource) => !served.includes(resource));
  return { items: [...items, ...others.map((resource) => observed(resource, { isServed: false }))], tokens };
}

function observed(
  resource: DatedAccessToken,
  judged: Pick<ObservedAccessToken, 'isServed' | 'rejection'>,
): ObservedAccessToken {
  const { namespace, name, changedAt, spec, status } = resource;
  const { secret } = identityOf(resource);
  const isKnown = (status.conditions ?? []).length > 0;
  return { namespace, name, secret, service: spec.service, changedAt, isKnown, ready: readyOf(resource), ...judged };
}

/** What was said about an earlier spec says nothing about this one. */
function readyOf({ generation, status: { conditions = [] } }: AccessToken): ObservedReady | undefined {
  const current = conditions.filter(({ observedGeneration }) => observedGeneration === generation);
  const ready = current.find(({ type }) => type === 'Ready');
  if (ready === undefined) return undefined;
  const { status, reason, message } = ready;
  const isStalled = current.some((condition) => condition.type === 'Stalled' && condition.status === 'True');
  return { status, reason, message, isStalled };
}
