import { StoreError } from '../../../core/errors.ts';
import { isFileName } from '../../../core/names.ts';
import type { SecretReference } from '../../../core/token.ts';
import type { TokenStore } from '../../../ports/token-store.ts';
import type { ApiServer } from '../api/api-server.ts';
import { TokenSecret } from './token-secret.ts';

export interface SecretTokenStore extends TokenStore {
  /** Whether a version is no news of this `<key>.json`: it was made here, or read for it. Never rejects. */
  knows(secret: SecretReference, version: string, key: string): Promise<boolean>;
}

/**
 * Tokens in Kubernetes Secrets, by JSON Patch. A patch changes the keys of one token, and only where its `<key>.json`
 * is what was last read or written here. So tokens of one Secret never conflict, and a stale writer is rejected. Each write is
 * one request, except the first. The store remembers the `<key>.json` of a token, which shares the string of the token with its
 * holder.
 *
 * It never creates Secrets, only patches them: permission to create them would cover all Secrets of the namespace.
 *
 * Throws StoreError. It is permanent if someone must act: the Secret is missing, immutable or full, or a permission is missing.
 * It is not permanent if another process changed the Secret in the meantime. Then read the Secret before the next write.
 */
export function createSecretTokenStore(api: ApiServer): SecretTokenStore {
  const secrets = new Map<string, TokenSecret>();

  function secretOf({ namespace, secret }: SecretReference, keys: readonly string[]): TokenSecret {
    for (const key of keys) if (!isFileName(key)) throw badKey(key);
    const name = `${namespace}/${secret}`;
    const known = secrets.get(name) ?? new TokenSecret(api, { namespace, secret });
    secrets.set(name, known);
    return known;
  }

  return {
    read: async (secret, keys) => secretOf(secret, keys).read(keys),
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
