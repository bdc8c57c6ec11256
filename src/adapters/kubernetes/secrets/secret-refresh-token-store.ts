import { StoreError } from '../../../core/errors.ts';
import { isLabel } from '../../../core/names.ts';
import { identityText, type SecretReference, type TokenIdentity } from '../../../core/token.ts';
import type { RefreshTokenChain, RefreshTokenStore } from '../../../ports/refresh-token-store.ts';
import { fromDocument, toDocument } from '../../refresh-token-document.ts';
import { isPatchRefused } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { type Operation, patchSecret, pathOf, readSecret, readVersion, secretFailure } from './secret-requests.ts';

/** A patch is rejected after another save, and also if another token's chain was the first or the last one in the Secret. */
const TRIES = 3;

/**
 * Rotated refresh tokens in one Secret that no client mounts, each under `<namespace>.<secret>.<name>`. Compare-and-swap
 * by a JSON Patch that tests the key. Saved for good when `save` resolves: the API server answers once a majority of
 * etcd has it on the disk.
 *
 * Throws StoreError, permanent where someone must act: no such Secret, immutable, a right that is missing, damaged.
 */
export function createSecretRefreshTokenStore(api: ApiServer, secret: SecretReference): RefreshTokenStore {
  const where = `${secret.namespace}/${secret.secret}`;

  async function read(identity: TokenIdentity): Promise<Saved> {
    const key = keyOf(identity);
    try {
      const { data } = await readSecret(api, secret);
      const value = data.get(key);
      return { value, isEmpty: data.size === 0, chain: chainIn(value, `${where}, key ${key}`) };
    } catch (error) {
      throw secretFailure(secret, 'read', error);
    }
  }

  async function swap(key: string, saved: Saved, wanted: RefreshTokenChain | undefined): Promise<boolean> {
    try {
      await patchSecret(api, secret, swapping(key, saved, wanted));
      return true;
    } catch (error) {
      if (isPatchRefused(error)) return false;
      throw secretFailure(secret, 'written', error);
    }
  }

  /** What was saved for refresh tokens that are in use: the answer is saved after it in one request. */
  const marks = new Map<string, Saved>();

  return {
    async check() {
      try {
        await readVersion(api, secret);
      } catch (error) {
        throw secretFailure(secret, 'read', error);
      }
    },
    load: async (identity) => (await read(identity)).chain,
    async save(identity, chain, expected) {
      const [key, before] = [keyOf(identity), toDocument(expected)];
      const mark = marks.get(key);
      marks.delete(key);
      let known = mark !== undefined && toDocument(mark.chain) === before ? mark : undefined;
      for (let tries = 0; tries < TRIES; tries += 1) {
        const saved = known ?? (await read(identity));
        known = undefined;
        if (toDocument(saved.chain) !== before) break;
        if (toDocument(chain) === before) return;
        if (!(await swap(key, saved, chain))) continue;
        if (chain?.inUse === true) marks.set(key, savedAs(chain));
        return;
      }
      throw new StoreError(
        `Another process saved a refresh token of ${identityText(identity)} in the Secret ${where} in the meantime, so this one was not saved. Let only one token-acquirer use the Secret.`,
      );
    },
  };
}

interface Saved {
  /** Base64, as it is in the Secret. */
  readonly value: string | undefined;
  readonly isEmpty: boolean;
  readonly chain: RefreshTokenChain | undefined;
}

function savedAs(chain: RefreshTokenChain): Saved {
  return { value: encoded(chain), isEmpty: false, chain };
}

function encoded(chain: RefreshTokenChain): string {
  return Buffer.from(toDocument(chain)).toString('base64');
}

function swapping(key: string, { value, isEmpty }: Saved, wanted: RefreshTokenChain | undefined): Operation[] {
  const path = pathOf(key);
  const text = wanted && encoded(wanted);
  if (isEmpty) {
    return [
      { op: 'test', path: '/data', value: null },
      { op: 'add', path: '/data', value: { [key]: text } },
    ];
  }
  const change: Operation = text === undefined ? { op: 'remove', path } : { op: 'add', path, value: text };
  return [{ op: 'test', path, value: value ?? null }, change];
}

function chainIn(value: string | undefined, where: string): RefreshTokenChain | undefined {
  if (value === undefined) return undefined;
  const chain = fromDocument(Buffer.from(value, 'base64').toString());
  if (chain === 'removed') return undefined;
  if (chain !== 'damaged') return chain;
  // The token before it has been used up; to send it again could end the whole grant.
  throw new StoreError(
    `The saved refresh token in the Secret ${where}, is damaged. Restore it from a backup, or remove the key and set a new refresh_token credential.`,
    { permanent: true },
  );
}

/** The dots tell the parts apart, because there is none within a label. */
function keyOf(identity: TokenIdentity): string {
  const { namespace, secret, name } = identity;
  const labels = [namespace, secret, name];
  if (labels.every(isLabel)) return labels.join('.');
  throw new StoreError(
    `${JSON.stringify(identityText(identity))} is not a valid name of a token: correct the configuration.`,
    {
      permanent: true,
    },
  );
}
