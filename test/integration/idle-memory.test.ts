import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.ts';

const { path: cache, remove } = temporaryDirectory();
const FIXTURE = join(import.meta.dirname, '../fixtures/garbage-maker.ts');
/** V8 looks again 8 s after it last collected. */
const IDLE = '11000';

afterAll(remove);

interface Memory {
  readonly before: number;
  readonly after: number;
}

async function run(mode: 'started' | 'stopped' | 'released', idle = IDLE): Promise<Memory> {
  const env = { ...process.env, NODE_COMPILE_CACHE: cache };
  const flags = ['--max-semi-space-size=1'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, FIXTURE, mode, idle], { env });
  return JSON.parse(stdout) as Memory;
}

describe('A process that asks for a collection', () => {
  it('gives the memory of its garbage back immediately', async () => {
    const { before, after } = await run('released', '0');
    expect(before - after).toBeGreaterThan(20e6);
  });
});

describe('An idle process', () => {
  let started: Memory;
  let stopped: Memory;

  beforeAll(async () => {
    [started, stopped] = await Promise.all([run('started'), run('stopped')]);
  });

  it('gives the memory of its garbage back', () => {
    expect(started.before - started.after).toBeGreaterThan(20e6);
  });

  it('keeps it where it was stopped before', () => {
    expect(stopped.before - stopped.after).toBeLessThan(10e6);
  });

  it('has written its compile cache', () => {
    expect(readdirSync(cache, { recursive: true }).length).toBeGreaterThan(1);
  });
});
