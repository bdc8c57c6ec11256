import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { helmBinaries, helm as runHelm } from '../charts/helm.ts';
import { realParts } from '../real/real-parts.ts';
import { keepText } from '../support/outputs.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { statementSchema } from './statement-schema.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'src/release/main.ts');
const MINUTE = 60_000;
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
const CHARTS = [`token-acquirer-${version}.tgz`, `token-acquirer-client-${version}.tgz`];
const PACKAGE = `token-acquirer-client-${version}.npm.tgz`;

const { path: folder, remove } = temporaryDirectory();
afterAll(remove);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command; whoever develops has uncommitted changes. */
async function release(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const options = { env: { ...process.env, ...env }, timeout: 5 * MINUTE };
  try {
    const outputs = await promisify(execFile)(process.execPath, [MAIN, '--allow-uncommitted', ...args], options);
    keepText('npm run release', `${outputs.stdout}${outputs.stderr}`);
    return { code: 0, ...outputs };
  } catch (error) {
    const { code, stdout, stderr } = error as Ended;
    keepText('npm run release', `${stdout}${stderr}`);
    return { code, stdout, stderr };
  }
}

const out = (name: string): string => join(folder, name);

function read(name: string, file: string): string {
  return readFileSync(join(out(name), file), 'utf8');
}

/** The lines of SHA256SUMS, by file. */
function checksums(name: string): Record<string, string> {
  const lines = read(name, 'SHA256SUMS').trim().split('\n');
  return Object.fromEntries(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

/** A PATH on which there is Node, git and tar, and helm only if it is this one. */
function pathWith(...folders: string[]): string {
  return [...folders, dirname(process.execPath), ...(process.env['PATH'] ?? '').split(delimiter)].join(delimiter);
}

describe('a release', { timeout: 5 * MINUTE }, () => {
  const part = realParts(async () => {
    const [binary] = await helmBinaries();
    if (binary === undefined) throw new Error('There is no helm.');
    const PATH = pathWith(dirname(binary.file));
    const parts = ['--only', 'charts', '--only', 'client'];
    const ended = [
      await release(['--out', out('one'), ...parts], { PATH }),
      await release(['--out', out('other'), ...parts], { PATH }),
    ];
    return { binary, PATH, ended, stop: async () => {} };
  });

  it('names its files, all of which its checksums fit', () => {
    expect(part().ended[0]).toMatchObject({ code: 0, stderr: '' });
    expect(Object.keys(checksums('one'))).toEqual(
      [...CHARTS, PACKAGE, PACKAGE.replace('.tgz', '.cdx.json'), 'notes.md', 'provenance.intoto.json'].toSorted(),
    );
    expect(readdirSync(out('one')).toSorted()).toEqual([...Object.keys(checksums('one')), 'SHA256SUMS'].toSorted());
    for (const file of readdirSync(out('one'))) expect(part().ended[0]?.stdout).toContain(`  ${file}\n`);
    execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: out('one') });
  });

  it('is the same again, except for the times of its provenance', () => {
    const [{ 'provenance.intoto.json': _, ...one }, { 'provenance.intoto.json': __, ...other }] = [
      checksums('one'),
      checksums('other'),
    ] as const;
    expect(one).toEqual(other);
    expect(Object.keys(one)).toEqual(expect.arrayContaining([...CHARTS, PACKAGE]));
  });

  it('has at another time other charts', async () => {
    const env = { PATH: part().PATH, SOURCE_DATE_EPOCH: '1000000000' };
    expect(await release(['--out', out('later'), '--only', 'charts'], env)).toMatchObject({ code: 0 });
    const list = execFileSync('tar', ['-tvzf', join(out('later'), CHARTS[0] ?? ''), '--utc'], { encoding: 'utf8' });
    for (const line of list.trim().split('\n')) expect(line).toContain(' 2001-09-09 01:46 ');
    expect(checksums('later')[CHARTS[0] ?? '']).not.toBe(checksums('one')[CHARTS[0] ?? '']);
  });

  it('has charts that helm reads', async () => {
    for (const chart of CHARTS) {
      expect(await runHelm(part().binary, ['show', 'chart', join(out('one'), chart)])).toContain(`version: ${version}`);
    }
    const values = join(ROOT, 'charts/token-acquirer/ci/minimal-values.yaml');
    const args = ['template', 'a', join(out('one'), CHARTS[0] ?? ''), '--values', values];
    expect(await runHelm(part().binary, args)).toContain('kind: Deployment');
  });

  it('has the client as npm installs it', () => {
    const manifest = execFileSync('tar', ['-xzOf', join(out('one'), PACKAGE), 'package/package.json']);
    expect(JSON.parse(manifest.toString())).toMatchObject({ name: 'token-acquirer-client', version });
  });

  it('states where each file is from', () => {
    const statement = statementSchema.parse(JSON.parse(read('one', 'provenance.intoto.json')));
    const { 'provenance.intoto.json': _, ...stated } = checksums('one');
    expect(Object.fromEntries(statement.subject.map(({ name, digest }) => [name, digest.sha256]))).toEqual(stated);
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim();
    expect(statement.predicate.buildDefinition.resolvedDependencies?.[0]).toMatchObject({
      digest: { gitCommit: commit },
    });
    expect(statement.predicate.buildDefinition.externalParameters).toMatchObject({
      version,
      parts: ['charts', 'client'],
    });
  });

  it('has the commits as notes', () => {
    expect(read('one', 'notes.md')).toMatch(new RegExp(`^# token-acquirer ${version.replaceAll('.', '\\.')}\n`));
    expect(read('one', 'notes.md')).toContain('\n## client\n\n- ');
  });

  it('takes in what was made elsewhere, and only once', async () => {
    const { PATH } = part();
    mkdirSync(out('elsewhere'));
    for (const name of ['image.cdx.json', 'notes.md', 'SHA256SUMS']) writeFileSync(join(out('elsewhere'), name), name);
    const include = ['--only', 'charts', '--include', out('elsewhere')];
    expect(await release(['--out', out('whole'), ...include], { PATH })).toMatchObject({ code: 0 });
    expect(Object.keys(checksums('whole'))).toEqual(
      [...CHARTS, 'image.cdx.json', 'notes.md', 'provenance.intoto.json'].toSorted(),
    );
    expect(read('whole', 'notes.md')).not.toBe('notes.md');
    writeFileSync(join(out('elsewhere'), CHARTS[0] ?? ''), '');
    const twice = await release(['--out', out('twice'), ...include], { PATH });
    expect(twice.code).toBe(1);
    expect(twice.stderr).toContain(`${CHARTS[0]} of ${out('elsewhere')} exists already: make that part only once.`);
  });
});

describe('a release with images', { timeout: 10 * MINUTE }, () => {
  const isPossible = process.platform === 'linux' && process.getuid?.() === 0;
  const platform = `linux-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
  const IMAGES = ['client-app', 'example-services', 'token-acquirer'];
  let ended: Ended;

  beforeAll(async () => {
    // No helm on this PATH.
    mkdirSync(out('programs'));
    const needed = ['git', 'tar', 'npm', 'ldd', 'chroot', 'dpkg-query', 'sh', 'bash', 'node', 'env', 'sed', 'cat'];
    for (const program of needed) linkProgram(program);
    ended = await release(['--out', out('images')], { PATH: out('programs') });
  }, 10 * MINUTE);

  function linkProgram(program: string): void {
    const found = execFileSync('sh', ['-c', `command -v ${program} || true`], { encoding: 'utf8' }).trim();
    if (found !== '') execFileSync('ln', ['-s', found, join(out('programs'), program)]);
  }

  it('says which part it left out, why, and what to do', () => {
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain(
      'Left out: charts. helm is not on the PATH. Install helm 3.17 or later, or helm 4, and run the command again.\n',
    );
    if (!isPossible) expect(ended.stdout).toMatch(/^Left out: images\. /m);
    expect(Object.keys(checksums('images'))).toContain(PACKAGE);
  });

  it('has each image of this platform with its bill of materials', () => {
    if (!isPossible) return;
    const expected = IMAGES.flatMap((image) =>
      ['cdx.json', 'oci.tar'].map((kind) => `${image}-${version}-${platform}.${kind}`),
    );
    expect(Object.keys(checksums('images'))).toEqual(expect.arrayContaining(expected));
    for (const image of IMAGES) {
      const bill = JSON.parse(read('images', `${image}-${version}-${platform}.cdx.json`)) as object;
      expect(bill).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name: image } } });
      const layers = execFileSync('tar', ['-tf', join(out('images'), `${image}-${version}-${platform}.oci.tar`)]);
      expect(layers.toString()).toMatch(/^oci-layout$/m);
    }
  });

  it('states the digest of each image', () => {
    if (!isPossible) return;
    const { subject } = statementSchema.parse(JSON.parse(read('images', 'provenance.intoto.json')));
    for (const image of IMAGES) {
      expect(subject.map(({ name }) => name)).toContain(`${image}-${version}-${platform}.oci.tar, manifest`);
    }
  });

  it('fails where a part that was asked for cannot be made', async () => {
    const failed = await release(['--out', out('failed'), '--only', 'charts'], { PATH: out('programs') });
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    expect(failed.stderr).toMatch(/^No release was made\. helm is not on the PATH\./);
  });
});

describe('the command', { timeout: MINUTE }, () => {
  it('rejects a folder that is not empty', async () => {
    mkdirSync(out('full'));
    writeFileSync(join(out('full'), 'a'), '');
    const { code, stderr } = await release(['--out', out('full')]);
    expect([code, stderr]).toEqual([
      1,
      `No release was made. The folder ${out('full')} is not empty. Name a new one.\n`,
    ]);
  });

  it.each([
    [[], 'Give the folder for the artifacts: --out FOLDER.'],
    [['--out', 'a', '--only', 'wheels'], 'There is no part wheels. The parts are charts, client, plugin, images.'],
    [['--out', 'a', '--nonsense'], "Unknown option '--nonsense'"],
  ])('explains its options for %j', async (args, message) => {
    const { code, stderr } = await release(args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain('npm run release -- --out FOLDER');
  });

  it.each(['1.5', 'tomorrow', '-1'])('rejects SOURCE_DATE_EPOCH=%s', async (epoch) => {
    const { code, stderr } = await release(['--out', out(`epoch${epoch}`)], { SOURCE_DATE_EPOCH: epoch });
    expect([code, stderr]).toEqual([1, 'No release was made. SOURCE_DATE_EPOCH must be seconds since 1970.\n']);
  });

  it('prints its help', async () => {
    expect((await release(['--help'])).stdout).toContain('It publishes and signs nothing.');
  });
});
