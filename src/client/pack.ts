import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire, isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const SOURCE = join(ROOT, 'src');
const ENTRY = join(SOURCE, 'client/index.ts');

export interface PackedClient {
  readonly file: string;
  /** Of the tarball, in bytes. */
  readonly size: number;
}

/** Packs the client library as a separate package, without any dependency, into the folder. */
export async function packClient(destination: string): Promise<PackedClient> {
  const staging = await mkdtemp(join(tmpdir(), 'token-acquirer-client-'));
  try {
    await Promise.all([bundle(staging), declare(staging), describe(staging), mkdir(destination, { recursive: true })]);
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', destination], { cwd: staging });
    const [packed] = JSON.parse(stdout) as [{ filename: string; size: number }];
    return { file: join(destination, packed.filename), size: packed.size };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * One CommonJS module, and an ES module that only hands on what it exports. An application may load both, such as one
 * that imports the package and a library of it that requires the package: `instanceof` works across them, and a volume
 * is watched once. Throws for an import that is not part of Node.
 */
async function bundle(staging: string): Promise<void> {
  const implementation = join(staging, 'index.cjs');
  const { metafile } = await build({
    entryPoints: [ENTRY],
    outfile: implementation,
    metafile: true,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20.0',
    logLevel: 'warning',
  });
  for (const { imports } of Object.values(metafile.outputs)) {
    const foreign = imports.find(({ path }) => !isBuiltin(path));
    if (foreign) throw new Error(`The client imports ${foreign.path}, but it may have no dependency: take that out.`);
  }
  const packaged = Object.keys(metafile.inputs).find((input) => input.includes('node_modules/'));
  if (packaged !== undefined) throw new Error(`The client would contain ${packaged}: take that import out.`);
  const names = Object.keys(createRequire(import.meta.url)(implementation) as object);
  // By name: what a default import of CommonJS is differs between Node and bundlers.
  await writeFile(join(staging, 'index.js'), `export { ${names.join(', ')} } from './index.cjs';\n`);
}

/**
 * The declarations that the entry leads to, each next to the others as in the sources. They are those of CommonJS, which ES
 * modules can import: a second set would make a second `Redacted` that TypeScript does not take for the first.
 */
async function declare(staging: string): Promise<void> {
  const emitted = join(staging, '.declarations');
  await mkdir(emitted);
  const project = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      rootDir: SOURCE,
      outDir: emitted,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    files: [ENTRY],
    include: [],
  };
  await writeFile(join(emitted, 'tsconfig.json'), JSON.stringify(project));
  await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', emitted]);
  await copyDeclarations(emitted, join(staging, 'types'));
  await rm(emitted, { recursive: true });
  await writeFile(join(staging, 'index.d.ts'), "export * from './types/client/index.cjs';\n");
}

const RELATIVE = /((?:from|import) '|import\(')(\.{1,2}\/[^']+)\.ts'/g;

async function copyDeclarations(from: string, to: string): Promise<void> {
  const waiting = [join(from, 'client/index.d.ts')];
  for (const file of waiting) {
    const text = await readFile(file, 'utf8');
    for (const [, , path = ''] of text.matchAll(RELATIVE)) {
      const next = resolve(dirname(file), `${path}.d.ts`);
      if (!waiting.includes(next)) waiting.push(next);
    }
    const target = join(to, relative(from, file));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target.replace(/\.d\.ts$/, '.d.cts'), text.replaceAll(RELATIVE, "$1$2.cjs'"));
  }
}

async function describe(staging: string): Promise<void> {
  const { version, license } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Record<string, string>;
  const manifest = {
    name: 'token-acquirer-client',
    version,
    license,
    type: 'module',
    description: 'Access tokens for applications that hold no credentials: read, sent, replaced when rejected',
    engines: { node: '>=20' },
    exports: {
      '.': {
        import: { types: './index.d.ts', default: './index.js' },
        require: { types: './types/client/index.d.cts', default: './index.cjs' },
      },
      './package.json': './package.json',
    },
    // For tools that do not know `exports`.
    main: './index.cjs',
    types: './types/client/index.d.cts',
    files: ['index.cjs', 'index.js', 'index.d.ts', 'types', 'README.md', 'LICENSE'],
    sideEffects: false,
  };
  await writeFile(join(staging, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await copyFile(join(SOURCE, 'client/README.md'), join(staging, 'README.md'));
  await copyFile(join(ROOT, 'LICENSE'), join(staging, 'LICENSE'));
}

if (process.argv[1] === import.meta.filename) {
  const { file, size } = await packClient(resolve(process.argv[2] ?? join(ROOT, 'dist')));
  process.stdout.write(`${file} ${size} bytes\n`);
}
