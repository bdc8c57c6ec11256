import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, vi } from 'vitest';
import { freePort } from '../../support/free-port.ts';
import { until } from '../../support/until.ts';
import { type RowRun, row } from '../row.ts';
import type { World } from '../world.ts';

vi.setConfig({ maxConcurrency: 3 });

const HOUR = 3_600_000;
const RENEWED_OFTEN = { lifetime: 60, more: { renewal: { interval: '2s' } } };
/** Of the event loop. */
const STALL = 5000;
const KILLS = 5;
/** After a renewal, in milliseconds: a token of 8 s is renewed after 5 s. */
const TOO_EARLY = 3000;

/** Loads this code into the token-acquirer before its program. */
function preloaded(code: string): { node: string[] } {
  return { node: ['--import', `data:text/javascript,${encodeURIComponent(code)}`] };
}

/** The wall clock jumps by so much at SIGUSR2. */
function jumpingClock(by: number): { node: string[] } {
  return preloaded(`let off = 0; const now = Date.now.bind(Date);
    Date.now = () => now() + off; process.on('SIGUSR2', () => { off = ${by}; });`);
}

async function outcomesOf(answers: readonly Promise<Response>[]): Promise<string[]> {
  const bodies = answers.map(async (answer) => (await (await answer).json()) as { outcome: string });
  return (await Promise.all(bodies)).map(({ outcome }) => outcome).toSorted();
}

async function suspended(run: RowRun): Promise<void> {
  const world = await run.world({ lifetime: 8 });
  world.acquirer.child.kill('SIGSTOP');
  await pause(8500);
  const before = world.front.requests.length;
  world.acquirer.child.kill('SIGCONT');
  await until('A new token', () => world.front.requests.length > before, 20_000);
  await pause(500);
  const [first, ...further] = world.front.requests.slice(before).map(({ at }) => at);
  // On a busy machine the next renewal may be seen, too.
  expect(further.filter((at) => at < (first ?? 0) + TOO_EARLY)).toEqual([]);
  await world.calls.succeed(10);
}

async function setForward(run: RowRun): Promise<void> {
  const world = await run.world({ lifetime: 1800, process: jumpingClock(HOUR) });
  const { sha256 } = world.document;
  world.acquirer.child.kill('SIGUSR2');
  await world.renewed(sha256);
  await world.goOn(2000);
  expect(world.front.requests.length).toBeLessThanOrEqual(3);
  expect(world.calls.figures.failed).toBe(0);
}

async function setBack(run: RowRun): Promise<void> {
  const process = jumpingClock(-HOUR);
  const world = await run.world({ lifetime: 7200, more: { renewal: { interval: '3s' } }, process });
  const { sha256 } = world.document;
  world.acquirer.child.kill('SIGUSR2');
  await world.renewed(sha256, 20_000);
  await world.renewed(world.document.sha256, 20_000);
  expect(world.calls.figures.failed).toBe(0);
}

/** Kills it a moment after the token endpoint answered. */
async function killAfterAnswer(world: World, delay: number): Promise<boolean> {
  const { length } = world.front.requests;
  const stored = world.document.sha256;
  await until('A token request', () => world.front.requests.length > length, 20_000);
  await pause(delay);
  await world.acquirer.end('SIGKILL');
  await pause(100);
  return world.document.sha256 === stored;
}

describe('the process', () => {
  row('F12', async (run) => {
    await Promise.all([suspended(run), setForward(run), setBack(run)]);
  });

  row('F25', async (run) => {
    const listen = `127.0.0.1:${await freePort()}`;
    const world = await run.world({ ...RENEWED_OFTEN, arguments: ['--listen', listen] });
    for (let kill = 0; kill < KILLS; kill += 1) {
      // The first answer is sent for certain, and is never read. The others meet the write as chance has it.
      const isFirst = kill === 0;
      world.front.beforeAnswer = async () => (isFirst ? world.acquirer.child.kill('SIGSTOP') : pause(20));
      const isLost = await killAfterAnswer(world, isFirst ? 500 : 15 + 3 * kill);
      if (isFirst) expect(isLost).toBe(true);
      world.front.beforeAnswer = async () => undefined;
      const { sha256 } = world.document;
      world.start();
      await world.renewed(sha256);
    }
    await world.calls.succeed(10);
    expect(world.calls.figures.failed).toBe(0);
    // The first, and for each kill the one before it and the one after it, and one of a slow start.
    expect(world.front.requests.length).toBeLessThanOrEqual(1 + 3 * KILLS);
  });

  row('F28', async (run) => {
    const world = await run.world({ lifetime: 60 });
    const { sha256 } = world.document;
    const before = world.front.requests.length;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    world.front.beforeAnswer = () => released;
    const answers = Array.from({ length: 50 }, () => world.reissue(sha256));
    await until('The request', () => world.front.requests.length > before, 20_000);
    await pause(500);
    const ended = world.acquirer.end();
    await world.acquirer.logged('stopping');
    await pause(500);
    release();
    expect(await outcomesOf(answers)).toEqual([...Array.from({ length: 49 }, () => 'coalesced'), 'reissued']);
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
    await world.calls.succeed(10);
    expect(world.document.previous_sha256).toEqual([sha256]);
    expect(world.calls.figures.failed).toBe(0);
  });

  row('F38', async (run) => {
    const world = await run.world({ ...RENEWED_OFTEN });
    const { workplace } = world.stage;
    writeFileSync(workplace.config, 'tokens: [');
    const { message } = await world.acquirer.logged('configuration-refused');
    expect(String(message)).toContain('The configuration that was in force stays.');
    await world.renewed(world.document.sha256);
    await world.renewed(world.document.sha256);
    const { tokens, ...report } = await world.acquirer.status();
    expect(tokens).toHaveLength(1);
    expect(JSON.stringify(report)).toContain('NewerFileRejected');
    // One of each token.
    run.allow({ inFlight: 2 });
    world.configure({ secrets: ['billing-tokens', 'shipping-tokens'] });
    await world.acquirer.logged('configuration-loaded', 2);
    expect(world.calls.figures.failed).toBe(0);
  });

  row('F39', async (run) => {
    const stall = `process.on('SIGUSR2', () => { const end = Date.now() + ${STALL}; while (Date.now() < end); });`;
    const world = await run.world({ lifetime: 60, more: { renewal: { interval: '5s' } }, process: preloaded(stall) });
    const { sha256 } = world.document;
    const before = world.front.requests.length;
    world.acquirer.child.kill('SIGUSR2');
    await pause(200);
    const answers = Array.from({ length: 50 }, () => world.reissue(sha256));
    const outcomes = await outcomesOf(answers);
    expect(outcomes.filter((outcome) => outcome === 'reissued').length).toBeLessThanOrEqual(1);
    expect(outcomes.every((outcome) => ['reissued', 'coalesced', 'newer'].includes(outcome))).toBe(true);
    await world.goOn(1000);
    expect(world.front.requests.length - before).toBe(1);
    expect(world.calls.figures.failed).toBe(0);
  });

  row('F40', async (run) => {
    const world = await run.world({ ...RENEWED_OFTEN, arguments: ['--log-level', 'debug', '--grace', '2s'] });
    const { acquirer } = world;
    acquirer.stopReading();
    // Rejected configurations are long lines: far more of them than a pipe and the buffer before it hold.
    const unknown = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`unknown-${index}`, index]));
    for (let reload = 0; reload < 12; reload += 1) {
      world.stage.workplace.configure({ ...unknown, reload });
      await pause(150);
    }
    for (let renewal = 0; renewal < 3; renewal += 1) await world.renewed(world.document.sha256);
    expect((await world.report()).state).toBe('Valid');
    const stopped = performance.now();
    expect((await acquirer.end()).code).toBe(0);
    expect(performance.now() - stopped).toBeLessThan(20_000);
    expect(world.calls.figures.failed).toBe(0);
  });
});
