import { type Asset, readAssets } from '../../../page/assets.ts';

/** Where the files of the page are, except the page itself, which is at `/`. */
export const PAGE_BASE = '/page/';

/** Path → file. The build puts what this returns in the place of this module. */
export function readPageFiles(): ReadonlyMap<string, Asset> {
  return readAssets(new URL('./static/', import.meta.url), PAGE_BASE);
}
