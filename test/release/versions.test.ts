import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { disagreement, statedVersions } from '../../src/release/versions.ts';

const ROOT = resolve(import.meta.dirname, '../..');

describe('the versions', () => {
  it('are read from the package, its lock file, both charts and every stage of the Dockerfiles', () => {
    expect(statedVersions(ROOT).map(({ place }) => place)).toEqual([
      'package.json',
      'package-lock.json',
      'package-lock.json, packages',
      'charts/token-acquirer/Chart.yaml, version',
      'charts/token-acquirer/Chart.yaml, appVersion',
      'charts/token-acquirer-client/Chart.yaml, version',
      'charts/token-acquirer-client/Chart.yaml, appVersion',
      'Dockerfile.token-acquirer',
      'Dockerfile.token-acquirer',
      'Dockerfile.client-app',
    ]);
  });

  it('agree', () => {
    expect(disagreement(statedVersions(ROOT))).toBeUndefined();
  });

  it('are named where they differ from that of the package', () => {
    const stated = [
      { place: 'package.json', version: '0.2.0' },
      { place: 'a chart', version: '0.2.0' },
      { place: 'a Dockerfile', version: '0.1.0' },
      { place: 'the git tag', version: '0.2.1' },
    ];
    expect(disagreement(stated)).toBe(
      'package.json says 0.2.0, but a Dockerfile says 0.1.0; the git tag says 0.2.1. Set the same version everywhere.',
    );
  });
});
