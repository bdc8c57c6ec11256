import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NODE_FLAGS } from '../../src/build.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const run = promisify(execFile);
const MIB = 1024 * 1024;

// Outside the checkout, so that nothing can be found in its node_modules.
const { path: folder, remove } = temporaryDirectory();
const bundle = join(folder, 'certificate-maker.cjs');

interface Report {
  readonly before: { readonly isLoaded: boolean; readonly rss: number };
  readonly after: { readonly isLoaded: boolean; readonly rss: number };
  readonly sound: boolean;
  /** Milliseconds. */
  readonly took: number;
}

beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, '../fixtures/certificate-maker.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    logLevel: 'warning',
    minifySyntax: true,
    minifyWhitespace: true,
  });
});

afterAll(remove);

describe('a certificate of its own CA, from one bundled file as the token-acquirer is', () => {
  it('comes soon, and its library is loaded only then', async () => {
    const { stdout } = await run(process.execPath, [...NODE_FLAGS, bundle], { cwd: folder });
    const { before, after, sound, took } = JSON.parse(stdout) as Report;
    expect([before.isLoaded, after.isLoaded, sound]).toEqual([false, true, true]);
    // About 60 ms and 13 MB immediately, of which 6 MB stay.
    expect(took).toBeLessThan(1000);
    expect(after.rss - before.rss).toBeLessThan(60 * MIB);
  });
});
