import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { until } from '../support/until.ts';
import { stages } from './stage.ts';

vi.setConfig({ testTimeout: 90_000 });

const { open, closeAll } = stages();
afterAll(closeAll);

/** The limit is on the number of a descriptor, not on how many there are. */
function firstFree(taken: readonly number[]): number {
  let number = 0;
  while (taken.includes(number)) number += 1;
  return number;
}

describe('A token-acquirer that runs out of file descriptors', () => {
  it('tries again within seconds, and renews as soon as it can open a file', async () => {
    const stage = await open({ lifetime: 30, more: { renewal: { interval: '3s' } } });
    const acquirer = stage.acquirer();
    const { pid } = acquirer.child;
    await acquirer.logged('token-stored');
    const limit = async (files: number): Promise<void> => {
      await promisify(execFile)('prlimit', ['--pid', String(pid), `--nofile=${files}:`]);
    };

    // Again and again, because a connection that ends frees a number below the limit.
    const hasFailed = async (): Promise<boolean> => {
      await limit(firstFree(readdirSync(`/proc/${pid}/fd`).map(Number)));
      return acquirer.count('token-request-failed') > 0;
    };
    await until('a failed request', hasFailed, 30_000);
    const failed = await acquirer.logged('token-request-failed');
    expect(failed).toMatchObject({ code: 'credential_unavailable' });
    expect(failed['retry_in_ms']).toBeLessThanOrEqual(2000);
    const stored = acquirer.count('token-stored');
    await pause(3000);
    await limit(1000);
    await acquirer.logged('token-stored', stored + 1, 10_000);
    expect(acquirer.lines.map(({ code }) => code)).not.toContain('credential_unreadable');
  });
});
