import type { V1TokenReview } from '@kubernetes/client-node';
import { instantOf } from '../../../core/instant.ts';
import type { Redacted } from '../../../core/redacted.ts';
import { type Ms, type Sha256, sha256 } from '../../../core/token.ts';
import type { Caller, CallerAuthenticator } from '../../../ports/caller-authenticator.ts';
import type { Clock } from '../../../ports/clock.ts';
import { apiFailure } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { AuthenticationV1Api } from '../api/client-library.ts';
import { type ClusterKeys, createClusterKeys } from './cluster-keys.ts';
import { createConfirmedCallers } from './confirmed-callers.ts';
import { createDigestCache } from './digest-cache.ts';
import { type Audiences, acceptedAudience, type ProjectedToken, type Refusal } from './projected-token.ts';
import { createProjectedTokenGate, type GateOptions } from './projected-token-gate.ts';
import { createReviewTurns } from './review-turns.ts';

export interface TokenReviewAuthenticatorOptions extends GateOptions {
  readonly clock: Clock;
  /** Whether a name is in any `clients`: the tokens of all others cost no review. */
  readonly isClient: (name: string) => boolean;
  /** The cluster's issuer, where it is not to be asked of the API server. */
  readonly issuer?: string;
  /** Called with a sentence each time when a caller is admitted without a review. */
  readonly onUnreachable?: (sentence: string) => void;
}

const UNREACHABLE =
  "The API server cannot be reached. Until it answers, callers that a TokenReview confirmed within the last 10 minutes are admitted if the cluster's keys verify their tokens.";

/** How long a yes is believed here. The API server keeps its own yes for as long, so a deleted pod may have both. */
const LIFETIME: Ms = 10_000;
const ENTRIES = 1000;
/**
 * Knows ServiceAccounts by their projected tokens, as a TokenReview says (authentication.k8s.io/v1): the one check that
 * sees a deleted pod or ServiceAccount, 10 s after the API server does at most, which itself takes up to 10 s.
 *
 * A token that is for another audience, has expired, or has another issuer, key or signature than the cluster's is
 * rejected without a TokenReview, so that a flood of forged tokens costs the API server nothing. Where the cluster's keys
 * cannot be read, tokens that look right are reviewed four at a time.
 *
 * A ServiceAccount that is in no `clients` costs no review either if the keys verify its token: any pod of the cluster can
 * project one for this audience. It is returned as a stranger, so that it gets the same answer as a client that asks for
 * the token of others. Where the keys cannot be read, strangers are reviewed one at a time and delay no client.
 *
 * While the API server cannot be reached, a caller is admitted that a review confirmed within the last 10 min, if the keys
 * that were read before verify its token: nobody can delete an account at an API server that is unreachable. An API
 * server that answers, with an error too, is believed.
 *
 * Throws StoreError where it could not be found out: API server unreachable, permission missing, too many reviews together.
 */
export function createTokenReviewAuthenticator(
  api: ApiServer,
  options: TokenReviewAuthenticatorOptions,
): CallerAuthenticator {
  const { audience, formerAudience, clock, isClient, onUnreachable } = options;
  const accepted: Audiences = { audience, formerAudience };
  const cache = createDigestCache<Caller>({ clock, lifetime: LIFETIME, entries: ENTRIES });
  const share = createSharedChecks();
  const keySource = createClusterKeys(api, clock);
  const turns = createReviewTurns(clock);
  const reviews = new AuthenticationV1Api(api.configuration);
  const confirmed = createConfirmedCallers({ clock, onUnreachable: () => onUnreachable?.(UNREACHABLE) });

  /** May throw what holds the bearer. */
  async function check(bearer: Redacted, token: ProjectedToken, digest: Sha256): Promise<Caller | Refusal> {
    const keys = await keySource.keysFor({ issuer: options.issuer ?? token.issuer, keyId: token.keyId }).catch(none);
    const isKnown = isClient(token.caller.name);
    const examined = (): ReturnType<typeof examine> => examine(bearer, token, { keys, issuer: options.issuer });
    const finding = await (isKnown ? examined() : turns.strangers.run(examined));
    if (finding !== 'signed' && finding !== 'doubtful') return finding;
    const reviewed = (): Promise<Caller | Refusal> => review(bearer, token, digest);
    if (finding === 'doubtful') return (isKnown ? turns.doubtful : turns.doubtfulStrangers).run(reviewed);
    if (!isKnown) return { ...token.caller, stranger: true };
    if (!confirmed.has(token.caller)) return turns.signed.run(reviewed);
    const answer = await confirmed.answerOf(token.caller, () => turns.signed.run(reviewed));
    return typeof answer !== 'string' && token.expiresAt <= clock.now() ? 'expired' : answer;
  }

  async function review(bearer: Redacted, token: ProjectedToken, digest: Sha256): Promise<Caller | Refusal> {
    const askedAt = instantOf(clock);
    if (token.expiresAt <= askedAt.wall) return 'expired';
    const asked = acceptedAudience(token, accepted) ?? audience;
    if (!confirms(await ask(reviews, bearer, asked), token, asked)) {
      confirmed.remove(token.caller);
      return 'refused-by-review';
    }
    if (!isClient(token.caller.name)) return token.caller;
    cache.set(digest, token.caller, { askedAt, end: token.expiresAt });
    confirmed.confirm(token.caller, askedAt);
    return token.caller;
  }

  return createProjectedTokenGate(options, async (bearer, token) => {
    const digest = sha256(bearer.reveal());
    return cache.get(digest) ?? share(digest, () => check(bearer, token, digest).catch(fail));
  });
}

/** Calls that bring the same token at the same time share its check. */
function createSharedChecks() {
  const running = new Map<Sha256, Promise<Caller | Refusal>>();
  return (digest: Sha256, check: () => Promise<Caller | Refusal>): Promise<Caller | Refusal> => {
    const started = running.get(digest) ?? check().finally(() => running.delete(digest));
    running.set(digest, started);
    return started;
  };
}

/** Throws what may hold the bearer. */
function ask(reviews: AuthenticationV1Api, bearer: Redacted, audience: string): Promise<V1TokenReview> {
  return reviews.createTokenReview({
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: bearer.reveal(), audiences: [audience] },
    },
  });
}

function fail(error: unknown): never {
  throw apiFailure('A caller cannot be checked with a TokenReview', error);
}

/** What the cluster's keys say about a token; keys that are old, or of no use here, leave it to the review. */
async function examine(
  bearer: Redacted,
  token: ProjectedToken,
  { keys, issuer }: { readonly keys: ClusterKeys | undefined; readonly issuer: string | undefined },
): Promise<Refusal | 'signed' | 'doubtful'> {
  const issuers = issuer === undefined ? keys?.issuers : [issuer];
  if (issuers?.includes(token.issuer) === false) return 'wrong-issuer';
  if (keys?.has(token.keyId) !== true) return keys?.isFresh() === true ? 'unknown-key' : 'doubtful';
  const isSigned = await keys.verify(bearer).catch(() => undefined);
  if (isSigned === undefined) return 'doubtful';
  return isSigned ? 'signed' : 'bad-signature';
}

/**
 * An API server that knows nothing of audiences confirms tokens for its own and leaves `status.audiences` out: that is
 * no yes.
 */
function confirms({ status }: V1TokenReview, token: ProjectedToken, audience: string): boolean {
  return (
    status?.authenticated === true &&
    status.audiences?.includes(audience) === true &&
    status.user?.username === token.caller.name
  );
}

/** The keys only save reviews. Without them, the review decides. */
function none(): undefined {
  return undefined;
}
