import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryLimit, type MemoryLimit } from '../support/memory-limit.ts';

const MODULE = pathToFileURL(join(import.meta.dirname, '../../src/adapters/node/memory-limit.ts')).href;
const PROGRAM = `const { memoryLimit } = await import(${JSON.stringify(MODULE)}); process.stdout.write(String(memoryLimit()));`;
const LIMIT = 256 * 1024 * 1024;

describe('The memory limit of this process', () => {
  let limit: MemoryLimit | undefined;
  afterEach(async () => {
    await limit?.remove();
    limit = undefined;
  });

  it('is that of its cgroup', (context) => {
    limit = createMemoryLimit(LIMIT);
    if (limit === undefined) return context.skip('This machine lets no cgroup be made.');
    const [command, ...args] = [...limit.launcher, process.execPath, '--input-type=module', '-e', PROGRAM];
    expect(spawnSync(command, args, { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: String(LIMIT) });
  });

  it('is at most the memory of the machine, or unknown', () => {
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { encoding: 'utf8' });
    expect(stdout === 'undefined' || Number(stdout) < 2 ** 50).toBe(true);
  });
});
