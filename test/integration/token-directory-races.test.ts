import { type ChildProcess, fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDirectoryTokenStore } from '../../src/adapters/fs/directory-token-store.ts';
import { systemCode } from '../../src/core/errors.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { buildToken } from '../support/tokens.ts';

const WRITER = join(import.meta.dirname, '../fixtures/token-writer.ts');
const BILLING = { namespace: 'billing', secret: 'billing-tokens' };

let root: string;
let path: string;
let children: ChildProcess[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'token-directory-races-'));
  path = join(root, 'billing', 'billing-tokens');
  children = [];
});
afterEach(async () => {
  await Promise.all(children.map(kill));
  await rm(root, { recursive: true, force: true });
});

/** Resolves when the child has written for the first time. */
async function startWriter(...rival: 'rival'[]): Promise<ChildProcess> {
  const child = fork(WRITER, [root, BILLING.namespace, BILLING.secret, ...rival]);
  children.push(child);
  await once(child, 'message');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** Reads both keys as a client does, with `..data` resolved once. Returns `undefined` where that state was removed. */
function readAsClient(): [a: string, b: string] | undefined {
  const state = join(path, readlinkSync(join(path, '..data')));
  try {
    return [readFileSync(join(state, 'a'), 'utf8'), readFileSync(join(state, 'b'), 'utf8')];
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Reads in all ways until the time is over, and expects never to see anything torn or missing. */
async function expectWholeStates(duration: number): Promise<{ reads: number; states: number }> {
  const store = createDirectoryTokenStore(root);
  const states = new Set<string>();
  let reads = 0;
  const end = performance.now() + duration;
  while (performance.now() < end) {
    const { a, b, c } = await store.read(BILLING, ['a', 'b', 'c']);
    expect(a).toHaveLength(1500);
    expect(b).toBe(a);
    expect([a, undefined]).toContain(c);
    for (let burst = 0; burst < 50; burst += 1) {
      const found = readAsClient();
      if (found === undefined) continue;
      expect(found[0]).toHaveLength(1500);
      expect(found[1]).toBe(found[0]);
      states.add(found[0]);
      reads += 1;
    }
  }
  return { reads, states: states.size };
}

describe('A token directory under way', () => {
  it('shows readers whole states only, for seconds of swaps', async () => {
    await startWriter();
    const { reads, states } = await expectWholeStates(2500);
    expect(reads).toBeGreaterThan(1000);
    expect(states).toBeGreaterThan(10);
  });

  it('shows readers whole states only while two processes write to it against the rules', async () => {
    await Promise.all([startWriter('rival'), startWriter('rival')]);
    const { states } = await expectWholeStates(1500);
    expect(states).toBeGreaterThan(10);
  });

  it('holds a whole state whenever its writer is killed', async () => {
    for (let round = 0; round < 15; round += 1) {
      const child = await startWriter();
      await pause(randomInt(0, 60));
      await kill(child);
      await expectWholeStates(5);
    }
    const store = createDirectoryTokenStore(root, { clock: { now: () => Date.now() + 60_000 } });
    await store.write(BILLING, { a: '1', b: '1', c: undefined });
    await store.write(BILLING, { a: '2', b: '2' });
    expect((await readdir(path)).sort()).toEqual([readlinkSync(join(path, '..data')), '..data', 'a', 'b'].sort());
  });

  it('takes a token for each of 300 Secrets together, in seconds', async () => {
    const store = createDirectoryTokenStore(root);
    const begun = performance.now();
    await Promise.all(
      Array.from({ length: 300 }, (_, index) =>
        store.write({ namespace: `team-${index % 7}`, secret: `tokens-${index}` }, toVolumeData('t', buildToken())),
      ),
    );
    expect(performance.now() - begun).toBeLessThan(6000);
    const read = await store.read({ namespace: 'team-5', secret: 'tokens-299' }, ['t', 't.json']);
    expect(Object.keys(read)).toEqual(['t', 't.json']);
  });
});
