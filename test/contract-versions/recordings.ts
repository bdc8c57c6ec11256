import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What a version of the software writes where another one reads it. */
export interface Recording {
  /** `<key>.json` of the token volume; the raw token next to it is its `access_token`. */
  readonly volume: { readonly access_token: string } & Readonly<Record<string, unknown>>;
  /** As a client sends it. */
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: object;
  };
  /** With status 200. */
  readonly answer: { readonly access_token: string } & Readonly<Record<string, unknown>>;
  /** With a status that is not. */
  readonly problem: Readonly<Record<string, unknown>>;
}

const RECORDED = join(import.meta.dirname, 'recorded');

export function recordedVersions(): readonly string[] {
  return globSync('*.json', { cwd: RECORDED }).map((file) => basename(file, '.json'));
}

/**
 * That of a version, which is never changed: a release adds a file. `tomorrow` is like the latest, with what a later
 * version may add, as nobody has written it yet.
 */
export function recording(version: string, { rejected = '' }: { readonly rejected?: string } = {}): Recording {
  const text = readFileSync(join(RECORDED, `${version}.json`), 'utf8');
  const now = Date.now();
  return JSON.parse(
    text
      .replaceAll('{{issued}}', new Date(now).toISOString())
      .replaceAll('{{expires}}', new Date(now + 600_000).toISOString())
      .replaceAll('{{rejected}}', rejected),
  ) as Recording;
}
