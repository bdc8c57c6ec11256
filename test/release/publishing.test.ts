import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
const IMAGES = ['token-acquirer', 'client-app', 'example-services'];
const INDEX = '{"manifests":[]}';
const DIGEST = `sha256:${createHash('sha256').update(INDEX).digest('hex')}`;
const PUSHED = `sha256:${'d'.repeat(64)}`;

let folder: string;
let remove: () => void;

beforeEach(() => {
  ({ path: folder, remove } = temporaryDirectory());
  mkdirSync(join(folder, 'programs'));
  mkdirSync(join(folder, 'release'));
  for (const image of IMAGES) {
    for (const architecture of ['amd64', 'arm64']) {
      writeFileSync(join(folder, `release/${image}-${version}-linux-${architecture}.oci.tar`), '');
    }
  }
});
afterEach(() => remove());

/** A program that notes how it was called, and answers like the real one. */
function stub(name: string, answer = ''): void {
  const file = join(folder, 'programs', name);
  writeFileSync(file, `#!/bin/sh\nprintf '%s\\n' "${name} $*" >>"${folder}/calls"\n${answer}\n`);
  chmodSync(file, 0o755);
}

/** Runs a script of `.ci` with the stubs first on the PATH; returns the calls. */
function run(script: string, ...args: string[]): string[] {
  const PATH = [join(folder, 'programs'), process.env['PATH']].join(delimiter);
  const env = { ...process.env, PATH, REGISTRY_USER: 'me', REGISTRY_PASSWORD: 'word' };
  execFileSync(join(ROOT, '.ci', script), args, { cwd: ROOT, env, stdio: 'pipe' });
  return readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');
}

/** No service is called: neither a registry nor Sigstore can be had in a test. */
describe('.ci/publish, with programs that only note their calls', () => {
  beforeEach(() => {
    stub('docker');
    stub('cosign');
    stub('skopeo', `case $1 in inspect) printf '%s' '${INDEX}' ;; esac`);
    stub('helm', `case $1 in push) printf 'Pushed: %s\\nDigest: ${PUSHED}\\n' "$2" >&2 ;; esac`);
  });

  it('pushes each image of each platform, joins them under the version, and signs the digest', () => {
    const calls = run('publish', join(folder, 'release'), 'registry.example.com/team');
    for (const image of IMAGES) {
      const name = `registry.example.com/team/${image}`;
      const both = ['amd64', 'arm64'].map((architecture) => `${name}:${version}-${architecture}`);
      for (const [index, architecture] of ['amd64', 'arm64'].entries()) {
        const archive = join(folder, `release/${image}-${version}-linux-${architecture}.oci.tar`);
        expect(calls).toContain(`skopeo copy --preserve-digests oci-archive:${archive} docker://${both[index]}`);
      }
      expect(calls).toContain(`docker buildx imagetools create --tag ${name}:${version} ${both.join(' ')}`);
      expect(calls).toContain(`cosign sign --yes --recursive ${name}@${DIGEST}`);
    }
  });

  it('pushes both charts and signs what the registry made of them', () => {
    const calls = run('publish', join(folder, 'release'), 'registry.example.com/team');
    for (const chart of ['token-acquirer', 'token-acquirer-client']) {
      const file = join(folder, `release/${chart}-${version}.tgz`);
      expect(calls).toContain(`helm push ${file} oci://registry.example.com/team/charts`);
      expect(calls).toContain(`cosign sign --yes registry.example.com/team/charts/${chart}@${PUSHED}`);
    }
  });

  it('logs in before anything else, with the password on stdin', () => {
    const [first, second] = run('publish', join(folder, 'release'), 'registry.example.com/team');
    expect(first).toBe('docker login registry.example.com --username me --password-stdin');
    expect(second).toBe('helm registry login registry.example.com --username me --password-stdin');
  });

  it('stops at the first failure, so that nothing is signed that was not pushed', () => {
    stub('skopeo', 'exit 1');
    expect(() => run('publish', join(folder, 'release'), 'registry.example.com/team')).toThrow(/Command failed/);
    expect(readFileSync(join(folder, 'calls'), 'utf8')).not.toMatch(/cosign|imagetools/);
  });
});

describe('.ci/sign, with a cosign that only notes its calls', () => {
  beforeEach(() => {
    stub('cosign');
    writeFileSync(join(folder, 'release/a'), 'a');
    const sum = createHash('sha256').update('a').digest('hex');
    writeFileSync(join(folder, 'release/SHA256SUMS'), `${sum}  a\n`);
  });

  it('signs the checksums and the provenance statement', () => {
    expect(run('sign', join(folder, 'release'))).toEqual([
      'cosign sign-blob --yes --bundle SHA256SUMS.sigstore.json SHA256SUMS',
      'cosign attest-blob --yes --statement provenance.intoto.json --bundle provenance.sigstore.json',
    ]);
  });

  it('signs nothing where a file differs from its checksum', () => {
    writeFileSync(join(folder, 'release/a'), 'b');
    writeFileSync(join(folder, 'calls'), '');
    expect(() => run('sign', join(folder, 'release'))).toThrow(/Command failed/);
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toBe('');
  });
});
