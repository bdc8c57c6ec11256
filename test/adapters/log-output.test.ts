import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { type Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogOutput } from '../../src/adapters/telemetry/log-output.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const WRITER = join(import.meta.dirname, '../fixtures/log-writer.ts');

let directory: ReturnType<typeof temporaryDirectory>;
const children: ChildProcess[] = [];
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  directory.remove();
});

/** A stream that takes nothing in before it is told to, and then all that waits. */
class Blocked extends Writable {
  readonly lines: string[] = [];
  #blocked = true;
  #waiting: (() => void)[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.lines.push(chunk.toString());
    if (this.#blocked) this.#waiting.push(done);
    else done();
  }

  async release(): Promise<void> {
    this.#blocked = false;
    for (const done of this.#waiting.splice(0)) done();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the output of the log', () => {
  it('writes each line', async () => {
    const stream = new Blocked();
    await stream.release();
    const output = createLogOutput(stream);
    for (const line of ['a\n', 'b\n']) output.write(line);
    expect(stream.lines).toEqual(['a\n', 'b\n']);
  });

  it('keeps so much and no more for a reader that does not read, and says afterwards what is missing', async () => {
    const stream = new Blocked();
    const told: number[] = [];
    const output = createLogOutput(stream, { most: 1000, onDropped: (lines) => told.push(lines) });
    for (let line = 0; line < 100; line += 1) output.write('x'.repeat(100));
    expect(stream.writableLength).toBe(1000);
    expect(told).toEqual([]);
    await stream.release();
    output.write('after');
    output.write('the end');
    expect(stream.lines.slice(-2)).toEqual(['after', 'the end']);
    expect(told).toEqual([90]);
  });

  it('may be told of dropped lines by a line of the log itself', async () => {
    const stream = new Blocked();
    const output = createLogOutput(stream, { most: 10, onDropped: (lines) => output.write(`${lines} lost`) });
    for (const line of ['12345', '67890', 'dropped']) output.write(line);
    await stream.release();
    output.write('after');
    expect(stream.lines).toEqual(['12345', '67890', 'after', '1 lost']);
  });

  it('survives a reader that went away', async () => {
    const stream = new Blocked();
    const output = createLogOutput(stream);
    output.write('a');
    stream.destroy(Object.assign(new Error('broken pipe'), { code: 'EPIPE' }));
    await turn();
    for (let line = 0; line < 1000; line += 1) output.write('b');
    await turn();
    expect(stream.lines).toEqual(['a']);
  });
});

describe('standard output', () => {
  async function writer(redirection: string): Promise<ChildProcess> {
    const command = `${redirection}; exec "$0" "$1"`;
    const child = spawn('sh', ['-c', command, process.execPath, WRITER], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    await once(child.stderr, 'data');
    await pause(300);
    return child;
  }

  /** How long the event loop was held up, once the process has ended as it should. */
  async function end(child: ChildProcess): Promise<number> {
    const told = text(child.stderr as Readable);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    return Number(await told);
  }

  it('on a disk that is full ends no process, and is written to again when there is room', async () => {
    const file = join(directory.path, 'log');
    const child = await writer(`ulimit -f 8; exec >>${file}`);
    const full = statSync(file).size;
    await pause(200);
    expect(statSync(file).size).toBe(full);
    truncateSync(file);
    await expect.poll(() => statSync(file).size, { timeout: 5000 }).toBeGreaterThan(0);
    await end(child);
  });

  it.each([
    ['on a device that takes nothing', 'exec >/dev/full'],
    ['that was closed', 'exec >&-'],
  ])('%s ends no process', async (_sentence, redirection) => {
    await end(await writer(redirection));
  });

  it('into a pipe that nobody reads holds up no process, not even its end', async () => {
    const child = await writer('true');
    await pause(1500);
    expect(await end(child)).toBeLessThan(2000);
  });

  it('into a pipe whose reader went away ends no process', async () => {
    const child = await writer('true');
    child.stdout?.destroy();
    await pause(300);
    await end(child);
  });
});
