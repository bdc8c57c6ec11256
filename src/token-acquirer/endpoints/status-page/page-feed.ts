import type { ServerResponse } from 'node:http';
import type { Ms } from '../../../core/token.ts';
import { Streams } from '../../../page/streams.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { LastEvents } from './last-events.ts';
import type { PageBeginning, PagePicture, PageUpdate } from './page-message.ts';
import { changesBetween } from './page-picture.ts';

export interface PageFeedDependencies {
  readonly clock: Clock;
  readonly events: Pick<LastEvents, 'after' | 'count'>;
  /** Whether the configuration still has the page. */
  readonly isOn: () => boolean;
  readonly look: () => Promise<PagePicture>;
}

const LOOK_EVERY: Ms = 1000;
/** The whole picture of 10,000 tokens has about 1.5 MB. */
const LIMITS = { most: 8, mostUnread: 8 * 1024 * 1024 } as const;

/** Sends the pages a picture of all tokens, and then what changed. It does nothing while no page is open. */
export class PageFeed {
  readonly #dependencies: PageFeedDependencies;
  readonly #streams = new Streams(LIMITS);
  readonly #ending = new AbortController();
  /** What all open pages have. */
  #picture: PagePicture | undefined;
  #beginning: Promise<void> | undefined;
  #sentEvents = 0;

  constructor(dependencies: PageFeedDependencies) {
    this.#dependencies = dependencies;
  }

  get full(): boolean {
    return this.#streams.full || this.#ending.signal.aborted;
  }

  /** Sends the events of this stream from now on. The head of the answer has been written. */
  async follow(response: ServerResponse): Promise<void> {
    if (this.#picture === undefined) {
      this.#beginning ??= this.#begin();
      await this.#beginning;
    }
    const { clock, events } = this.#dependencies;
    if (response.destroyed || this.#picture === undefined || this.full) {
      response.end();
      return;
    }
    const beginning: PageBeginning = { now: clock.now(), ...this.#picture, events: events.after(0) };
    this.#streams.add(response, 'picture', beginning);
  }

  /** Ends all streams, and each that would begin. */
  end(): void {
    this.#ending.abort();
    this.#streams.end();
  }

  async #begin(): Promise<void> {
    try {
      this.#picture = await this.#dependencies.look();
      this.#sentEvents = this.#dependencies.events.count;
      void this.#goOn();
    } catch {
      // The stream ends without a picture, and the page comes back.
    } finally {
      this.#beginning = undefined;
    }
  }

  /** Until no page is open any more. */
  async #goOn(): Promise<void> {
    const { clock, isOn } = this.#dependencies;
    try {
      do {
        await clock.wait(LOOK_EVERY, this.#ending.signal);
        if (!isOn()) this.#streams.end();
        if (this.#streams.size > 0) await this.#send();
      } while (this.#streams.size > 0 && !this.#ending.signal.aborted);
    } catch {
      // The streams end, and the pages come back.
    } finally {
      this.#picture = undefined;
      this.#streams.end();
    }
  }

  async #send(): Promise<void> {
    const { clock, events, look } = this.#dependencies;
    const before = this.#picture;
    const after = await look();
    if (before === undefined) return;
    const added = events.after(this.#sentEvents);
    this.#sentEvents = events.count;
    const update: PageUpdate = {
      now: clock.now(),
      ...changesBetween(before, after),
      ...(added.length > 0 && { events: added }),
    };
    // Nothing is awaited from here on, so a page that joins has either both or neither.
    this.#picture = after;
    this.#streams.send('changes', update);
  }
}
