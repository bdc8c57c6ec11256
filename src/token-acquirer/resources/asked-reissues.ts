import { type AccessToken, identityOf, type LastReissue, secondText, wantsReissue } from '../../core/access-token.ts';
import { formatDuration } from '../../core/duration.ts';
import type { TokenIdentity } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Reissue } from '../token/reissues.ts';

export interface AskedReissuesDependencies {
  readonly clock: Pick<Clock, 'now'>;
  /** Requests a new token; `undefined` where there is no cycle. */
  reissue(identity: TokenIdentity): Promise<Reissue> | undefined;
  /** Something is known now. */
  readonly answered: (resource: AccessToken) => void;
}

/** New tokens that people ask for by the annotation of an AccessToken. Each value leads to one request. */
export class AskedReissues {
  readonly #dependencies: AskedReissuesDependencies;
  /** By UID; `undefined` while the answer is waited for. */
  readonly #known = new Map<string, { readonly request: string; readonly answer: LastReissue | undefined }>();

  constructor(dependencies: AskedReissuesDependencies) {
    this.#dependencies = dependencies;
  }

  /** Returns what became of the last one, where the status does not have it yet. */
  lastOf({ uid }: AccessToken): LastReissue | undefined {
    return this.#known.get(uid)?.answer;
  }

  /** Begins what a person asks for. Never throws. */
  look(resource: AccessToken): void {
    const { uid, reissue: request } = resource;
    if (request === undefined || !wantsReissue(resource) || this.#known.get(uid)?.request === request) return;
    const asked = this.#dependencies.reissue(identityOf(resource));
    if (asked === undefined) return;
    this.#known.set(uid, { request, answer: undefined });
    void asked.then((reissue) => {
      const answer = this.#answerTo(request, reissue);
      // The replica that takes over does it.
      if (answer === undefined) this.#known.delete(uid);
      else this.#known.set(uid, { request, answer });
      this.#dependencies.answered(resource);
    });
  }

  /** Forgets all others. */
  keep(resources: readonly AccessToken[]): void {
    const there = new Set(resources.map(({ uid }) => uid));
    for (const uid of this.#known.keys()) if (!there.has(uid)) this.#known.delete(uid);
  }

  #answerTo(request: string, reissue: Reissue): LastReissue | undefined {
    const message = messageOf(reissue);
    const at = secondText(this.#dependencies.clock.now());
    return message === undefined ? undefined : { request, at, result: reissue.result, message };
  }
}

function messageOf(reissue: Reissue): string | undefined {
  switch (reissue.result) {
    case 'reissued':
    case 'coalesced':
      return reissue.stored ? 'A new token is stored.' : 'There is a new token, which is not stored yet.';
    case 'newer':
      return 'The token was replaced in the meantime.';
    case 'paused':
    case 'rate_limited':
      return `A new token was requested a moment ago. Try again in ${formatDuration(reissue.retryAfter)}, with another value.`;
    case 'failed':
      return reissue.error?.message ?? 'The authorization server gave no token.';
    case 'stopping':
    case 'leader_unavailable':
      return undefined;
  }
}
