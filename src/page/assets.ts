import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';

export interface Asset {
  readonly type: string;
  readonly content: Buffer;
}

/** The files that all pages share. */
const SHARED = new URL('./static/', import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Path → file, of a page's own folder and of those that all pages share. All are read now: nothing that a request says
 * reaches the file system. `index.html` is at `/`, the others are below `base`.
 */
export function readAssets(folder: URL, base: string): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const from of [SHARED, folder]) {
    for (const name of readdirSync(from)) {
      const type = TYPES[extname(name)];
      if (type === undefined) continue;
      const path = name === 'index.html' ? '/' : `${base}${name}`;
      if (assets.has(path)) throw new Error(`Two files of the page have the path ${path}.`);
      assets.set(path, { type, content: readFileSync(new URL(name, from)) });
    }
  }
  return assets;
}
