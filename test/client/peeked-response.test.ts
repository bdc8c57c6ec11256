import { describe, expect, it } from 'vitest';
import { peekAtBody } from '../../src/client/peeked-response.ts';
import { failure } from '../support/failure.ts';
import { startHttpServer } from '../support/loopback-server.ts';

const KIB = 1024;

function streamed(chunks: readonly string[], end: 'close' | 'error' | 'never' = 'close'): ReadableStream<Uint8Array> {
  const waiting = [...chunks];
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = waiting.shift();
        if (chunk !== undefined) return controller.enqueue(new TextEncoder().encode(chunk));
        if (end === 'close') return controller.close();
        if (end === 'error') return controller.error(new Error('The line is cut.'));
        await new Promise(() => {});
      },
    },
    { highWaterMark: 0 },
  );
}

describe('an answer whose body was peeked at', () => {
  it('stays the same answer, with its whole body', async () => {
    const server = await startHttpServer((_, response) => {
      response.writeHead(400, 'Bad, really', [
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'Content-Type',
        'text/plain',
        'X-Trace',
        '7',
      ]);
      response.write('one ');
      setTimeout(() => response.end('two'), 50);
    });
    try {
      const given = await fetch(`${server.url}/a`);
      const { text, response } = await peekAtBody(given);
      expect(text).toBe('one two');
      expect(response).toBeInstanceOf(Response);
      const { status, statusText, ok, url, redirected, type } = response;
      expect({ status, statusText, ok, url, redirected, type }).toEqual({
        status: 400,
        statusText: 'Bad, really',
        ok: false,
        url: given.url,
        redirected: false,
        type: given.type,
      });
      expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
      expect([...response.headers]).toEqual([...given.headers]);
      expect(await response.clone().text()).toBe('one two');
      expect(await response.text()).toBe('one two');
    } finally {
      await server.stop();
    }
  });

  it.each<[string, readonly string[]]>([
    ['no body', []],
    ['a chunk', ['text']],
    ['more than the client peeks at', ['a'.repeat(60 * KIB), 'b'.repeat(60 * KIB), 'c'.repeat(60 * KIB)]],
  ])('has the same body with %s', async (_, chunks) => {
    const { text, response } = await peekAtBody(new Response(streamed(chunks), { status: 400 }));
    expect(text).toBe(chunks.join('').slice(0, 64 * KIB));
    expect(await response.text()).toBe(chunks.join(''));
  });

  it('can be read into buffers of the reader', async () => {
    const { response } = await peekAtBody(new Response(streamed(['one', 'two'])));
    const reader = (response.body as ReadableStream).getReader({ mode: 'byob' });
    const parts: string[] = [];
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(2));
      if (done) break;
      parts.push(new TextDecoder().decode(value));
    }
    expect(parts.join('')).toBe('onetwo');
  });

  it('breaks where the body breaks', async () => {
    const { text, response } = await peekAtBody(new Response(streamed(['one'], 'error')));
    expect(text).toBe('one');
    expect(await failure(response.text())).toMatchObject({ message: 'The line is cut.' });
  });

  it('is returned after a second, though the body goes on', async () => {
    const started = performance.now();
    const { text, response } = await peekAtBody(new Response(streamed(['one'], 'never')));
    expect(performance.now() - started).toBeGreaterThan(900);
    expect(performance.now() - started).toBeLessThan(5000);
    expect(text).toBe('one');
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('one');
    await reader.cancel();
  });

  it.each([
    'text/event-stream',
    'text/event-stream;charset=utf-8',
    'application/x-ndjson',
    'multipart/x-mixed-replace; boundary=a',
  ])('stays the original object for the stream type %s', async (type) => {
    const given = new Response(streamed(['one'], 'never'), { headers: { 'content-type': type } });
    expect(await peekAtBody(given)).toEqual({ text: '', response: given });
    await given.body?.cancel();
  });

  it('stays the original object if that has been read, or has no body', async () => {
    const read = new Response('text');
    await read.text();
    for (const given of [read, new Response(null, { status: 204 })]) {
      expect((await peekAtBody(given)).response).toBe(given);
    }
  });

  it('notifies its source when nobody reads on', async () => {
    let reason: unknown;
    const source = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(100 * KIB)),
      cancel: (given) => {
        reason = given;
      },
    });
    const { response } = await peekAtBody(new Response(source));
    await response.body?.cancel('Enough.');
    expect(reason).toBe('Enough.');
  });
});
