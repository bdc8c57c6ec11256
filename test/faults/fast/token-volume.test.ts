import { fork } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, vi } from 'vitest';
import { authorizedFetch, type Fetch } from '../../../src/client/index.ts';
import { toVolumeData } from '../../../src/core/token-volume.ts';
import { freshToken, startSurroundings } from '../../support/client-side.ts';
import { keepOutput } from '../../support/outputs.ts';
import { until } from '../../support/until.ts';
import { row } from '../row.ts';
import { SteadyCalls } from '../steady-calls.ts';

vi.setConfig({ maxConcurrency: 3 });

const FIXTURES = join(import.meta.dirname, '../../fixtures');
/** How soon a change must be seen where nothing is watched, and what a busy machine may add. */
const POLLED = 2000;
const MORE = 8000;
/** Nothing can be watched. */
const NO_WATCH =
  "import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module'; fs.watch = () => { throw Object.assign(new Error('no watches left'), { code: 'ENOSPC' }); }; syncBuiltinESMExports();";
const UNWATCHED = ['--import', `data:text/javascript,${encodeURIComponent(NO_WATCH)}`];
/** Larger than any token. */
const HUGE = 'x'.repeat(4 * 1024 * 1024);

async function statusOf(call: Fetch, url: string): Promise<number> {
  const answer = await call(`${url}/incidents`);
  await answer.body?.cancel();
  return answer.status;
}

describe('the token volume', () => {
  row('F31', async (run) => {
    const world = await run.world({
      lifetime: 60,
      more: { renewal: { interval: '4s' } },
      process: { node: UNWATCHED },
    });
    const { stage } = world;
    const places = [stage.workplace.volume(), stage.gateway.url, await world.acquirer.url('reissue')];
    const client = fork(join(FIXTURES, 'steady-caller.ts'), [...places, stage.workplace.callerToken], {
      execArgv: UNWATCHED,
      silent: true,
    });
    keepOutput(client, 'steady-caller');
    run.atEnd(() => client.kill('SIGKILL'));
    const lines: string[] = [];
    if (client.stdout !== null) createInterface({ input: client.stdout }).on('line', (line) => lines.push(line));
    await until('A call', () => lines.length > 10, 60_000);
    // The client sees each new token by polling.
    for (let renewal = 0; renewal < 2; renewal += 1) {
      await world.renewed(world.document.sha256);
      const { sha256 } = world.document;
      await until('The new token in use', () => lines.at(-1) === `200 ${sha256}`, POLLED + MORE);
    }
    expect(lines.filter((line) => !line.startsWith('200 '))).toEqual([]);
    // The token-acquirer sees its credential and its configuration by polling.
    stage.workplace.credential('dynamics', { interval: '2s' });
    await world.acquirer.logged('token-rescheduled');
    // One of each token.
    run.allow({ inFlight: 2 });
    world.configure({ secrets: ['billing-tokens', 'more-tokens'] });
    await world.acquirer.logged('configuration-loaded', 2);
    expect(world.calls.figures.failed).toBe(0);
  });

  row('F32', async (run) => {
    const { gateway, volume, tokens, mount, current, faults, acquirer, stop } = await startSurroundings();
    run.atEnd(stop);
    const source = tokens().source('dynamics');
    await source.ready();
    const call = authorizedFetch(source, { origins: [gateway.url] });
    const calls = new SteadyCalls({
      call: () => statusOf(call, gateway.url),
      validity: () => async () => true,
    });
    run.count(calls);
    const good = current();
    const { dynamics: raw = '', 'dynamics.json': document = '' } = toVolumeData('dynamics', good);
    const spoiled: Readonly<Record<string, string | Uint8Array>>[] = [
      { dynamics: '', 'dynamics.json': '' },
      { dynamics: Buffer.from([0, 1, 2, 255]), 'dynamics.json': Buffer.from([0, 1, 2, 255]) },
      { dynamics: `${raw}\r\n`, 'dynamics.json': document.replace('"access_token":"', '"access_token":"\\r\\n') },
      { dynamics: HUGE, 'dynamics.json': HUGE },
      { dynamics: raw },
      {},
    ];
    for (const data of spoiled) {
      volume.write(data);
      // Until it is reported, which is after a second.
      await pause(1300);
      expect(source.current().sha256).toBe(good.sha256);
    }
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.join(' ')).not.toContain(raw);
    const next = freshToken({ generation: good.generation + 1 });
    gateway.accepted.add(next.sha256);
    mount(next);
    await until('The next token', () => source.current().sha256 === next.sha256, 5000);
    expect(calls.figures.failed).toBe(0);
    expect(acquirer.reissues).toHaveLength(0);
  });
});
