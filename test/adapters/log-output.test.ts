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

/** A stream that accepts nothing before `release`, and then all waiting chunks. */
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

  it('keeps a limited amount for a reader that does not read, and reports the dropped lines afterwards', async () => {
    const stream = new Blocked();
    const report: number[] = [];
    const output = createLogOutput(stream, { most: 1000, onDropped: (lines) => report.push(lines) });
    for (let line = 0; line < 100; line += 1) output.write('x'.repeat(100));
    expect(stream.writableLength).toBe(1000);
    expect(report).toEqual([]);
    await stream.release();
    output.write('after');
    output.write('the end');
    expect(stream.lines.slice(-2)).toEqual(['after', 'the end']);
    expect(report).toEqual([90]);
  });

  it('can report dropped lines by a line of the log itself', async () => {
    const stream = new Blocked();
    const output = createLogOutput(stream, { most: 10, onDropped: (lines) => output.write(`${lines} lost`) });
    for (const line of ['12345', '67890', 'dropped']) output.write(line);
    await stream.release();
    output.write('after');
    expect(stream.lines).toEqual(['12345', '67890', 'after', '1 lost']);
  });

  it('survives a reader that closed the pipe', async () => {
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

  /** Ends the process, and returns how long its event loop was blocked. */
  async function end(child: ChildProcess): Promise<number> {
    const report = text(child.stderr as Readable);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    return Number(await report);
  }

  it('does not end the process on a full disk, and continues when there is room', async () => {
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
    ['on a full device', 'exec >/dev/full'],
    ['after it was closed', 'exec >&-'],
  ])('does not end the process %s', async (_sentence, redirection) => {
    await end(await writer(redirection));
  });

  it('does not block the process on a pipe that nobody reads, not even its end', async () => {
    const child = await writer('true');
    await pause(1500);
    expect(await end(child)).toBeLessThan(2000);
  });

  it('does not end the process on a pipe whose reader closed it', async () => {
    const child = await writer('true');
    child.stdout?.destroy();
    await pause(300);
    await end(child);
  });
});
