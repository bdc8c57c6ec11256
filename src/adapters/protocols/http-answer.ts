import { bearerTokenProblem } from '../../core/bearer.ts';
import { valueAt } from '../../core/json-pointer.ts';
import { Redacted } from '../../core/redacted.ts';
import { statedSeconds } from '../../core/stated-lifetime.ts';
import type { EpochMs } from '../../core/token.ts';
import type { AnswerPlace, FoundValue, HttpAnswer, IssuedToken } from '../../ports/http-protocol.ts';
import type { TokenResponse } from '../../ports/token-endpoint.ts';
import { type Peer, peerFailure } from '../oauth/failures.ts';

/** A successful answer of a server. */
export class ReadAnswer implements HttpAnswer {
  readonly #peer: Peer;
  readonly #headers: Headers;
  readonly #text: string;
  #body: unknown;

  constructor(peer: Peer, headers: Headers, text: string) {
    this.#peer = peer;
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
    return unusableAnswer(this.#peer, what);
  }
}

interface IssueContext {
  readonly peer: Peer;
  readonly now: EpochMs;
  /** When the server wrote the answer, by its own clock. */
  readonly serverDate: EpochMs | undefined;
}

/** Returns the token of an answer. Throws TokenRequestError where no header can carry it. */
export function tokenResponseOf(
  { token: { value, place }, lifetime }: IssuedToken,
  { peer, now, serverDate }: IssueContext,
): TokenResponse {
  if (typeof value !== 'string')
    throw unusableAnswer(peer, `has no text ${placeText(place)}, where the token should be`);
  const problem = bearerTokenProblem(value);
  if (problem !== undefined) throw unusableAnswer(peer, `has a token ${placeText(place)} that ${problem}`);
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

function unusableAnswer(peer: Peer, what: string): Error {
  return peerFailure('invalid_response', peer, `gave an answer that ${what}`, {
    progress: 'unknown',
    remedy: 'Check the settings of this authorization server, and that its url is the one that issues tokens.',
  });
}

function placeText(place: AnswerPlace): string {
  return 'header' in place ? `in the header ${place.header}` : `at the JSON pointer ${place.pointer}`;
}
