import { execFile } from 'node:child_process';
import { readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

describe('the installation of the plugin of kubectl', () => {
  let home: ReturnType<typeof temporaryDirectory>;
  beforeAll(() => {
    home = temporaryDirectory();
  });
  afterAll(() => home.remove());

  const folder = (): string => join(home.path, '.local/bin');

  async function install(path: string): Promise<string> {
    const env = { ...process.env, HOME: home.path, PATH: path };
    const { stdout } = await run('npm', ['run', '-s', 'plugin'], { cwd: ROOT, env });
    return stdout;
  }

  it('is one command, which says where the programs are and what to do next', async () => {
    expect(await install(process.env['PATH'] ?? '')).toBe(
      `The plugin is in ${folder()}. ${folder()} is not on your PATH: add it. Then run: kubectl token-acquirer status\n`,
    );
    expect(readdirSync(folder()).toSorted()).toEqual(['kubectl-token_acquirer', 'kubectl_complete-token_acquirer']);
  });

  it('can be repeated', async () => {
    expect(await install(`${folder()}:${process.env['PATH']}`)).toBe(
      `The plugin is in ${folder()}. Then run: kubectl token-acquirer status\n`,
    );
    expect(realpathSync(join(folder(), 'kubectl-token_acquirer'))).toBe(join(ROOT, 'src/token-acquirer/plugin.mjs'));
  });

  it('makes programs that run in any folder', async () => {
    const env = { ...process.env, HOME: home.path };
    const { stdout: help } = await run(join(folder(), 'kubectl-token_acquirer'), ['--help'], { cwd: home.path, env });
    expect(help).toMatch(/^Usage: kubectl token-acquirer \[options\] \[command\]\n/);
    const completion = join(folder(), 'kubectl_complete-token_acquirer');
    expect((await run(completion, ['insp'], { cwd: home.path, env })).stdout).toBe('inspect\n:4\n');
  });
});
