import type { EpochMs, Ms } from '../../core/token.ts';
import type { AuthorizationServerState, Deed, DemoEvent, DemoToken, HashPrefix, KindOf } from '../demo-event.ts';
import { secondsText } from '../evidence.ts';
import type { Mood } from './page-message.ts';

/** What just happened, in a sentence or two for somebody who sees this for the first time. */
export interface Caption {
  readonly text: string;
  readonly mood: Mood;
}

interface Candidate extends Caption {
  /** What happens all the time does not push away what does not. */
  readonly routine?: boolean;
}

interface AppMemory {
  token: DemoToken | undefined;
  /** The gateway's first 401 that no successful call has followed yet. */
  rejectedAt: EpochMs | undefined;
  /** The gateway's first acceptance after that. */
  acceptedAt: EpochMs | undefined;
  asked: boolean;
  /** For its last reissue. */
  askedAt: EpochMs;
  /** The last reissue was refused for a while. */
  paused: boolean;
  failedCalls: number;
  failedRequests: number;
}

const DWELL: Ms = 8000;
/** So long the token-acquirer takes a reissue call for a sign of life. */
const ASKING_COUNTS: Ms = 60_000;

/** Tells what matters, and of the regular course only what does not push that away. */
export class Captions {
  readonly #apps = new Map<string, AppMemory>();
  readonly #owners = new Map<HashPrefix, string>();
  #lastKey: EpochMs = 0;
  #gatewayRejects = false;

  /** The caption for this event, if it has one. */
  of(event: DemoEvent): Caption | undefined {
    const candidate = this.#candidate(event);
    if (candidate === undefined) return undefined;
    const { text, mood } = candidate;
    if (candidate.routine !== true) this.#lastKey = event.at;
    else if (event.at < this.#lastKey + DWELL) return undefined;
    return { text, mood };
  }

  #candidate(event: DemoEvent): Candidate | undefined {
    switch (event.kind) {
      case 'act':
        return event.deed === undefined ? undefined : this.#deed(event.deed);
      case 'issued':
        return this.#issued(event);
      case 'rescheduled':
        return plain(`The interval of ${event.app} is another now: its next renewal is ${inText(event)}.`);
      case 'request-failed':
        return this.#requestFailed(event);
      case 'reissue':
        return this.#reissue(event);
      case 'verdict':
        return this.#verdict(event);
      case 'call':
        return this.#call(event);
      case 'stopped':
        return this.#stopped(event);
      case 'suspended':
      case 'resumed':
        return this.#execution(event);
      default:
        return undefined;
    }
  }

  #deed(deed: Deed): Candidate | undefined {
    switch (deed.kind) {
      case 'revocation':
        return act(`The token of ${deed.app} was revoked: the gateway will reject it at its next call.`);
      case 'interval':
        // Its effect is told.
        return undefined;
      case 'authorization-server':
        return act(AUTHORIZATION_SERVER[deed.state]);
      case 'gateway':
        this.#gatewayRejects = deed.state === 'rejecting';
        return act(
          this.#gatewayRejects ? 'The gateway rejects every token from now on.' : 'The gateway is well again.',
        );
    }
  }

  #issued({ app, token, trigger, at }: KindOf<'issued'>): Candidate | undefined {
    const memory = this.#memoryOf(app);
    const { token: before, failedRequests } = memory;
    Object.assign(memory, { token, failedRequests: 0, asked: memory.asked || trigger === 'reissue' });
    this.#owners.set(token.hash, app);
    if (before === undefined) return routine(`${app} has its first token, in a file that it alone can read.`);
    const left = before.expiresAt - at;
    if (failedRequests > 0) {
      const end = left > 0 ? `${secondsText(left)} before the old one expired` : 'the old one having expired';
      return good(`${app} has a new token after ${times(failedRequests)} in vain, ${end}.`);
    }
    if (trigger === 'reissue' || left <= 0) return undefined;
    return routine(`The token of ${app} was renewed ${secondsText(left)} before it expires. Its calls go on.`);
  }

  #stopped({ who, at }: KindOf<'stopped'>): Candidate {
    const lately = at - this.#memoryOf(who).askedAt < ASKING_COUNTS;
    const why =
      ' It asked for a reissue within the last minute, which counts as running, so its token is still renewed.';
    return plain(`${who} was stopped.${lately ? why : ''}`);
  }

  /** Before its first token an app that starts is no news. */
  #execution({ kind, app }: KindOf<'suspended' | 'resumed'>): Candidate | undefined {
    if (this.#memoryOf(app).token === undefined) return undefined;
    return plain(
      kind === 'suspended'
        ? `${app} is not running, so no more tokens are requested for it.`
        : `${app} is running again, and its token is looked after again.`,
    );
  }

  #requestFailed({ app, retryIn, at }: KindOf<'request-failed'>): Candidate | undefined {
    const memory = this.#memoryOf(app);
    memory.failedRequests += 1;
    if (memory.failedRequests > 1) return undefined;
    const left = (memory.token?.expiresAt ?? at) - at;
    const kept =
      left > 0 ? `The one that ${app} has is kept and is good for ${secondsText(left)} more` : 'None is left';
    return bad(`The authorization server gave no token. ${kept}; the next try is in ${secondsText(retryIn)}.`);
  }

  /** What it leads to is told with the call. */
  #reissue({ app, result, at }: KindOf<'reissue'>): undefined {
    Object.assign(this.#memoryOf(app), { asked: true, askedAt: at, paused: result === 'paused' });
  }

  #verdict({ hash, status, at }: KindOf<'verdict'>): Candidate | undefined {
    const app = hash === undefined ? undefined : this.#owners.get(hash);
    if (app === undefined) return undefined;
    const memory = this.#memoryOf(app);
    if (status === 200) memory.acceptedAt ??= at;
    if (status !== 401 || memory.rejectedAt !== undefined) return undefined;
    Object.assign(memory, { rejectedAt: at, acceptedAt: undefined, asked: false });
    return bad(`The gateway rejected the token of ${app}.`);
  }

  #call({ app, ok, outcome, at }: KindOf<'call'>): Candidate | undefined {
    const memory = this.#memoryOf(app);
    if (!ok) {
      memory.failedCalls += 1;
      if (memory.failedCalls > 1) return undefined;
      return bad(`A call of ${app} failed (${outcome}).${this.#whyInVain(memory)}`);
    }
    const { rejectedAt, acceptedAt = at, failedCalls, asked } = memory;
    Object.assign(memory, { rejectedAt: undefined, failedCalls: 0, asked: false });
    if (failedCalls > 0) return good(`The calls of ${app} go well again, after ${failedCalls} that failed.`);
    if (rejectedAt === undefined) return undefined;
    const after = `after ${secondsText(acceptedAt - rejectedAt)}`;
    const how = asked
      ? `The client asked for a reissue; a new token came ${after}`
      : `Its file held a newer one ${after}`;
    return good(`The gateway rejected the token of ${app}. ${how}, and the call went well.`);
  }

  #whyInVain({ paused }: AppMemory): string {
    if (this.#gatewayRejects) return ' No new token helps while the gateway rejects all.';
    if (!paused) return '';
    return ' Its new token was rejected at once, too: the token-acquirer pauses before it requests yet another.';
  }

  #memoryOf(app: string): AppMemory {
    let memory = this.#apps.get(app);
    if (memory === undefined) {
      const nothing = { token: undefined, rejectedAt: undefined, acceptedAt: undefined };
      memory = { ...nothing, asked: false, askedAt: 0, paused: false, failedCalls: 0, failedRequests: 0 };
      this.#apps.set(app, memory);
    }
    return memory;
  }
}

const AUTHORIZATION_SERVER: Readonly<Record<AuthorizationServerState, string>> = {
  well: 'Token requests are answered as usual again.',
  down: 'Token requests are cut off from now on. The tokens that are out stay good until they expire.',
  failing: 'Token requests are answered with 500 from now on. The tokens that are out stay good until they expire.',
  refusing: 'The client secrets are wrong from now on, so token requests will be refused (invalid_client).',
  slow: 'The authorization server takes 3 s for a token request from now on.',
};

function plain(text: string): Candidate {
  return { text, mood: 'plain' };
}

function act(text: string): Candidate {
  return { text, mood: 'act' };
}

function good(text: string): Candidate {
  return { text, mood: 'good' };
}

function bad(text: string): Candidate {
  return { text, mood: 'bad' };
}

function routine(text: string): Candidate {
  return { text, mood: 'plain', routine: true };
}

function inText({ token, at }: KindOf<'rescheduled'>): string {
  const left = token.renewAt - at;
  return left > 0 ? `in ${secondsText(left)}` : 'due at once';
}

function times(count: number): string {
  return count === 1 ? 'one request' : `${count} requests`;
}
