import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedClient, packClient } from '../../src/client/pack.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { FakeReissuer } from '../fakes/fake-reissuer.ts';
import { AtomicWriter } from '../support/atomic-writer.ts';
import { freshToken } from '../support/client-side.ts';
import { nodeFromPath } from '../support/nodes.ts';
import { keepText } from '../support/outputs.ts';
import { startReissueServer } from '../support/reissue-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

let directory: ReturnType<typeof temporaryDirectory>;
let packed: PackedClient;
const at = (...path: string[]): string => join(directory.path, ...path);

beforeAll(async () => {
  directory = temporaryDirectory();
  packed = await packClient(at('dist'));
  mkdirSync(at('consumer'));
  writeFileSync(at('consumer/package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', packed.file], {
    cwd: at('consumer'),
    stdio: 'ignore',
  });
}, 60_000);
afterAll(() => directory.remove());

/** Compiles a file next to the installed package, with the strictest settings; throws with what tsc says. */
async function compile(name: string, text: string, { skipLibCheck = false } = {}): Promise<void> {
  writeFileSync(at('consumer', `${name}.ts`), text);
  const project = {
    compilerOptions: {
      target: 'es2022',
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck,
      noUncheckedIndexedAccess: true,
      noPropertyAccessFromIndexSignature: true,
      isolatedModules: true,
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules/@types')],
      lib: ['es2022'],
    },
    files: [`${name}.ts`],
  };
  writeFileSync(at('consumer', `tsconfig.${name}.json`), JSON.stringify(project));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', `tsconfig.${name}.json`], { cwd: at('consumer') }).catch((error: unknown) => {
    throw new Error(`${name} does not compile:\n${(error as { stdout?: string }).stdout ?? ''}`);
  });
}

describe('the package of the client', () => {
  it('has all that it needs and nothing else', () => {
    const installed = readdirSync(at('consumer/node_modules')).filter((name) => !name.startsWith('.'));
    expect(installed).toEqual(['token-acquirer-client']);
    const inside = at('consumer/node_modules/token-acquirer-client');
    expect(readdirSync(inside).toSorted()).toEqual([
      'LICENSE',
      'README.md',
      'index.cjs',
      'index.d.ts',
      'index.js',
      'package.json',
      'types',
    ]);
    const manifest = JSON.parse(readFileSync(join(inside, 'package.json'), 'utf8')) as Record<string, unknown>;
    expect(manifest).toMatchObject({ name: 'token-acquirer-client', license: 'Apache-2.0', engines: { node: '>=20' } });
    expect(Object.keys(manifest).filter((key) => /dependencies|scripts/i.test(key))).toEqual([]);
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(packed.file).toBe(at('dist', `token-acquirer-client-${version}.tgz`));
    expect(packed.size).toBeLessThan(60_000);
  });

  it('imports nothing but Node', () => {
    const inside = (name: string): string =>
      readFileSync(at('consumer/node_modules/token-acquirer-client', name), 'utf8');
    const required = [...inside('index.cjs').matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) => name);
    expect(required.length).toBeGreaterThan(0);
    expect(required.filter((name) => !name?.startsWith('node:'))).toEqual([]);
    expect(inside('index.js')).toMatch(/^export \{ [^}]*\bauthorizedFetch\b[^}]* \} from '\.\/index\.cjs';\n$/);
  });

  it('compiles for a strict consumer, its own declarations included, and runs on every Node that there is', async () => {
    copyFileSync(join(import.meta.dirname, '../fixtures/client-consumer.ts.txt'), at('consumer/consumer.ts.txt'));
    await compile('consumer', readFileSync(at('consumer/consumer.ts.txt'), 'utf8'));
    new AtomicWriter(at('tokens')).write(toVolumeData('dynamics', freshToken()));
    for (const node of [process.execPath, nodeFromPath().path]) {
      const { stdout } = await run(node, ['consumer.js', at('tokens')], { cwd: at('consumer'), timeout: 20_000 });
      keepText('consumer of the client package', stdout);
      expect(JSON.parse(stdout)).toEqual({
        status: 200,
        printed: '[redacted]',
        redacted: true,
        missing: 'TokenNotYetAvailable',
        refused: 'ReissueError undefined',
        unusable: true,
      });
    }
  });
});

// So OpenTelemetry's instrumentation of `node:http` adds the `traceparent`, without an option of the library.
it('makes its reissue calls by whatever `request` of `node:http` is at the time of the call', async () => {
  const { url, stop, traceparents } = await startReissueServer({
    reissuer: new FakeReissuer({ tokens: { dynamics: freshToken() }, issue: () => freshToken() }),
    callerToken: 'caller',
  });
  const traceparent = `00-${'1a'.repeat(16)}-${'2b'.repeat(8)}-01`;
  new AtomicWriter(at('instrumented')).write(toVolumeData('dynamics', freshToken()));
  writeFileSync(at('caller'), 'caller');
  const reissue = { url, namespace: 'billing', secret: 'billing-tokens', callerTokenFile: at('caller') };
  writeFileSync(
    at('consumer/instrumented.cjs'),
    `const { mountedTokens } = require('token-acquirer-client');
const http = require('node:http');
const { request } = http;
http.request = (options, ...more) =>
  request({ ...options, headers: { ...options.headers, traceparent: '${traceparent}' } }, ...more);
const tokens = mountedTokens(${JSON.stringify({ directory: at('instrumented'), reissue })});
const source = tokens.source('dynamics');
source.replace(source.current().sha256).finally(() => tokens.close());
`,
  );
  try {
    await run(process.execPath, ['instrumented.cjs'], { cwd: at('consumer'), timeout: 20_000 });
  } finally {
    await stop();
  }
  expect(traceparents).toEqual([traceparent]);
});

describe('every example', () => {
  it('of its README compiles', async () => {
    const text = readFileSync(join(ROOT, 'src/client/README.md'), 'utf8');
    const blocks = [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, block = '']) => block);
    expect(blocks).toHaveLength(1);
    for (const [number, block] of blocks.entries()) await compile(`readme-${number}`, block, { skipLibCheck: true });
  });

  it('of its docstrings compiles', async () => {
    const files = ['index.ts', 'authorized-fetch.ts'].map((name) => join(ROOT, 'src/client', name));
    const examples = files.flatMap((file) => examplesOf(readFileSync(file, 'utf8')));
    expect(examples.length).toBeGreaterThanOrEqual(3);
    for (const [number, example] of examples.entries()) {
      const imports = "import { authorizedFetch, endpointTokens, mountedTokens } from 'token-acquirer-client';";
      await compile(`example-${number}`, `${imports}\n${example}`, { skipLibCheck: true });
    }
  });
});

function examplesOf(text: string): string[] {
  return [...text.matchAll(/^ \* @example\n((?: \*(?: .*)?\n)+)/gm)].map(([, lines = '']) =>
    lines.replaceAll(/^ \* ?(?:\/$)?/gm, ''),
  );
}
