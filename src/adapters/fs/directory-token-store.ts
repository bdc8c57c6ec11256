import { statSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../../core/errors.ts';
import { isFileName, isLabel } from '../../core/names.ts';
import type { SecretReference } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { TokenStore } from '../../ports/token-store.ts';
import { createSystemClock } from '../node/system-clock.ts';
import { foreignControlOf, remedyOfControl } from './control.ts';
import { storeFault } from './file-faults.ts';
import { SecretDirectory } from './secret-directory.ts';

export interface DirectoryTokenStoreOptions {
  /** Names the states and measures the age of leftovers. The default is the system's clock. */
  readonly clock?: Pick<Clock, 'now'>;
}

/**
 * Tokens in `<root>/<namespace>/<secret>/`, laid out as the kubelet lays out a Secret volume; directories 0750, files
 * 0640. Directories are made when first written to. One process at a time should write to a root: two do no harm to
 * readers, but may lose each other's keys until the next write.
 *
 * Throws StoreError, permanent where someone must act: not writable, a file in the way, a name that is none, a directory
 * that somebody else owns or can write to.
 */
export function createDirectoryTokenStore(root: string, options: DirectoryTokenStoreOptions = {}): TokenStore {
  const clock = options.clock ?? createSystemClock();

  function directoryOf({ namespace, secret }: SecretReference, keys: readonly string[]): SecretDirectory {
    // The configuration has checked them already; a path is built from them here.
    for (const label of [namespace, secret]) if (!isLabel(label)) throw badName(label, 'a DNS label');
    for (const key of keys) if (!isFileName(key)) throw badName(key, 'a key of a Secret');
    return new SecretDirectory(join(root, namespace, secret), () => clock.now());
  }

  return {
    async read(secret, keys) {
      try {
        return directoryOf(secret, keys).read(keys);
      } catch (error) {
        throw storeFault(`The token directory ${pathOf(root, secret)} cannot be read`, error);
      }
    },

    async write(secret, changes) {
      const directory = directoryOf(secret, Object.keys(changes));
      try {
        rejectForeignControl([root, join(root, secret.namespace), pathOf(root, secret)]);
        directory.write(changes);
      } catch (error) {
        throw storeFault(`The token directory ${pathOf(root, secret)} cannot be written`, error);
      }
    },
  };
}

function rejectForeignControl(paths: readonly string[]): void {
  for (const path of paths) {
    const stats = statSync(path, { throwIfNoEntry: false });
    const control = stats?.isDirectory() === true ? foreignControlOf(stats) : undefined;
    if (control === undefined) continue;
    throw new StoreError(`The token directory ${path} ${control}. ${remedyOfControl(path)}`, { permanent: true });
  }
}

function pathOf(root: string, { namespace, secret }: SecretReference): string {
  return join(root, namespace, secret);
}

function badName(name: string, what: string): StoreError {
  return new StoreError(`${JSON.stringify(name)} is not ${what}. Correct it in the configuration.`, {
    permanent: true,
  });
}
