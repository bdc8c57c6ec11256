import { globSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { row } from '../row.ts';

interface LockedPackage {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const REGISTRY = 'https://registry.npmjs.org/';
const MOST_DEPENDENCIES = 16;
/** All that production needs, with what its dependencies need. */
const MOST_PACKAGES = 160;

function read(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

describe('the packages', () => {
  row('A23', async (run) => {
    run.hasNoCalls();
    const { dependencies } = read('package.json') as { dependencies: Record<string, string> };
    expect(Object.keys(dependencies).length).toBeLessThanOrEqual(MOST_DEPENDENCIES);
    for (const version of Object.values(dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    const { packages } = read('package-lock.json') as { packages: Record<string, LockedPackage> };
    const locked = Object.entries(packages).filter(([path]) => path !== '');
    const production = locked.filter(([, { dev }]) => dev !== true);
    expect(production.length).toBeLessThanOrEqual(MOST_PACKAGES);
    expect(locked.filter(([, { integrity }]) => integrity?.startsWith('sha512-') !== true)).toEqual([]);
    // Where it names no address, a package comes from the registry.
    expect(locked.filter(([, { resolved = REGISTRY }]) => !resolved.startsWith(REGISTRY))).toEqual([]);
    expect(production.filter(([, { hasInstallScript }]) => hasInstallScript === true)).toEqual([]);
    const images = globSync('Dockerfile.*');
    expect(images).toHaveLength(2);
    for (const file of images) {
      const installs = readFileSync(file, 'utf8').match(/npm (?:ci|install)\b.*/g) ?? [];
      expect(installs.length).toBeGreaterThan(0);
      for (const line of installs) expect(line).toContain('--ignore-scripts');
    }
  });
});
