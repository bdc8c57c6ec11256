import type { ServerResponse } from 'node:http';

const MOST_STREAMS = 32;
/** A page that does not read any more, such as one whose tab sleeps, is let go; it comes back by itself. */
const MOST_UNREAD = 1024 * 1024;

/** The open streams of server-sent events (HTML Living Standard, section 9.2). */
export class Streams {
  readonly #open = new Set<ServerResponse>();

  get size(): number {
    return this.#open.size;
  }

  get full(): boolean {
    return this.#open.size >= MOST_STREAMS;
  }

  /** Begins a stream with this event. */
  add(response: ServerResponse, event: string, data: object): void {
    response.on('close', () => this.#open.delete(response));
    this.#open.add(response);
    response.write(`retry: 1000\n${frame(event, data)}`);
  }

  send(event: string, data: object): void {
    this.#write(frame(event, data));
  }

  /** Shows each side that the other still runs. */
  beat(): void {
    this.#write(': still here\n\n');
  }

  #write(text: string): void {
    for (const response of this.#open) {
      if (response.writableLength > MOST_UNREAD) response.destroy();
      else response.write(text);
    }
  }
}

/** JSON has no line breaks, which would end the event. */
function frame(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
