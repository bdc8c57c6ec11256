import { StoreError } from '../../../core/errors.ts';
import { isFileName } from '../../../core/names.ts';
import type { SecretReference } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { TokenStore } from '../../../ports/token-store.ts';
import { createSystemClock } from '../../node/system-clock.ts';
import type { ApiServer } from '../api/api-server.ts';
import { createTurns } from '../api/turns.ts';
import { TokenSecret } from './token-secret.ts';

export interface SecretTokenStore extends TokenStore {
  /** Whether a version is no news of this `<key>.json`: it was made here, or read for it. Never rejects. */
  knows(secret: SecretReference, version: string, key: string): Promise<boolean>;
}

/** Of the 16 connections, so that some are free for reviews of callers, also while many tokens are due. */
const WRITES_TOGETHER = 10;
const READS_TOGETHER = 4;

export interface SecretTokenStoreOptions {
  /** By default the system's. */
  readonly clock?: Pick<Clock, 'monotonic' | 'wait'>;
}

/**
 * Tokens in Kubernetes Secrets, by JSON Patch. A patch changes the keys of all tokens whose writes wait, and only where each of their
 * `<key>.json` is what was last read or written here. So a stale writer is rejected, and harms no other token of the Secret. Of the
 * contents, the store remembers a digest for each token.
 *
 * It never creates Secrets, only patches them: permission to create them would cover all Secrets of the namespace.
 *
 * Throws StoreError. It is permanent if someone must act: the Secret is missing, immutable or full, or a permission is missing.
 * It is not permanent if another process changed the Secret in the meantime. Then read the Secret before the next write.
 */
export function createSecretTokenStore(
  api: ApiServer,
  { clock = createSystemClock() }: SecretTokenStoreOptions = {},
): SecretTokenStore {
  const secrets = new Map<string, TokenSecret>();
  const dependencies = { api, clock, reads: createTurns(READS_TOGETHER), writes: createTurns(WRITES_TOGETHER) };

  function secretOf({ namespace, secret }: SecretReference, keys: readonly string[]): TokenSecret {
    for (const key of keys) if (!isFileName(key)) throw badKey(key);
    const name = `${namespace}/${secret}`;
    const known = secrets.get(name) ?? new TokenSecret(dependencies, { namespace, secret });
    secrets.set(name, known);
    return known;
  }

  return {
    read: async (secret, keys) => secretOf(secret, keys).read(keys),
    unchanged: async (secret, keys, within) => secretOf(secret, keys).unchanged(keys, within),
    write: async (secret, changes) => {
      const keys = Object.keys(changes);
      if (keys.length > 0) await secretOf(secret, keys).write(changes);
    },
    knows: async ({ namespace, secret }, version, key) =>
      (await secrets.get(`${namespace}/${secret}`)?.knows(version, key)) ?? false,
  };
}

function badKey(key: string): StoreError {
  return new StoreError(`${JSON.stringify(key)} is not a key of a Secret. Correct it in the configuration.`, {
    permanent: true,
  });
}
