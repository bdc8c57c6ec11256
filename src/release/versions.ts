import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** A place that states the version of the project. */
export interface StatedVersion {
  readonly place: string;
  readonly version: string;
}

export const CHARTS = ['token-acquirer', 'token-acquirer-client'] as const;
const DOCKERFILES = ['Dockerfile.token-acquirer', 'Dockerfile.client-app'] as const;

/** Reads every place that states the version. The client package takes its version from `package.json`. */
export function statedVersions(root: string): readonly StatedVersion[] {
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  const manifest = JSON.parse(read('package.json')) as { version: string };
  const lock = JSON.parse(read('package-lock.json')) as { version: string; packages: { '': { version: string } } };
  return [
    { place: 'package.json', version: manifest.version },
    { place: 'package-lock.json', version: lock.version },
    { place: 'package-lock.json, packages', version: lock.packages[''].version },
    ...CHARTS.flatMap((chart) => {
      const file = `charts/${chart}/Chart.yaml`;
      const { version, appVersion } = parse(read(file)) as { version: string; appVersion: string };
      return [
        { place: `${file}, version`, version },
        { place: `${file}, appVersion`, version: appVersion },
      ];
    }),
    ...DOCKERFILES.flatMap((file) =>
      [...read(file).matchAll(/^ARG VERSION=(\S+)$/gm)].map(([, version = '']) => ({ place: file, version })),
    ),
  ];
}

/** Returns a sentence that lists the places that differ from the first, or `undefined` where all agree. */
export function disagreement([first, ...others]: readonly StatedVersion[]): string | undefined {
  const different = others.filter(({ version }) => version !== first?.version);
  if (first === undefined || different.length === 0) return undefined;
  const list = different.map(({ place, version }) => `${place} says ${version}`).join('; ');
  return `${first.place} says ${first.version}, but ${list}. Set the same version everywhere.`;
}
