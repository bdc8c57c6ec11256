import type { EpochMs, Ms } from '../core/token.ts';
import type { DemoEvent, HashPrefix, KindOf } from './demo-event.ts';
import { secondsText } from './evidence.ts';

/** How a line is meant: decides its color. */
export type Mood = 'plain' | 'good' | 'bad' | 'act';

export interface StoryLine {
  readonly at: EpochMs;
  readonly who: string;
  readonly text: string;
  readonly mood: Mood;
}

interface AppMemory {
  /** That succeeded since the last line. */
  calls: number;
  last: 'none' | 'ok' | 'failed';
  /** Of the gateway's first 401 that no successful call has followed yet. */
  rejectedAt: EpochMs | undefined;
}

/** Turns events into lines: sums up what needs no line, and joins what belongs together. */
export class Storyteller {
  readonly #apps = new Map<string, AppMemory>();
  readonly #owners = new Map<HashPrefix, string>();
  readonly #callsALine: number;

  /** `callsALine`: after so many successful calls in a row, one line says so. */
  constructor(callsALine = 5) {
    this.#callsALine = callsALine;
  }

  /** The line for this event, if it is worth one. */
  tell(event: DemoEvent): StoryLine | undefined {
    switch (event.kind) {
      case 'listening':
        return line(event, event.who, `${LISTENING[event.what] ?? event.what} ${event.url}`);
      case 'started':
      case 'stopped':
        return line(event, event.who, event.kind);
      case 'act':
        return line(event, 'demo', event.text, 'act');
      case 'call':
        return this.#call(event);
      case 'verdict':
        return this.#verdict(event);
      case 'issued':
        this.#owners.set(event.token.hash, event.app);
        return line(event, 'token-acquirer', issuedText(event), 'good');
      case 'token-requested':
      case 'stored':
        // Another line has what token-acquirer makes of it.
        break;
      case 'notice':
        return line(event, event.who, event.message);
      case 'rescheduled':
      case 'request-failed':
      case 'suspended':
      case 'resumed':
      case 'reissue':
        return line(
          event,
          'token-acquirer',
          `${event.app}${plainText(event)}`,
          event.kind === 'request-failed' ? 'bad' : 'plain',
        );
    }
    return undefined;
  }

  #verdict(event: KindOf<'verdict'>): StoryLine | undefined {
    if (event.status === 200) return undefined;
    const app = event.hash === undefined ? undefined : this.#owners.get(event.hash);
    if (event.status === 401 && app !== undefined) this.#memoryOf(app).rejectedAt ??= event.at;
    const what = event.hash === undefined ? 'a request without a token' : `token ${event.hash}…`;
    const whose = app === undefined ? '' : ` of ${app}`;
    return line(event, 'gateway', `${what}${whose}: ${event.status}${VERDICTS[event.status] ?? ''}`, 'bad');
  }

  #call(event: KindOf<'call'>): StoryLine | undefined {
    const memory = this.#memoryOf(event.app);
    if (!event.ok) {
      memory.calls = 0;
      memory.last = 'failed';
      return line(event, event.app, `call failed: ${event.outcome}`, 'bad');
    }
    const text = okText(event, memory, this.#callsALine);
    memory.calls = text === undefined ? memory.calls + 1 : 0;
    memory.last = 'ok';
    memory.rejectedAt = undefined;
    return text === undefined ? undefined : line(event, event.app, text, 'good');
  }

  #memoryOf(app: string): AppMemory {
    let memory = this.#apps.get(app);
    if (memory === undefined) {
      memory = { calls: 0, last: 'none', rejectedAt: undefined };
      this.#apps.set(app, memory);
    }
    return memory;
  }
}

function okText(
  { at }: KindOf<'call'>,
  { calls, last, rejectedAt }: AppMemory,
  callsALine: number,
): string | undefined {
  if (rejectedAt !== undefined) return `call ok, ${secondsText(at - rejectedAt)} after the rejection`;
  if (last === 'none') return 'call ok';
  if (last === 'failed') return 'call ok again';
  return calls + 1 < callsALine ? undefined : `${callsALine} calls ok`;
}

const LISTENING: Readonly<Record<string, string>> = {
  url: 'listens on',
  issuer: 'listens on',
  tokenEndpoint: 'takes token requests on',
  reissue: 'takes reissue calls on',
  status: 'shows its status on',
};

const VERDICTS: Readonly<Record<number, string>> = {
  400: ' invalid_request',
  401: ' invalid_token',
  503: ', the authorization server cannot be asked',
};

/** Returns the text of events that need no history; it goes on after the app's name. */
function plainText(event: KindOf<'rescheduled' | 'request-failed' | 'suspended' | 'resumed' | 'reissue'>): string {
  switch (event.kind) {
    case 'rescheduled':
      return `: the interval changed, next renewal ${inText(event.token.renewAt - event.at)}`;
    case 'request-failed':
      return `: ${event.message} Next try in ${secondsText(event.retryIn)}.`;
    case 'suspended':
      return ' is not running: suspended';
    case 'resumed':
      return ' is running again: resumed';
    case 'reissue':
      break;
  }
  return ` asked for a reissue: ${event.result}`;
}

function line(event: DemoEvent, who: string, text: string, mood: Mood = 'plain'): StoryLine {
  return { at: event.at, who, text, mood };
}

/** `billing-app: token issued, generation 1767225600, sha256 3fa9c1d2…, expires in 20 s, renewal in 13.0 s` */
function issuedText({ app, token, trigger, at }: KindOf<'issued'>): string {
  const what = trigger === 'reissue' ? 'token reissued' : 'token issued';
  const name = `generation ${token.generation}, sha256 ${token.hash}…`;
  return `${app}: ${what}, ${name}, expires ${inText(token.expiresAt - at)}, renewal ${inText(token.renewAt - at)}`;
}

function inText(duration: Ms): string {
  return duration > 0 ? `in ${secondsText(duration)}` : 'immediately';
}
