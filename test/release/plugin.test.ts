import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { krewManifest } from '../../src/release/krew-manifest.ts';
import { makePlugin } from '../../src/release/plugin.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { addFakeRelease, type FakeRelease } from '../support/fake-release.ts';
import { statusReport, tokenReport } from '../support/status-reports.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const VERSION = '1.2.3';
const ARCHIVE = `kubectl-token_acquirer-${VERSION}.tar.gz`;
const REPOSITORY = 'https://github.example.com/team/token-acquirer';

/** What krew checks: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/. */
const manifestSchema = z.strictObject({
  apiVersion: z.literal('krew.googlecontainertools.github.com/v1alpha2'),
  kind: z.literal('Plugin'),
  metadata: z.strictObject({ name: z.string().regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/) }),
  spec: z.strictObject({
    version: z.string().regex(/^v\d+\.\d+\.\d+(?:-[\w.-]+)?$/),
    homepage: z.url(),
    shortDescription: z.string().max(50).regex(/[^.]$/),
    description: z.string(),
    caveats: z.string(),
    platforms: z
      .array(
        z.strictObject({
          selector: z.strictObject({
            matchExpressions: z.array(
              z.strictObject({ key: z.enum(['os', 'arch']), operator: z.literal('In'), values: z.array(z.string()) }),
            ),
          }),
          uri: z.url().regex(/\.(?:tar\.gz|zip)$/),
          sha256: z.string().regex(/^[0-9a-f]{64}$/),
          bin: z.string(),
        }),
      )
      .min(1),
  }),
});

describe('the plugin of a release', () => {
  const { path: folder, remove } = temporaryDirectory();
  const installed = join(folder, 'installed');
  let fake: FakeKubernetesApi;
  let release: FakeRelease;

  beforeAll(async () => {
    for (const name of ['one', 'other']) {
      mkdirSync(join(folder, name));
      const order = { root: ROOT, version: VERSION, time: 1_000_000_000, repository: REPOSITORY };
      await makePlugin({ ...order, folder: join(folder, name) });
    }
    mkdirSync(installed);
    execFileSync('tar', ['-xzf', join(folder, 'one', ARCHIVE), '-C', installed]);
    fake = await startKubernetesApi();
    release = await addFakeRelease(fake, statusReport([tokenReport('billing/tokens/dynamics')]));
  }, 120_000);

  afterAll(async () => {
    await Promise.all([release.stop(), fake.stop()]);
    remove();
  });

  const read = (name: string): Buffer => readFileSync(join(folder, 'one', name));
  const env = {
    ...process.env,
    PATH: [installed, dirname(process.execPath), process.env['PATH']].join(delimiter),
    NODE_PATH: '',
  };

  it('is an archive, a bill of materials, and a manifest for krew', () => {
    expect(readdirSync(join(folder, 'one')).toSorted()).toEqual([
      `kubectl-token_acquirer-${VERSION}.cdx.json`,
      `kubectl-token_acquirer-${VERSION}.krew.yaml`,
      ARCHIVE,
    ]);
  });

  it('is the same again', () => {
    for (const name of readdirSync(join(folder, 'one'))) {
      expect(readFileSync(join(folder, 'other', name)).equals(read(name))).toBe(true);
    }
  });

  it('is root’s in the archive, from the time of the release', () => {
    const list = execFileSync('tar', ['-tvzf', join(folder, 'one', ARCHIVE), '--utc', '--numeric-owner'], {
      encoding: 'utf8',
    });
    expect(list.trim().split('\n')).toEqual([
      expect.stringMatching(/^-rwxr-xr-x 0\/0 +\d+ 2001-09-09 01:46 kubectl-token_acquirer$/),
      expect.stringMatching(/^-rwxr-xr-x 0\/0 +\d+ 2001-09-09 01:46 kubectl_complete-token_acquirer$/),
      expect.stringMatching(/^-rw-r--r-- 0\/0 +\d+ 2001-09-09 01:46 LICENSE$/),
    ]);
  });

  it('runs without the folder of the project', async () => {
    const args = ['status', '--kubeconfig', fake.kubeconfig];
    const { stdout } = await run('kubectl-token_acquirer', args, { cwd: installed, env });
    expect(stdout).toMatch(/^billing\/tokens\/dynamics {2}Valid /m);
  });

  it('completes without the folder of the project', async () => {
    const { stdout } = await run('kubectl_complete-token_acquirer', ['insp'], { cwd: installed, env });
    expect(stdout).toBe('inspect\n:4\n');
  });

  it('has a manifest of the form that krew reads, for this archive', () => {
    const { metadata, spec } = manifestSchema.parse(
      parse(read(`kubectl-token_acquirer-${VERSION}.krew.yaml`).toString()),
    );
    expect(metadata.name).toBe('token-acquirer');
    expect(spec.version).toBe(`v${VERSION}`);
    expect(spec.platforms).toMatchObject([
      {
        uri: `${REPOSITORY}/releases/download/v${VERSION}/${ARCHIVE}`,
        sha256: createHash('sha256').update(read(ARCHIVE)).digest('hex'),
        bin: 'kubectl-token_acquirer',
      },
    ]);
    expect(readdirSync(installed)).toContain(spec.platforms[0]?.bin);
  });

  it('has a bill of what is in it, without Node', () => {
    const bill = JSON.parse(read(`kubectl-token_acquirer-${VERSION}.cdx.json`).toString()) as {
      components: { name: string; type: string }[];
    };
    const names = bill.components.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['@kubernetes/client-node', 'commander', 'yaml']));
    expect(bill.components.filter(({ type }) => type === 'platform')).toEqual([]);
    expect(names).not.toContain('fastify');
  });
});

describe('the manifest for krew', () => {
  it('is complete without an address of the project, for an archive that the user names', () => {
    const order = { version: VERSION, archive: ARCHIVE, sha256: 'a'.repeat(64), repository: undefined };
    const { spec } = manifestSchema.parse(krewManifest(order));
    expect(spec.platforms[0]?.uri).toBe(`https://token-acquirer.invalid/releases/download/v${VERSION}/${ARCHIVE}`);
  });
});
