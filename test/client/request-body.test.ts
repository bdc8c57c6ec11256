import { describe, expect, it } from 'vitest';
import { keepBody, LARGEST_KEPT, type RequestBody } from '../../src/client/request-body.ts';

const URL_TO_CALL = 'https://api.example.com/';
const least = 'x'.repeat(LARGEST_KEPT + 1);
const most = 'x'.repeat(LARGEST_KEPT);

function post(body: RequestInit['body']): Promise<RequestBody> {
  return keepBody(URL_TO_CALL, { method: 'POST', body: body ?? null });
}

function streamOf(...chunks: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
}

function formOf(value: string | Blob): FormData {
  const form = new FormData();
  form.append('field', value);
  return form;
}

/** The text that two requests with this body would send. */
async function sentTwice({ body }: RequestBody): Promise<[string, string]> {
  return [await new Response(body).text(), await new Response(body).text()];
}

describe('a body that can be sent again', () => {
  it.each<[string, RequestInit['body'], string]>([
    ['a string', 'text', 'text'],
    ['a string of 64 KiB', most, most],
    ['an empty string', '', ''],
    ['bytes', new TextEncoder().encode('bytes'), 'bytes'],
    ['an ArrayBuffer', new TextEncoder().encode('buffer').buffer, 'buffer'],
    ['a view of a part', new Uint8Array(new TextEncoder().encode('abcdef').buffer, 2, 3), 'cde'],
    ['a form that is URL encoded', new URLSearchParams({ a: '1 2' }), 'a=1+2'],
    ['a Blob', new Blob(['blob']), 'blob'],
    ['a short stream', streamOf('one ', 'two'), 'one two'],
  ])('can be %s', async (_, given, sent) => {
    const body = await post(given);
    expect(body.repeatable).toBe(true);
    expect(await sentTwice(body)).toEqual([sent, sent]);
  });

  it('can be a form with fields and a file', async () => {
    const form = formOf('value');
    form.append('file', new File(['content'], 'name.txt'));
    const body = await post(form);
    expect(body.repeatable).toBe(true);
    for (const text of await sentTwice(body)) expect(text).toMatch(/value[^]*name\.txt[^]*content/);
  });

  it.each([undefined, null])('can be absent with %s', async (given) => {
    expect(await keepBody(new URL(URL_TO_CALL), { body: given as null })).toEqual({
      body: undefined,
      repeatable: true,
    });
    expect(await keepBody(new Request(URL_TO_CALL), undefined)).toEqual({ body: undefined, repeatable: true });
  });

  it('stays as it was at the call, though the caller changes it later', async () => {
    const bytes = new TextEncoder().encode('before');
    const parameters = new URLSearchParams({ when: 'before' });
    const form = formOf('before');
    const kept = await Promise.all([post(bytes), post(parameters), post(form)]);
    bytes.fill(0);
    parameters.set('when', 'after');
    form.set('field', 'after');
    for (const body of kept) expect((await sentTwice(body))[1]).toContain('before');
  });

  it('can belong to a Request, whose type stays in its headers', async () => {
    const request = new Request(URL_TO_CALL, { method: 'POST', body: new URLSearchParams({ a: '1' }) });
    const body = await keepBody(request, undefined);
    expect(body.repeatable).toBe(true);
    expect(await sentTwice(body)).toEqual(['a=1', 'a=1']);
    expect(request.headers.get('content-type')).toContain('x-www-form-urlencoded');
  });

  it('comes from init rather than from the Request', async () => {
    const request = new Request(URL_TO_CALL, { method: 'POST', body: 'of the request' });
    expect(await sentTwice(await keepBody(request, { body: 'of init' }))).toEqual(['of init', 'of init']);
  });
});

describe('a body that is sent once', () => {
  it.each<[string, RequestInit['body']]>([
    ['a string of more than 64 KiB', least],
    ['a string of fewer characters but more bytes', 'é'.repeat(LARGEST_KEPT / 2 + 1)],
    ['more bytes', new Uint8Array(LARGEST_KEPT + 1)],
    ['a longer form', new URLSearchParams({ least })],
    ['a larger Blob', new Blob([least])],
    ['a form with a larger file', formOf(new Blob([least]))],
    [
      'an iterable',
      (async function* () {
        yield new Uint8Array(1);
      })(),
    ],
  ])('can be %s, and is the object of the caller', async (_, given) => {
    expect(await post(given)).toEqual({ body: undefined, repeatable: false });
  });

  it('can be a longer stream, and is sent whole', async () => {
    const body = await post(streamOf(most, most, 'end'));
    expect(body.repeatable).toBe(false);
    expect((await new Response(body.body).text()).length).toBe(2 * LARGEST_KEPT + 3);
  });

  it('can be a live stream, and is sent without waiting for its end', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    void writer.write(new TextEncoder().encode('begin '));
    const started = performance.now();
    const body = await post(readable);
    expect(performance.now() - started).toBeLessThan(5000);
    expect(body.repeatable).toBe(false);
    void writer.write(new TextEncoder().encode('end'));
    void writer.close();
    expect(await new Response(body.body).text()).toBe('begin end');
  });

  it('is sent after at most 64 KiB and a chunk of a stream were read', async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 8192;
          controller.enqueue(new Uint8Array(8192));
        },
      },
      { highWaterMark: 0 },
    );
    const body = await post(endless);
    expect(body.repeatable).toBe(false);
    expect(pulled).toBeLessThanOrEqual(LARGEST_KEPT + 3 * 8192);
    await (body.body as ReadableStream).cancel();
  });

  it('can belong to a larger Request, and is left to the Request itself', async () => {
    const request = new Request(URL_TO_CALL, { method: 'POST', body: least });
    expect(await keepBody(request, undefined)).toEqual({ body: undefined, repeatable: false });
    expect((await request.text()).length).toBe(least.length);
  });

  it('passes the error of a broken stream to the sender', async () => {
    const broken = new ReadableStream({
      pull() {
        throw new Error('The disk is gone.');
      },
    });
    const body = await post(broken);
    expect(body.repeatable).toBe(false);
    await expect(new Response(body.body).text()).rejects.toThrow('The disk is gone.');
  });

  it('is left to fetch if it was read already', async () => {
    const request = new Request(URL_TO_CALL, { method: 'POST', body: 'text' });
    await request.text();
    expect(await keepBody(request, undefined)).toEqual({ body: undefined, repeatable: false });
    const stream = streamOf('text');
    stream.getReader();
    expect(await post(stream)).toEqual({ body: undefined, repeatable: false });
  });
});
