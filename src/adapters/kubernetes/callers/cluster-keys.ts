import { compactVerify, createLocalJWKSet, errors } from 'jose';
import { z } from 'zod';
import { StoreError } from '../../../core/errors.ts';
import type { Redacted } from '../../../core/redacted.ts';
import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { OpenidApi, WellKnownApi } from '../api/client-library.ts';
import type { ProjectedToken } from './projected-token.ts';

/** What the API server publishes of how it signs the tokens of ServiceAccounts. */
export interface ClusterKeys {
  /** The issuer, and the one before it where it changed while this process ran. */
  readonly issuers: readonly string[];
  has(keyId: string | undefined): boolean;
  /** Whether they were read within the last 10 s: a key that they lack then is not the cluster's. */
  isFresh(): boolean;
  /** Whether the signature is that of the key which the token names. */
  verify(bearer: Redacted): Promise<boolean>;
}

export interface ClusterKeySource {
  /**
   * Returns the keys as last read. Reads them again when they are old, or when the token names an unknown key or issuer.
   * While the API server is unavailable, the old keys stay in force. Throws StoreError if none were ever read.
   */
  keysFor(token: Pick<ProjectedToken, 'keyId' | 'issuer'>): Promise<ClusterKeys>;
}

/** What an API server can sign with. No symmetric one, so that a public key is never taken for a shared secret. */
const ALGORITHMS = ['RS256', 'ES256', 'ES384', 'ES512'];
/** A key that the cluster removed must not be accepted indefinitely. */
const OLD: Ms = 5 * 60_000;
/** Tokens with invented key names must not become a flood of requests. */
const COOLDOWN: Ms = 10_000;
const COOLDOWN_WITHOUT_KEYS: Ms = 1000;
/** How long a caller waits for an API server that says nothing. */
const PATIENCE: Ms = 3000;

const discoverySchema = z.object({ issuer: z.string().min(1) });
const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })).min(1) });

/**
 * Reads `/.well-known/openid-configuration` and `/openid/v1/jwks` of the API server, which every ServiceAccount may by
 * default (ClusterRole `system:service-account-issuer-discovery`).
 *
 * The issuer comes from there, not from this pod's own token: it belongs to the keys, it also exists outside of a
 * pod, and the kubelet may keep a token of the issuer before for most of an hour after a change.
 */
export function createClusterKeys(api: ApiServer, clock: Pick<Clock, 'monotonic' | 'wait'>): ClusterKeySource {
  let keys: ClusterKeys | undefined;
  let failure: StoreError | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  async function read(): Promise<void> {
    triedAt = clock.monotonic();
    try {
      const askedAt = triedAt;
      const published = await readKeys(api, keys?.issuers ?? []);
      keys = { ...published, isFresh: () => clock.monotonic() - askedAt < COOLDOWN };
      readAt = askedAt;
    } catch (error) {
      failure = apiFailure("The cluster's keys cannot be read", error);
    } finally {
      reading = undefined;
    }
  }

  return {
    async keysFor({ keyId, issuer }) {
      const now = clock.monotonic();
      const wanted = now - readAt >= OLD || keys?.has(keyId) !== true || !keys.issuers.includes(issuer);
      const cooldown = keys === undefined ? COOLDOWN_WITHOUT_KEYS : COOLDOWN;
      if (wanted && now - triedAt >= cooldown) reading ??= read();
      if (wanted && reading !== undefined) await atMost(PATIENCE, reading, clock);
      if (keys !== undefined) return keys;
      throw failure ?? new StoreError(`The API server did not give the cluster's keys within ${PATIENCE / 1000} s.`);
    },
  };
}

async function readKeys(api: ApiServer, issuersBefore: readonly string[]): Promise<Omit<ClusterKeys, 'isFresh'>> {
  let answers: readonly [unknown, unknown];
  try {
    answers = await Promise.all([
      new WellKnownApi(api.configuration).getServiceAccountIssuerOpenIDConfiguration(),
      new OpenidApi(api.configuration).getServiceAccountIssuerOpenIDKeyset(),
    ]);
  } catch (error) {
    const status = statusOf(error);
    if (status !== 403 && status !== 404) throw error;
    throw new StoreError(
      `The API server does not show its keys (HTTP ${status}). Bind the ClusterRole system:service-account-issuer-discovery to the ServiceAccount, or set callers: token-review.`,
      { permanent: true },
    );
  }
  const discovery = discoverySchema.safeParse(parsed(answers[0]));
  const keySet = keySetSchema.safeParse(parsed(answers[1]));
  if (discovery.success && keySet.success) return clusterKeys(discovery.data.issuer, issuersBefore, keySet.data);
  throw new StoreError(
    'What stands at /.well-known/openid-configuration and /openid/v1/jwks of the API server is no issuer with keys. Look at what answers there, or set callers: token-review.',
  );
}

function clusterKeys(
  issuer: string,
  issuersBefore: readonly string[],
  keySet: z.infer<typeof keySetSchema>,
): Omit<ClusterKeys, 'isFresh'> {
  const keyIds = new Set(keySet.keys.map(({ kid }) => kid));
  const resolve = createLocalJWKSet(keySet);
  return {
    issuers: [...new Set([issuer, ...issuersBefore])].slice(0, 2),
    has: (keyId) => keyId !== undefined && keyIds.has(keyId),
    async verify(bearer) {
      try {
        await compactVerify(bearer.reveal(), resolve, { algorithms: ALGORITHMS });
        return true;
      } catch (error) {
        if (error instanceof errors.JOSEError) return false;
        // A key of an odd shape; the library's words may quote it.
        throw new StoreError("A key of the cluster's cannot be used to check a token. Look at /openid/v1/jwks.");
      }
    },
  };
}

/** The client gives text or what the text said, as the content type has it. */
function parsed(answer: unknown): unknown {
  if (typeof answer !== 'string') return answer;
  try {
    return JSON.parse(answer);
  } catch {
    return undefined;
  }
}

async function atMost(patience: Ms, work: Promise<void>, clock: Pick<Clock, 'wait'>): Promise<void> {
  const done = new AbortController();
  await Promise.race([work, clock.wait(patience, done.signal)]);
  done.abort();
}
