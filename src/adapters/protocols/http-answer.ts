import { bearerTokenProblem } from '../../core/bearer.ts';
import { TokenRequestError } from '../../core/errors.ts';
import { valueAt } from '../../core/json-pointer.ts';
import { Redacted } from '../../core/redacted.ts';
import { statedSeconds } from '../../core/stated-lifetime.ts';
import type { EpochMs } from '../../core/token.ts';
import type { AnswerPlace, FoundValue, HttpAnswer, IssuedToken } from '../../ports/http-protocol.ts';
import type { TokenResponse } from '../../ports/token-endpoint.ts';
import type { OutboundError } from '../http/outbound-error.ts';
import { exchangeFailure, type Peer, peerFailure } from '../oauth/failures.ts';

/** About an answer other than a rejection in HTTP's own terms. */
export const MAY_REJECT = 'Some servers answer a rejected login like this.';

/** The server that answers, and a sentence about which keys of which credential to check. */
interface Asked {
  readonly peer: Peer;
  readonly check: string;
}

/** An answer of a server with a 2xx status. */
export class ReadAnswer implements HttpAnswer {
  readonly #asked: Asked;
  readonly #headers: Headers;
  readonly #text: string;
  #body: unknown;

  constructor(asked: Asked, headers: Headers, text: string) {
    this.#asked = asked;
    this.#headers = headers;
    this.#text = text;
  }

  take(place: AnswerPlace): FoundValue {
    const value =
      'header' in place ? (this.#headers.get(place.header) ?? undefined) : valueAt(this.#parsed(), place.pointer);
    // Several servers send null for a member that they do not have.
    if (value === undefined || value === null) throw this.#unusable(`has nothing ${placeText(place)}`);
    return { place, value };
  }

  #parsed(): unknown {
    if (this.#body !== undefined) return this.#body;
    try {
      this.#body = JSON.parse(this.#text);
    } catch {
      // The message of the parser quotes the text.
      throw this.#unusable('is not JSON');
    }
    return this.#body;
  }

  #unusable(what: string): Error {
    return unusableAnswer(this.#asked, what);
  }
}

interface IssueContext extends Asked {
  readonly now: EpochMs;
  /** When the server wrote the answer, by its own clock. */
  readonly serverDate: EpochMs | undefined;
}

/** Returns the token of an answer. Throws TokenRequestError where no header can carry it. */
export function tokenResponseOf(
  { token: { value, place }, lifetime }: IssuedToken,
  { now, serverDate, ...asked }: IssueContext,
): TokenResponse {
  if (typeof value !== 'string')
    throw unusableAnswer(asked, `has no text ${placeText(place)}, where the token should be`);
  const problem = bearerTokenProblem(value);
  if (problem !== undefined) throw unusableAnswer(asked, `has a token ${placeText(place)} that ${problem}`);
  return {
    accessToken: new Redacted(value),
    tokenType: 'Bearer',
    scope: undefined,
    // A time is by the clock of the server.
    expiresIn: statedSeconds(lifetime?.value, serverDate ?? now),
    refreshToken: undefined,
    serverDate,
  };
}

/** Many logins reject a password with such an answer, so it counts as a rejection, and no retry locks the account. */
function unusableAnswer({ peer, check }: Asked, what: string): Error {
  return peerFailure('access_denied', peer, `gave an answer that ${what}`, {
    progress: 'answered',
    remedy: `${MAY_REJECT} ${check} If the login succeeded, check the other settings of this authorization server.`,
  });
}

/** Makes the error for an answer that is too long or cannot be read, as the login page of a website may be. */
export function unreadableAnswer(error: OutboundError, { peer, check }: Asked): Error {
  const { message } = exchangeFailure(error, peer);
  return new TokenRequestError('access_denied', `${message} ${MAY_REJECT} ${check}`, {
    progress: 'answered',
    cause: error,
  });
}

function placeText(place: AnswerPlace): string {
  return 'header' in place ? `in the header ${place.header}` : `at the JSON pointer ${place.pointer}`;
}
