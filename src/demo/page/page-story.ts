import type { DemoEvent } from '../demo-event.ts';
import { Storyteller } from '../story.ts';
import { Captions } from './captions.ts';
import { Flows } from './flows.ts';
import type { PageMessage } from './page-message.ts';

/** Turns each event into messages to the page: what it draws, the caption, and the line of the list. */
export class PageStory {
  readonly #flows = new Flows();
  readonly #captions = new Captions();
  // Successful calls are ticks on the time line, and are counted.
  readonly #storyteller = new Storyteller(Number.POSITIVE_INFINITY);

  tell(event: DemoEvent): PageMessage[] {
    const { at } = event;
    const messages: PageMessage[] = [...drawn(event), ...this.#flows.of(event)];
    const caption = this.#captions.of(event);
    if (caption !== undefined) messages.push({ kind: 'caption', at, text: caption.text, mood: caption.mood });
    const line = this.#storyteller.tell(event);
    if (line !== undefined) messages.push({ kind: 'line', at, who: line.who, text: line.text, mood: line.mood });
    return messages;
  }
}

/** Returns the messages for the time line. */
function drawn(event: DemoEvent): PageMessage[] {
  const { at } = event;
  switch (event.kind) {
    case 'issued':
      return [{ kind: 'issued', at, app: event.app, token: event.token, trigger: event.trigger }];
    case 'rescheduled':
      return [{ kind: 'rescheduled', at, app: event.app, token: event.token }];
    case 'act':
      return event.deed?.kind === 'revocation'
        ? [{ kind: 'revoked', at, app: event.deed.app, hash: event.deed.hash }]
        : [];
    case 'started':
    case 'stopped':
      return [{ kind: 'running', at, app: event.who, running: event.kind === 'started' }];
    case 'call': {
      const retried = (event.requests ?? 1) > 1;
      return [{ kind: 'call', at, app: event.app, result: event.ok ? (retried ? 'retried' : 'ok') : 'failed' }];
    }
    default:
      return [];
  }
}
