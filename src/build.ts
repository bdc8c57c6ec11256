import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { type BuildOptions, build as bundleWith, type Plugin } from 'esbuild';
import { billOfMaterials } from './bill-of-materials.ts';

const ROOT = resolve(import.meta.dirname, '..');

/**
 * The flags with which Node runs the bundle of token-acquirer. The first makes Node collect the garbage of token requests
 * 16 times earlier. The second switches off the inspector by signal. Further flags of V8 would make
 * each start slower (see adapters/node/idle-memory.ts). The environment variable NODE_COMPILE_CACHE, naming a writable
 * folder, makes each start after the first faster.
 */
export const NODE_FLAGS = ['--max-semi-space-size=1', '--disable-sigusr1'] as const;

export type Program = 'token-acquirer' | 'client-app' | 'example-services';

export interface Bundle {
  readonly file: string;
  /** Another file next to it, which it loads when it needs it. */
  readonly later?: string;
  /** Of both files. */
  readonly bytes: number;
  /** Paths of the files that went into it, relative to the project's folder. */
  readonly inputs: readonly string[];
}

/** A file that an entry imports but never uses. The build fails if a package no longer has it. */
interface Omission {
  readonly file: string;
  readonly contents: string;
}

const PROMETHEUS = 'node_modules/@prometheus-io/client/';

const OMISSIONS: readonly Omission[] = [
  // Error messages in 50 languages; English is imported by itself.
  { file: 'node_modules/zod/v4/locales/index.js', contents: 'export {};' },
  // Its default metrics, cluster and push gateway load much of Node.
  {
    file: `${PROMETHEUS}index.js`,
    contents: ['Registry', 'Counter', 'Gauge', 'Histogram']
      .map((name) => `exports.${name} = require('./lib/${name.toLowerCase()}');`)
      .join('\n'),
  },
];

/**
 * Only loaded in a cluster. The module imports libraries and nothing of this project, whose classes would exist twice:
 * once in each file.
 */
const LATER = { module: join(ROOT, 'src/adapters/kubernetes/api/client-library.ts'), file: 'kubernetes-client.cjs' };

/** Gives `require` to packages that are CommonJS inside. */
const REQUIRE = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);`;

const BUNDLES: Readonly<Record<Program, BuildOptions & { readonly outfile: string }>> = {
  'token-acquirer': {
    entryPoints: [join(ROOT, 'src/token-acquirer/main.ts')],
    format: 'cjs',
    outfile: 'token-acquirer.cjs',
    plugins: [omit(OMISSIONS), loadLater(), embedPage()],
  },
  'client-app': {
    entryPoints: [join(ROOT, 'src/client-app/main.ts')],
    format: 'esm',
    outfile: 'client-app.mjs',
    banner: { js: REQUIRE },
  },
  'example-services': {
    entryPoints: [join(ROOT, 'src/demo/cluster/main.ts')],
    format: 'esm',
    outfile: 'example-services.mjs',
    // oidc-provider looks settings up by the names of its classes.
    keepNames: true,
    banner: { js: REQUIRE },
  },
};

/** Of the plugin of kubectl, which runs on whatever Node its user has. */
const ANY_NODE = `#!/usr/bin/env node
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(\`kubectl token-acquirer needs Node 24 or later, and this is \${process.version}. Install it, and put it first on the PATH.\\n\`);
  process.exit(1);
}`;

/** Bundles the plugin of kubectl into this file, which needs nothing but Node 24. */
export function bundlePlugin(file: string): Promise<Bundle> {
  const options: BuildOptions = {
    entryPoints: [join(ROOT, 'src/token-acquirer/plugin-main.ts')],
    format: 'cjs',
    banner: { js: ANY_NODE },
    plugins: [omit(OMISSIONS.slice(0, 1))],
  };
  return bundleFile({ ...options, outfile: basename(file) }, dirname(file));
}

/**
 * Bundles both programs into the folder, each as one file that needs nothing but Node 24. The one of token-acquirer has
 * another next to it that is only needed in a cluster. It is CommonJS, which starts fastest.
 */
export function bundlePrograms(destination: string): Promise<readonly Bundle[]> {
  return Promise.all([bundle('token-acquirer', destination), bundle('client-app', destination)]);
}

async function bundle(program: Program, destination: string): Promise<Bundle> {
  const first = await bundleFile(BUNDLES[program], destination);
  if (program !== 'token-acquirer') return first;
  const later = await bundleFile({ entryPoints: [LATER.module], format: 'cjs', outfile: LATER.file }, destination);
  return {
    file: first.file,
    later: later.file,
    bytes: first.bytes + later.bytes,
    inputs: [...first.inputs, ...later.inputs],
  };
}

async function bundleFile(options: BuildOptions & { readonly outfile: string }, destination: string): Promise<Bundle> {
  mkdirSync(destination, { recursive: true });
  const file = join(destination, options.outfile);
  const { metafile } = await bundleWith({
    ...options,
    outfile: file,
    bundle: true,
    platform: 'node',
    target: 'node24',
    metafile: true,
    logLevel: 'warning',
    // Names stay, so that a stack trace says something. The paths of the inputs are relative to this folder.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'eof',
    absWorkingDir: ROOT,
  });
  const [output] = Object.values(metafile.outputs);
  return { file, bytes: output?.bytes ?? 0, inputs: Object.keys(output?.inputs ?? {}) };
}

function loadLater(): Plugin {
  return {
    name: 'load-later',
    setup(build) {
      build.onResolve({ filter: /\/client-library\.ts$/ }, ({ path, resolveDir }) =>
        resolve(resolveDir, path) === LATER.module ? { path: `./${LATER.file}`, external: true } : undefined,
      );
    },
  };
}

/** Puts the files of the status page into the bundle, in the place of the module that reads them. */
function embedPage(): Plugin {
  return {
    name: 'embed-page',
    setup(build) {
      build.onLoad({ filter: /\/status-page\/page-files\.ts$/ }, async ({ path }) => {
        const page = (await import(path)) as PageFiles;
        const files = [...page.readPageFiles()].map(([name, { type, content }]) => [
          name,
          type,
          content.toString('utf8'),
        ]);
        return {
          contents: `export const PAGE_BASE = ${JSON.stringify(page.PAGE_BASE)};
            export const readPageFiles = () => new Map(
              ${JSON.stringify(files)}.map(([name, type, text]) => [name, { type, content: Buffer.from(text) }]));`,
        };
      });
    },
  };
}

interface PageFiles {
  readonly PAGE_BASE: string;
  readPageFiles(): ReadonlyMap<string, { readonly type: string; readonly content: Buffer }>;
}

function omit(omissions: readonly Omission[]): Plugin {
  return {
    name: 'omit',
    setup(build) {
      const left = new Set(omissions);
      build.onLoad({ filter: /node_modules/ }, async ({ path }) => {
        const omission = omissions.find(({ file }) => path === join(ROOT, file));
        if (omission === undefined) return undefined;
        left.delete(omission);
        return { contents: omission.contents, resolveDir: dirname(path) };
      });
      build.onEnd(() => {
        const errors = [...left].map(({ file }) => ({
          text: `${file} is not among the imports: correct src/build.ts.`,
        }));
        return { errors };
      });
    },
  };
}

/** The path of Node in the image, that of the compile cache, and the user. The Dockerfiles state the same. */
const IMAGE_NODE = '/usr/local/bin/node';
const COMPILE_CACHE = '/app/compile-cache';
const USER = 65_532;

/**
 * Lays out the root of an image in a folder: this Node and the libraries that it loads, the program, the files that the C
 * library reads, and a bill of materials. There is no shell, no package manager, and no CA of this machine.
 */
export async function layOutImage(program: Program, root: string): Promise<void> {
  const built = await bundle(program, join(root, 'app'));
  put(root, IMAGE_NODE, withoutSymbols(readFileSync(process.execPath)), 0o755);
  const listing = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  const libraries = [...listing.matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => library);
  for (const library of libraries) put(root, library, readFileSync(realpathSync(library)), 0o755);
  put(root, '/etc/passwd', `nonroot:x:${USER}:${USER}:nonroot:/nonexistent:/sbin/nologin\n`);
  put(root, '/etc/group', `nonroot:x:${USER}:\n`);
  put(root, '/etc/nsswitch.conf', 'hosts: files dns\n');
  // Node has these CAs built in. The file is for its option --use-openssl-ca, and for users to mount their own over it.
  put(root, '/etc/ssl/certs/ca-certificates.crt', `${rootCertificates.join('\n')}\n`);
  put(root, `/usr/share/licenses/${program}/LICENSE`, readFileSync(join(ROOT, 'LICENSE')));
  put(
    root,
    `/usr/share/sbom/${program}.cdx.json`,
    `${JSON.stringify(billOfMaterials(program, built.inputs, libraries), null, 2)}\n`,
  );
  // For `kubectl exec`: the kernel starts it without a shell.
  const file = `/app/${BUNDLES[program].outfile}`;
  put(root, `/usr/local/bin/${program}`, `#!${IMAGE_NODE}\nimport('${file}');\n`, 0o755);
  // A small program does not start faster with it.
  if (program === 'token-acquirer') bakeCompileCache(root, file);
}

function put(root: string, path: string, content: string | Buffer, mode = 0o644): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content, { mode });
}

/**
 * Returns a program for 64-bit Linux without the part that only debuggers use: everything after the last segment that is
 * loaded. `strip` does the same, but it needs a package and the right processor.
 */
export function withoutSymbols(program: Buffer): Buffer {
  if (program.readUInt32BE(0) !== 0x7f_45_4c_46 || program[4] !== 2 || program[5] !== 1) {
    throw new Error('This is not a 64-bit little-endian ELF file.');
  }
  const [table, size, count] = [
    Number(program.readBigUInt64LE(32)),
    program.readUInt16LE(54),
    program.readUInt16LE(56),
  ];
  let end = table + size * count;
  for (let header = table; header < table + size * count; header += size) {
    end = Math.max(end, Number(program.readBigUInt64LE(header + 8) + program.readBigUInt64LE(header + 32)));
  }
  const kept = Buffer.from(program.subarray(0, end));
  // The table of sections is removed: its offset, the number of its entries, and the index of the one with the names.
  kept.writeBigUInt64LE(0n, 40);
  kept.writeUInt32LE(0, 60);
  return kept;
}

/**
 * Loads the program's files once in the image's root, with its user and its flags, to all of which the cache is bound. So
 * each start of a container is as fast as a second one. This needs root, and shows that the image is complete.
 */
function bakeCompileCache(root: string, file: string): void {
  mkdirSync(join(root, COMPILE_CACHE));
  chmodSync(join(root, COMPILE_CACHE), 0o777);
  const later = `require('${join(dirname(file), LATER.file)}')`;
  for (const args of [
    [file, '--version'],
    ['--eval', later],
  ]) {
    execFileSync('chroot', [`--userspec=${USER}:${USER}`, root, IMAGE_NODE, ...NODE_FLAGS, ...args], {
      env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: COMPILE_CACHE },
    });
  }
  makeReadable(join(root, COMPILE_CACHE));
}

/** Makes the cache readable for everybody and writable for nobody. Node creates it only for its owner. */
function makeReadable(folder: string): void {
  chownSync(folder, 0, 0);
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeReadable(path);
    else {
      chownSync(path, 0, 0);
      chmodSync(path, 0o644);
    }
  }
}

/** `build.ts [FOLDER]` bundles both programs; `build.ts --image PROGRAM FOLDER` lays out the root of an image. */
async function main([first, program = '', root = '']: readonly string[]): Promise<void> {
  if (first === '--image') {
    if (!(program in BUNDLES) || root === '')
      throw new Error(`--image takes one of ${Object.keys(BUNDLES).join(', ')} and a folder.`);
    await layOutImage(program as Program, root);
    return;
  }
  if (first?.startsWith('-') === true) throw new Error('There is no such option: give a folder, or --image.');
  for (const { file, bytes } of await bundlePrograms(resolve(first ?? join(ROOT, 'dist')))) {
    process.stdout.write(`${file} ${bytes} bytes\n`);
  }
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2));
