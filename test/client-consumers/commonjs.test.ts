import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { packClient } from '../../src/client/pack.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { FakeReissuer } from '../fakes/fake-reissuer.ts';
import { realParts } from '../real/real-parts.ts';
import { AtomicWriter } from '../support/atomic-writer.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { freshToken } from '../support/client-side.ts';
import { nodeFromPath } from '../support/nodes.ts';
import { keepText } from '../support/outputs.ts';
import { startReissueServer } from '../support/reissue-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { successorOf } from '../support/token-source.ts';
import { type ConsumerPackages, consumerPackages } from './packages.ts';

const run = promisify(execFile);
const FIXTURES = join(import.meta.dirname, '../fixtures');

/** A project in CommonJS in which the packed client is installed. */
async function openProject(packages: ConsumerPackages) {
  const { path, remove } = temporaryDirectory();
  const at = (...names: string[]): string => join(path, ...names);
  const { file } = await packClient(at('dist'));
  mkdirSync(at('project'));
  writeFileSync(at('project/package.json'), JSON.stringify({ name: 'project', private: true, type: 'commonjs' }));
  const install = ['install', '--offline', '--no-audit', '--no-fund', file];
  execFileSync('npm', install, { cwd: at('project'), stdio: 'ignore' });
  return { ...packages, at, stop: async () => remove() };
}

const project = realParts(async () => openProject(await consumerPackages()));

/** A command of the project, its output kept; throws with what it wrote. */
async function inProject(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const options = { cwd: project().at('project'), env: { ...process.env, ...env }, timeout: 60_000 };
  try {
    const { stdout, stderr } = await run(program, [...args], options);
    keepText('a project that uses the client', `${stdout}${stderr}`);
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

/** Compiles files with TypeScript 5 and the types of Node 20, with the strictest settings. */
async function compile(name: string, files: Record<string, string>, options: object): Promise<void> {
  const { at, folder } = project();
  for (const [file, text] of Object.entries(files)) writeFileSync(at('project', file), text);
  const compilerOptions = {
    target: 'es2022',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    lib: ['es2022'],
    types: ['node'],
    typeRoots: [join(folder, 'node_modules/@types')],
    ...options,
  };
  writeFileSync(at('project', `tsconfig.${name}.json`), JSON.stringify({ compilerOptions, files: Object.keys(files) }));
  await inProject(process.execPath, [join(folder, 'node_modules/typescript/bin/tsc'), '-p', `tsconfig.${name}.json`]);
}

/** A volume with a token that no gateway takes, and an endpoint over TLS that gives another. */
async function startEndpoint() {
  const { path, remove } = temporaryDirectory();
  const first = freshToken();
  const second = successorOf(first, { issuedAt: Date.now(), expiresAt: Date.now() + 3_600_000 });
  new AtomicWriter(join(path, 'tokens')).write(toVolumeData('dynamics', first));
  const callerToken = secret('caller');
  const authority = createCertificateAuthority();
  const files = { caller: callerToken, 'ca.crt': authority.ca, expected: second.accessToken.reveal() };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  const reissuer = new FakeReissuer({ tokens: { dynamics: first }, issue: () => second });
  const server = await startReissueServer({ reissuer, callerToken, certificate: authority.issue() });
  return {
    place: path,
    url: server.url,
    reissues: () => reissuer.reissues.length,
    async stop() {
      await server.stop();
      authority.remove();
      remove();
    },
  };
}

async function withEndpoint(
  test: (endpoint: Awaited<ReturnType<typeof startEndpoint>>) => Promise<void>,
): Promise<void> {
  const endpoint = await startEndpoint();
  try {
    await test(endpoint);
  } finally {
    await endpoint.stop();
  }
}

describe('an application in CommonJS', { timeout: 120_000 }, () => {
  it('is compiled by TypeScript (node16) and runs on Node 20.0, and on later ones', async () => {
    const text = readFileSync(join(FIXTURES, 'client-consumer.cts.txt'), 'utf8');
    await compile('consumer', { 'consumer.ts': text }, { module: 'node16' });
    for (const node of [project().node20, nodeFromPath().path, process.execPath]) {
      await withEndpoint(async ({ place, url, reissues }) => {
        const stdout = await inProject(node, ['consumer.js', place, url]);
        const { node: version, ...outcome } = JSON.parse(stdout) as Record<string, unknown>;
        if (node === project().node20) expect(version).toBe('20.0.0');
        expect(outcome).toEqual({
          cured: 200,
          led: 'no token',
          dripping: 400,
          unhandled: [],
          printed: '[redacted]',
          redacted: true,
          absent: true,
          unusable: true,
          same: true,
          refused: expect.stringMatching(/^The token-acquirer at 127\.0\.0\.1:9 cannot be reached \(ECONNREFUSED\)/),
        });
        expect(reissues()).toBe(1);
      });
    }
  });

  it('has its tests run by Jest 29, on Node 20.0 and on that of the machine', async () => {
    const { at, folder, node20 } = project();
    writeFileSync(at('project/client.test.js'), readFileSync(join(FIXTURES, 'client-consumer.jest.txt')));
    const jest = join(folder, 'node_modules/jest/bin/jest.js');
    const args = [jest, '--ci', '--json', '--rootDir', at('project'), '--testTimeout', '20000'];
    for (const node of [node20, nodeFromPath().path]) {
      await withEndpoint(async ({ place, url }) => {
        const stdout = await inProject(node, args, { PLACE: place, REISSUE_URL: url, NODE_ENV: 'test' });
        const { numPassedTests, numFailedTests } = JSON.parse(stdout) as Record<string, number>;
        expect([numPassedTests, numFailedTests]).toEqual([11, 0]);
      });
    }
  });
});

describe('the types of the package', { timeout: 120_000 }, () => {
  const USE =
    "import { mountedTokens } from 'token-acquirer-client';\nmountedTokens({ directory: '/tokens' }).close();\n";

  it.each<[string, object, string]>([
    ['node16, CommonJS', { module: 'node16' }, 'use.ts'],
    ['node16, ES module', { module: 'node16' }, 'use.mts'],
    ['nodenext', { module: 'nodenext' }, 'use.cts'],
    ['a bundler', { module: 'esnext', moduleResolution: 'bundler' }, 'use.ts'],
    ['tools without exports (node10)', { module: 'commonjs', moduleResolution: 'node10' }, 'use.ts'],
  ])('resolve for %s', async (_, options, file) => {
    await compile('use', { [file]: USE }, { ...options, noEmit: true, skipLibCheck: true });
  });

  it('are the same for ES modules and CommonJS in one application', async () => {
    const legacy =
      "import { mountedTokens, type Token } from 'token-acquirer-client';\nexport const open = (): Token => mountedTokens({ directory: '/tokens' }).source('a').current();\n";
    const main =
      "import type { Redacted, Token } from 'token-acquirer-client';\nimport { open } from './legacy.cjs';\nconst token: Token = open();\nexport const secret: Redacted = token.accessToken;\n";
    await compile(
      'both',
      { 'legacy.cts': legacy, 'main.mts': main },
      { module: 'node16', noEmit: true, skipLibCheck: true },
    );
  });

  it('are found wanting where a program is wrong', async () => {
    const wrong = USE.replace("directory: '/tokens'", 'folder: 1');
    await expect(
      compile('wrong', { 'wrong.ts': wrong }, { module: 'node16', noEmit: true, skipLibCheck: true }),
    ).rejects.toThrow('folder');
  });
});
