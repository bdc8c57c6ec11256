import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type BuildOptions, build as bundleWith, type Plugin } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '..');

/**
 * How Node runs the token-acquirer's bundle. The first keeps garbage of token requests from piling up: 16 times less of
 * it is awaited before any is collected. The second takes away the inspector by signal. Further flags of V8 would make
 * each start slower (see adapters/node/idle-memory.ts). The environment variable NODE_COMPILE_CACHE, naming a writable
 * folder, makes each start after the first faster.
 */
export const NODE_FLAGS = ['--max-semi-space-size=1', '--disable-sigusr1'] as const;

export interface Bundle {
  readonly file: string;
  readonly bytes: number;
}

/** What an entry brings along that it never uses; the build fails where a package no longer has it. */
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
    contents: ['Registry', 'Counter', 'Gauge']
      .map((name) => `exports.${name} = require('./lib/${name.toLowerCase()}');`)
      .join('\n'),
  },
];

/**
 * Bundles both programs into the folder, each as one file that needs nothing but Node 24. The token-acquirer is
 * CommonJS, which starts fastest.
 */
export async function bundlePrograms(destination: string): Promise<readonly Bundle[]> {
  await mkdir(destination, { recursive: true });
  return Promise.all([
    bundle(join(destination, 'token-acquirer.cjs'), {
      entryPoints: [join(ROOT, 'src/token-acquirer/main.ts')],
      format: 'cjs',
      plugins: [omit(OMISSIONS)],
    }),
    bundle(join(destination, 'client-app.mjs'), {
      entryPoints: [join(ROOT, 'src/client-app/main.ts')],
      format: 'esm',
      // For packages that are CommonJS inside.
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
      },
    }),
  ]);
}

async function bundle(file: string, options: BuildOptions): Promise<Bundle> {
  const { metafile } = await bundleWith({
    ...options,
    ...{ outfile: file, bundle: true, platform: 'node', target: 'node24', metafile: true, logLevel: 'warning' },
    // Names stay, so that a stack trace says something.
    ...{ minifySyntax: true, minifyWhitespace: true, legalComments: 'eof' },
  });
  return { file, bytes: Object.values(metafile.outputs)[0]?.bytes ?? 0 };
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
        const errors = [...left].map(({ file }) => ({ text: `${file} is not among the imports: mend src/build.ts.` }));
        return { errors };
      });
    },
  };
}

if (process.argv[1] === import.meta.filename) {
  for (const { file, bytes } of await bundlePrograms(resolve(process.argv[2] ?? join(ROOT, 'dist')))) {
    process.stdout.write(`${file} ${bytes} bytes\n`);
  }
}
