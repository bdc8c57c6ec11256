import type { EpochMs, Ms } from '../../core/token.ts';
import type { AuthorizationServerState, Deed, DemoEvent, DemoToken, HashPrefix, KindOf } from '../demo-event.ts';
import { secondsText } from '../evidence.ts';
import type { Mood } from './page-message.ts';

/** Says what just happened, in one or two sentences for somebody who sees this for the first time. */
export interface Caption {
  readonly text: string;
  readonly mood: Mood;
}

interface Candidate extends Caption {
  /** A caption of the regular course does not replace a rare one. */
  readonly routine?: boolean;
}

interface Recovery {
  readonly at: EpochMs;
  readonly took: Ms;
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
  /** Whether the last reissue was answered with a pause. */
  paused: boolean;
  /** The last recovery for which no reissue was known when its call succeeded. */
  recovery: Recovery | undefined;
  failedCalls: number;
  failedRequests: number;
}

const DWELL: Ms = 8000;
/** The report of a reissue may arrive later than that of the call which used its token: they come from two processes. */
const REPORTS_APART: Ms = 2000;
/** For so long after a reissue call, token-acquirer counts the app as running. */
const ASKING_COUNTS: Ms = 60_000;

/** Chooses the caption. Of the regular course it only takes what does not replace something rare. */
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
        return plain(`The renewal interval of ${event.app} changed. ${nextText(event)}.`);
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
        return act(`The token of ${deed.app} was revoked. The gateway will reject it at its next call.`);
      case 'interval':
        // The caption comes with its effect.
        return undefined;
      case 'authorization-server':
        return act(AUTHORIZATION_SERVER[deed.state]);
      case 'gateway':
        this.#gatewayRejects = deed.state === 'rejecting';
        return act(
          this.#gatewayRejects ? 'From now on the gateway rejects every token.' : 'The gateway is back to normal.',
        );
    }
  }

  #issued({ app, token, trigger, at }: KindOf<'issued'>): Candidate | undefined {
    const memory = this.#memoryOf(app);
    const { token: before, failedRequests } = memory;
    Object.assign(memory, { token, failedRequests: 0, asked: memory.asked || trigger === 'reissue' });
    this.#owners.set(token.hash, app);
    if (before === undefined) return routine(`${app} received its first token, in a file only it can read.`);
    const left = before.expiresAt - at;
    if (failedRequests > 0) {
      const end = left > 0 ? `${secondsText(left)} before the old one expired` : 'after the old one had expired';
      return good(`${app} got a new token after ${failedText(failedRequests)}, ${end}.`);
    }
    if (trigger === 'reissue' || left <= 0) return undefined;
    return routine(
      `The token of ${app} was renewed ${secondsText(left)} before expiry. Calls continue without interruption.`,
    );
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
        : `${app} is running again, and its token is being renewed again.`,
    );
  }

  #requestFailed({ app, retryIn, at }: KindOf<'request-failed'>): Candidate | undefined {
    const memory = this.#memoryOf(app);
    memory.failedRequests += 1;
    if (memory.failedRequests > 1) return undefined;
    const left = (memory.token?.expiresAt ?? at) - at;
    const kept =
      left > 0
        ? `${app} keeps its current token, valid for another ${secondsText(left)}`
        : `${app} has no valid token left`;
    return bad(`The authorization server issued no token. ${kept}. Retrying in ${secondsText(retryIn)}.`);
  }

  /** The caption comes with the call that follows, or replaces that of a call that was reported first. */
  #reissue({ app, result, at }: KindOf<'reissue'>): Candidate | undefined {
    const memory = this.#memoryOf(app);
    const { recovery } = memory;
    const isLate = recovery !== undefined && at < recovery.at + REPORTS_APART;
    Object.assign(memory, { asked: !isLate, askedAt: at, paused: result === 'paused', recovery: undefined });
    return isLate ? recovered(app, ASKED, recovery.took) : undefined;
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
      return bad(`A call from ${app} failed (${outcome}).${this.#cause(memory)}`);
    }
    const { rejectedAt, acceptedAt = at, failedCalls, asked } = memory;
    Object.assign(memory, { rejectedAt: undefined, failedCalls: 0, asked: false });
    if (failedCalls > 0) return good(`Calls from ${app} succeed again, after ${failuresText(failedCalls)}.`);
    if (rejectedAt === undefined) return undefined;
    const took = acceptedAt - rejectedAt;
    memory.recovery = asked ? undefined : { at, took };
    return recovered(app, asked ? ASKED : FOUND, took);
  }

  #cause({ paused }: AppMemory): string {
    if (this.#gatewayRejects) return ' A new token cannot help while the gateway rejects every token.';
    if (!paused) return '';
    return ' Its new token was rejected immediately as well. token-acquirer pauses before it requests another.';
  }

  #memoryOf(app: string): AppMemory {
    let memory = this.#apps.get(app);
    if (memory === undefined) {
      const nothing = { token: undefined, rejectedAt: undefined, acceptedAt: undefined };
      const begun = { asked: false, askedAt: 0, paused: false, recovery: undefined };
      memory = { ...nothing, ...begun, failedCalls: 0, failedRequests: 0 };
      this.#apps.set(app, memory);
    }
    return memory;
  }
}

const AUTHORIZATION_SERVER: Readonly<Record<AuthorizationServerState, string>> = {
  normal: 'Token requests are answered normally again.',
  down: 'From now on token requests are dropped. Tokens already issued stay valid until they expire.',
  failing: 'From now on token requests are answered with 500. Tokens already issued stay valid until they expire.',
  rejecting: 'From now on the client secrets are wrong, so token requests will be rejected (invalid_client).',
  slow: 'From now on the authorization server takes 3 s for each token request.',
};

const ASKED = 'The client asked for a reissue, got a new token';
const FOUND = 'Its file already had a newer token';

function recovered(app: string, how: string, took: Ms): Candidate {
  return good(`The gateway rejected the token of ${app}. ${how} after ${secondsText(took)}, and the retry succeeded.`);
}

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

function nextText({ token, at }: KindOf<'rescheduled'>): string {
  const left = token.renewAt - at;
  return left > 0 ? `Next renewal in ${secondsText(left)}` : 'The next renewal is due immediately';
}

function failedText(count: number): string {
  return count === 1 ? 'one failed request' : `${count} failed requests`;
}

function failuresText(count: number): string {
  return count === 1 ? 'one failure' : `${count} failures`;
}
