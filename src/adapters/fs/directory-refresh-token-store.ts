import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../../core/errors.ts';
import { isLabel } from '../../core/names.ts';
import { identityText, type TokenIdentity } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RefreshTokenChain, RefreshTokenStore } from '../../ports/refresh-token-store.ts';
import { createSystemClock } from '../node/system-clock.ts';
import { fromDocument, toDocument } from '../refresh-token-document.ts';
import { storeFault, unless } from './file-faults.ts';
import { type Revision, Revisions } from './revisions.ts';

export interface DirectoryRefreshTokenStoreOptions {
  /** Measures the age of leftovers. The default is the system's clock. */
  readonly clock?: Pick<Clock, 'now'>;
}

/**
 * Rotated refresh tokens in `<root>/<namespace>/<secret>/<name>.<revision>.json`, directories 0700, files 0600; the
 * highest revision counts, and those before it are removed. On the disk, with its directory, before `save` resolves.
 *
 * Throws StoreError, permanent where someone must act: a directory that others may enter or read, one that cannot be
 * written, a file that is damaged. A directory that is open to others is rejected rather than closed, because it may
 * be one that others need.
 */
export function createDirectoryRefreshTokenStore(
  root: string,
  options: DirectoryRefreshTokenStoreOptions = {},
): RefreshTokenStore {
  const clock = options.clock ?? createSystemClock();

  function revisionsOf(identity: TokenIdentity): Revisions {
    const { namespace, secret, name } = identity;
    // The configuration has checked them already; a path is built from them here.
    for (const label of [namespace, secret, name]) if (!isLabel(label)) throw badName(label);
    return new Revisions(join(root, namespace, secret), name, () => clock.now());
  }

  async function load(identity: TokenIdentity): Promise<RefreshTokenChain | undefined> {
    const revisions = revisionsOf(identity);
    try {
      await refuseOpenRoot(root);
      return chainOf(await revisions.latest());
    } catch (error) {
      throw storeFault(`The saved refresh token of ${identityText(identity)} in ${root} cannot be read`, error);
    }
  }

  /** The revisions of refresh tokens that are in use, with their documents: the answer is saved after them without a look. */
  const marks = new Map<string, { readonly number: number; readonly document: string }>();

  async function numberOf(identity: TokenIdentity, revisions: Revisions, expected: string): Promise<number> {
    await refuseOpenRoot(root);
    const latest = await revisions.latest();
    if (toDocument(chainOf(latest)) !== expected) throw savedMeanwhile(identity);
    return latest?.number ?? 0;
  }

  const save: RefreshTokenStore['save'] = async (identity, chain, expected) => {
    const key = identityText(identity);
    const revisions = revisionsOf(identity);
    const [wanted, before] = [toDocument(chain), toDocument(expected)];
    const mark = marks.get(key);
    marks.delete(key);
    const isMarked = mark?.document === before && wanted !== before;
    try {
      const number = isMarked ? mark.number : await numberOf(identity, revisions, before);
      if (wanted === before) return;
      if (!(await revisions.addAfter(number, wanted))) throw savedMeanwhile(identity);
      // The request comes next. It has the same refresh token, so there is nothing to remove yet.
      if (chain?.inUse === true) marks.set(key, { number: number + 1, document: wanted });
      else await revisions.removeBefore(number + 1);
    } catch (error) {
      throw storeFault(`The refresh token of ${key} cannot be saved in ${root}`, error);
    }
  };

  return { check: () => refuseOpenRoot(root), load, save };
}

async function refuseOpenRoot(root: string): Promise<void> {
  const stats = await unless(['ENOENT'], stat(root));
  if (stats === undefined || (stats.mode & 0o077) === 0) return;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  throw new StoreError(`The state directory ${root} is open to other users (mode ${mode}). Run: chmod 700 ${root}.`, {
    permanent: true,
  });
}

function chainOf(revision: Revision | undefined): RefreshTokenChain | undefined {
  if (revision === undefined) return undefined;
  const chain = fromDocument(revision.text);
  if (chain === 'removed') return undefined;
  if (chain !== 'damaged') return chain;
  // The token before it has been used up; to send it again could end the whole grant.
  throw new StoreError(
    `The state file ${revision.path} is damaged. Restore it from a backup, or remove it and set a new refresh_token credential.`,
    { permanent: true },
  );
}

function savedMeanwhile(identity: TokenIdentity): StoreError {
  return new StoreError(
    `Another process saved a refresh token of ${identityText(identity)} in the meantime, so this one was not saved. Let only one token-acquirer use a state directory.`,
  );
}

function badName(name: string): StoreError {
  return new StoreError(`${JSON.stringify(name)} is not a DNS label. Correct it in the configuration.`, {
    permanent: true,
  });
}
