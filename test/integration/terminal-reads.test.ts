import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { getText } from '../../src/adapters/node/terminal.ts';

let stop = async (): Promise<void> => {};
afterEach(() => stop());

/** The URL of a server that answers like this. */
async function serving(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Writes every 20 ms, and never ends. */
function drip(response: ServerResponse, text: string): void {
  const timer = setInterval(() => response.write(text), 20);
  response.on('close', () => clearInterval(timer));
}

describe('the status is read', () => {
  it('as a whole, with characters that were split between two packets', async () => {
    const text = Buffer.from('{"a":"ü"}');
    const url = await serving((response) => {
      response.statusCode = 418;
      response.write(text.subarray(0, 7));
      setTimeout(() => response.end(text.subarray(7)), 20);
    });
    expect(await getText(url)).toEqual({ status: 418, body: '{"a":"ü"}' });
  });

  it('up to a length', async () => {
    const url = await serving((response) => drip(response, 'x'.repeat(1000)));
    await expect(getText(url, { mostBytes: 2500 })).rejects.toThrow('its answer is longer than 2500 bytes');
  });

  it('for a time in all, however often something arrives', async () => {
    const url = await serving((response) => drip(response, 'x'));
    const started = performance.now();
    await expect(getText(url, { total: 300 })).rejects.toThrow('no whole answer within 0.3 s');
    expect(performance.now() - started).toBeLessThan(3000);
  });

  it('from a server that goes silent, before or in its answer, for a shorter time', async () => {
    for (const answer of [() => {}, (response: ServerResponse) => void response.write('x')]) {
      const url = await serving(answer);
      await expect(getText(url, { idle: 100 })).rejects.toThrow('no answer within 0.1 s');
      await stop();
    }
  });
});
