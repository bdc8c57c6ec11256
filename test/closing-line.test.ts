import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refusalOf } from './support/machine.ts';
import { nodeFromPath } from './support/nodes.ts';
import { temporaryDirectory } from './support/temporary.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
/** What an editor starts. */
const VITEST = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const CONFIG = 'test/fixtures/runs/vitest.config.ts';

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly lastLine: string | undefined;
}

interface RunOptions {
  readonly ci?: boolean;
  readonly node?: string;
  readonly program?: string;
}

/** Runs the named fixture on the real configuration in its own process. */
async function run(
  fixture: string,
  { ci = false, node = process.execPath, program = MAIN }: RunOptions = {},
): Promise<Run> {
  const { CI: _, ...environment } = process.env;
  const folder = temporaryDirectory();
  const RUNS_FILE = join(folder.path, 'runs');
  const env = { ...environment, NO_COLOR: '1', RUNS_FILE, ...(ci ? { CI: 'true' } : {}) };
  return new Promise((resolve) => {
    execFile(node, [program, 'run', '--config', CONFIG, `/${fixture}.fixture`], { env }, (error, stdout, stderr) => {
      folder.remove();
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve({ code, stdout, stderr, lastLine: stdout.trimEnd().split('\n').at(-1) });
    });
  });
}

describe('the closing line of a test run', () => {
  it.each([
    { what: 'counts what passed', fixture: 'sound', line: '1 passed, 0 failed, 0 skipped', code: 0 },
    { what: 'counts what was skipped', fixture: 'skipping', line: '1 passed, 0 failed, 1 skipped', code: 0 },
    {
      what: 'counts a file that cannot be loaded',
      fixture: 'unloadable',
      line: '0 passed, 1 failed, 0 skipped',
      code: 1,
    },
    {
      what: 'counts a rejection that nobody handles',
      fixture: 'unhandled',
      line: '1 passed, 1 failed, 0 skipped',
      code: 1,
    },
    { what: 'counts a hook that fails', fixture: 'broken-hook', line: '0 passed, 1 failed, 1 skipped', code: 1 },
    {
      what: 'takes a run without tests for a failure',
      fixture: 'none',
      line: '0 passed, 1 failed, 0 skipped',
      code: 1,
    },
  ])('$what', async ({ fixture, line, code }) => {
    const { lastLine, ...result } = await run(fixture);
    expect(lastLine).toBe(line);
    expect(result.code).toBe(code);
  });

  it('stands after a line for each failure', async () => {
    const { stdout } = await run('broken-hook');
    const lines = stdout.split('\n').filter((line) => line.startsWith('Failed: '));
    expect(lines).toHaveLength(2);
    expect(new Set(lines).size).toBe(1);
    expect(lines[0]).toMatch(/^Failed: test\/fixtures\/runs\/broken-hook\.fixture\.ts/);
    expect(stdout.indexOf('Failed: ', stdout.indexOf('Test Files'))).toBeGreaterThan(0);
  });

  it('counts a test whose process died', async () => {
    const result = await run('crashing');
    expect(result.lastLine).toMatch(/^0 passed, [1-9]\d* failed, 0 skipped$/);
    expect(result.code).toBe(1);
  });

  it('counts a skipped test as failed in CI, and names it', async () => {
    const result = await run('skipping', { ci: true });
    expect(result.lastLine).toBe('1 passed, 1 failed, 0 skipped');
    expect(result.stdout).toContain('counts as failed in CI: test/fixtures/runs/skipping.fixture.ts > is left out.');
    expect(result.code).toBe(1);
  });

  it('counts a test that fails only once as passed in CI, and names it', async () => {
    const { stdout, lastLine, code } = await run('unsteady', { ci: true });
    expect(lastLine).toBe('1 passed, 0 failed, 0 skipped');
    expect(stdout).toContain(
      'Passed when repeated: test/fixtures/runs/unsteady.fixture.ts > fails the first time: expected 1 to be 2',
    );
    expect(stdout).not.toContain('Failed: ');
    expect(code).toBe(0);
    expect((await run('unsteady')).lastLine).toBe('0 passed, 1 failed, 0 skipped');
  });

  it('counts a test that fails with what its file begins with as passed in CI, if a second run of the file passes', async () => {
    const file = 'test/fixtures/runs/unsteady-beginning.fixture.ts';
    const { stdout, lastLine, code } = await run('unsteady-beginning', { ci: true });
    expect(lastLine).toBe('1 passed, 0 failed, 0 skipped');
    expect(stdout).toContain(`Running ${file} again.`);
    expect(stdout.match(/^Passed when repeated: .*$/gm)).toEqual([
      `Passed when repeated: ${file} > a suite > passes when its file runs again: expected 1 to be 2 // Object.is equality`,
    ]);
    expect(code).toBe(0);
    expect((await run('unsteady-beginning')).lastLine).toBe('0 passed, 1 failed, 0 skipped');
  });

  it('counts a file that fails twice once', async () => {
    const { stdout, lastLine, code } = await run('broken-hook', { ci: true });
    expect(lastLine).toBe('0 passed, 2 failed, 0 skipped');
    expect(stdout).not.toContain('Passed when repeated: ');
    expect(code).toBe(1);
  });

  it('counts a failure where too many tests had to be repeated', async () => {
    const { stdout, lastLine, code } = await run('often-unsteady', { ci: true });
    expect(lastLine).toBe('4 passed, 1 failed, 0 skipped');
    expect(stdout).toContain('4 tests passed only when they were repeated: at most 3 may.');
    expect(code).toBe(1);
  });

  it('stands after a line on what the run stood on', async () => {
    const { stdout } = await run('sound');
    expect(stdout).toMatch(/^Node v\d+\.\d+\.\d+ on linux \w+, \d+ cores, load [\d.]+, [\d.]+, [\d.]+\.$/m);
    expect(stdout).toMatch(/^This run installed nothing\. It found \d+ programs in the cache\.$/m);
  });
});

describe('a test run that leaks secrets', () => {
  it('is reported, and one that keeps them says how much it searched', async () => {
    const { stdout } = await run('sound');
    expect(stdout).toMatch(/^Searched [1-9]\d* outputs of \d+\.\d MB for 1 secrets\.$/m);
    expect(stdout).not.toContain('leaked');
  });

  it('fails once for each secret, and names the secret and the output by their labels', async () => {
    const { stdout, lastLine, code } = await run('leaking');
    const leaks = stdout.split('\n').filter((line) => line.startsWith('A secret leaked'));
    expect(leaks.map((leak) => /"(.*?)"/.exec(leak)?.[1] ?? '').toSorted()).toEqual([
      'in a failure',
      'in a program',
      'in a text',
      'in an argument',
      'on the console',
      'written',
    ]);
    expect(leaks).toContain('A secret leaked: "in a text" is in "a metrics page".');
    expect(leaks).toContain('A secret leaked: "in a program" is in "stdout of a program".');
    expect(leaks).toContain('A secret leaked: "in an argument" is in "arguments of sh".');
    expect(leaks.join()).not.toContain('canary');
    expect(lastLine).toBe('5 passed, 7 failed, 0 skipped');
    expect(code).toBe(1);
  });
});

describe('an older Node', () => {
  it.each(['20.20.2', '22.21.0', '18.0.0'])('%s is rejected with a sentence', (version) => {
    expect(refusalOf(version)).toBe(
      `The tests need Node 24 or later, and this is Node ${version}. Start them by \`npm test\`, which uses the Node that \`npm ci\` installed.`,
    );
  });

  it.each(['24.0.0', '24.21.0', '26.10.0'])('%s is accepted', (version) => {
    expect(refusalOf(version)).toBeUndefined();
  });

  it('runs no test and ends with a failure', async () => {
    const node = nodeFromPath();
    // Where the machine's own Node is new enough there is no older one to reject.
    if (refusalOf(node.version) === undefined) return;
    const { lastLine, code, stderr } = await run('sound', { node: node.path, program: VITEST });
    expect(stderr).toContain(refusalOf(node.version));
    expect(lastLine).toBe('0 passed, 1 failed, 0 skipped');
    expect(code).toBe(1);
  });
});
