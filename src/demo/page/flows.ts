import type { DemoEvent, HashPrefix, KindOf } from '../demo-event.ts';
import type { Edge, Load, PageMessage } from './page-message.ts';

export type Flow = Extract<PageMessage, { kind: 'flow' }>;

interface AppMemory {
  /** That the gateway last saw from it. */
  sent: HashPrefix | undefined;
  /** It was rejected, and nothing was accepted since. */
  rejected: boolean;
  /** For a reissue, since the rejection. */
  asked: boolean;
  /** With a token, since the rejection. */
  answered: boolean;
}

interface Leg {
  readonly back?: boolean;
  readonly load?: Load;
}

const BROUGHT_A_TOKEN: ReadonlySet<string> = new Set(['reissued', 'coalesced', 'newer']);

/**
 * Derives the movements between the parts. Some of it is concluded: a token request before the retry of a rejected call has been
 * asked for by the app, and a new token that was not the answer to that was read from the directory.
 */
export class Flows {
  readonly #apps = new Map<string, AppMemory>();
  readonly #owners = new Map<HashPrefix, string>();

  of(event: DemoEvent): Flow[] {
    switch (event.kind) {
      case 'token-requested':
        return [...this.#askOnce(event, event.app), leg(event, event.app, 'request')];
      case 'issued':
        this.#owners.set(event.token.hash, event.app);
        return [leg(event, event.app, 'request', { back: true, load: 'token' })];
      case 'request-failed':
        return [leg(event, event.app, 'request', { back: true, load: 'bad' })];
      case 'stored':
        return [leg(event, event.app, 'store', { load: 'token' })];
      case 'reissue':
        return this.#reissue(event);
      case 'verdict':
        return this.#verdict(event);
      default:
        return [];
    }
  }

  #reissue(event: KindOf<'reissue'>): Flow[] {
    const memory = this.#memoryOf(event.app);
    if (!BROUGHT_A_TOKEN.has(event.result)) {
      const asked = this.#askOnce(event, event.app);
      Object.assign(memory, { rejected: false, asked: false });
      return [...asked, leg(event, event.app, 'reissue', { back: true, load: 'bad' })];
    }
    // The log of another process may come late. Then the gateway has accepted the new token, and all was shown.
    if (!memory.rejected) return [];
    return [...this.#askOnce(event, event.app), ...this.#answerOnce(event, event.app)];
  }

  #verdict(event: KindOf<'verdict'>): Flow[] {
    const app = event.hash === undefined ? undefined : this.#owners.get(event.hash);
    if (app === undefined) return [];
    const memory = this.#memoryOf(app);
    const arrived = memory.sent === event.hash ? [] : this.#arrival(event, app);
    memory.sent = event.hash;
    const judged = [leg(event, app, 'call', { load: 'token' }), leg(event, app, 'check')];
    if (event.status !== 200) {
      memory.rejected ||= event.status === 401;
      return [...arrived, ...judged, leg(event, app, 'call', { back: true, load: 'bad' })];
    }
    Object.assign(memory, { rejected: false, asked: false, answered: false });
    return [...arrived, ...judged, leg(event, app, 'pass')];
  }

  /** Shows how the app got the token that it sends for the first time. */
  #arrival(event: DemoEvent, app: string): Flow[] {
    const { asked, answered } = this.#memoryOf(app);
    if (answered) return [];
    return asked ? this.#answerOnce(event, app) : [leg(event, app, 'read', { load: 'token' })];
  }

  #askOnce(event: DemoEvent, app: string): Flow[] {
    const memory = this.#memoryOf(app);
    const calls = event.kind === 'reissue' || memory.rejected;
    if (!calls || memory.asked) return [];
    memory.asked = true;
    return [leg(event, app, 'reissue')];
  }

  #answerOnce(event: DemoEvent, app: string): Flow[] {
    const memory = this.#memoryOf(app);
    if (memory.answered || !memory.asked) return [];
    memory.answered = true;
    return [leg(event, app, 'reissue', { back: true, load: 'token' })];
  }

  #memoryOf(app: string): AppMemory {
    let memory = this.#apps.get(app);
    if (memory === undefined) {
      memory = { sent: undefined, rejected: false, asked: false, answered: false };
      this.#apps.set(app, memory);
    }
    return memory;
  }
}

function leg({ at }: DemoEvent, app: string, edge: Edge, { back = false, load = 'plain' }: Leg = {}): Flow {
  return { kind: 'flow', at, app, edge, back, load };
}
