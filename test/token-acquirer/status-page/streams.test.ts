import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Streams } from '../../../src/page/streams.ts';

/** A response that keeps so many bytes, because its page does not read them. */
class UnreadResponse {
  readonly writableLength: number;
  calls: string[] = [];

  constructor(unread: number) {
    this.writableLength = unread;
  }

  on(): void {}

  write(): void {
    this.calls.push('write');
  }

  end(): void {
    this.calls.push('end');
  }

  destroy(): void {
    this.calls.push('destroy');
  }
}

function opened(unread: number): { streams: Streams; response: UnreadResponse } {
  const streams = new Streams({ most: 8, mostUnread: 1000 });
  const response = new UnreadResponse(unread);
  streams.add(response as unknown as ServerResponse, 'picture', {});
  response.calls = [];
  return { streams, response };
}

describe('a stream of the page', () => {
  it.each([
    ['whose page has read all', 0, ['end']],
    ['whose page does not read', 1, ['end', 'destroy']],
  ])('ends, %s', (_, unread, calls) => {
    const { streams, response } = opened(unread);
    streams.end();
    expect(response.calls).toEqual(calls);
    expect(streams.size).toBe(0);
  });

  it.each([
    ['is written to while the page lags a little', 1000, ['write']],
    ['is let go where the page lags too far', 1001, ['destroy']],
  ])('%s', (_, unread, calls) => {
    const { streams, response } = opened(unread);
    streams.send('changes', {});
    expect(response.calls).toEqual(calls);
  });
});
