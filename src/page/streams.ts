import type { ServerResponse } from 'node:http';

export interface StreamLimits {
  /** How many streams may be open. */
  readonly most: number;
  /** In bytes. A page that does not read any more, such as one whose tab sleeps, is let go; it comes back by itself. */
  readonly mostUnread: number;
}

/** The open streams of server-sent events (HTML Living Standard, section 9.2). */
export class Streams {
  readonly #limits: StreamLimits;
  readonly #open = new Set<ServerResponse>();

  constructor(limits: StreamLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  get full(): boolean {
    return this.#open.size >= this.#limits.most;
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

  /** Ends all streams. One whose page has not read all of it would not end by itself. */
  end(): void {
    for (const response of this.#open) {
      response.end();
      if (response.writableLength > 0) response.destroy();
    }
    this.#open.clear();
  }

  #write(text: string): void {
    for (const response of this.#open) {
      if (response.writableLength > this.#limits.mostUnread) response.destroy();
      else response.write(text);
    }
  }
}

/** JSON has no line breaks, which would end the event. */
function frame(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
