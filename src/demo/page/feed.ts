import type { EpochMs, Ms } from '../../core/token.ts';
import type { DemoEvent } from '../demo-event.ts';
import type { PageMessage, PageState, Snapshot } from './page-message.ts';
import { PageStory } from './page-story.ts';
import { type AppSample, Standing } from './standing.ts';

export interface FeedListener {
  readonly messages: (messages: readonly PageMessage[]) => void;
  readonly state: (state: PageState) => void;
}

/** Longer than the time line shows. */
const KEPT_FOR: Ms = 180_000;
const MOST_KEPT = 2000;

/** Feeds the pages: what happened lately, the current state, and from then on every change. */
export class Feed {
  readonly #sample: () => readonly AppSample[];
  readonly #story = new PageStory();
  readonly #standing = new Standing();
  readonly #listeners = new Set<FeedListener>();
  #recent: PageMessage[] = [];
  #buttons: PageState['buttons'] = 'starting';
  #lastState = '';

  /** `sample` looks up what no event has. */
  constructor(sample: () => readonly AppSample[]) {
    this.#sample = sample;
  }

  enter(event: DemoEvent): void {
    this.#standing.enter(event);
    const messages = this.#story.tell(event);
    if (messages.length === 0) return;
    this.#keep(messages, event.at);
    for (const { messages: hear } of this.#listeners) hear(messages);
    // What an act stores, starts or changes is shown immediately; the rest is looked up now and then.
    if (event.kind !== 'verdict' && event.kind !== 'token-requested') this.look();
  }

  setButtons(buttons: PageState['buttons']): void {
    this.#buttons = buttons;
    this.look();
  }

  /** Sends the current state if it has changed. */
  look(): void {
    if (this.#listeners.size === 0) return;
    const state = this.#state();
    const text = JSON.stringify(state);
    if (text === this.#lastState) return;
    this.#lastState = text;
    for (const { state: hear } of this.#listeners) hear(state);
  }

  snapshot(now: EpochMs): Snapshot {
    return { now, state: this.#state(), messages: this.#recent };
  }

  /** Returns what ends it. */
  subscribe(listener: FeedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #state(): PageState {
    return this.#standing.state(this.#sample(), this.#buttons);
  }

  /** Drops movements along arrows, which are of no use later. */
  #keep(messages: readonly PageMessage[], now: EpochMs): void {
    const recent = this.#recent.filter(({ at }) => at > now - KEPT_FOR);
    this.#recent = [...recent, ...messages.filter(({ kind }) => kind !== 'flow')].slice(-MOST_KEPT);
  }
}
