import type { CredentialKey } from '../core/credential.ts';
import type { TokenErrorCode } from '../core/errors.ts';
import type { Redacted } from '../core/redacted.ts';
import type { EpochMs, Ms } from '../core/token.ts';

/**
 * A protocol that consists of HTTP requests. It states what to send and where the token is in the answer. The adapter
 * sends the requests, reads the answers and words the failures.
 */
export interface HttpProtocol<Server = object, Demand = object> {
  /** The keys that the credential must have. */
  needs(server: Server): readonly CredentialKey[];
  request(exchange: HttpExchange<Server, Demand>): Promise<IssuedToken>;
  /** Revokes the access token. Returns false where the settings name no way. Left out where the protocol has none. */
  revoke?(exchange: HttpExchange<Server, Demand>, accessToken: Redacted): Promise<boolean>;
  /**
   * Whether settings decide how a token is revoked. They may be wrong, so HTTP 401 counts as a token that has ended only
   * after one was revoked. Without such settings it always does.
   */
  readonly hasRevocationSettings?: boolean;
  /** Throws TokenRequestError `credential_unreadable` where a value of the credential cannot be used. Sends nothing. */
  inspect?(context: ExchangeContext<Server>): void;
  /** Returns what a rejection means; `undefined` for the usual meaning of its status. */
  readonly rejection?: (answer: RejectedAnswer) => Rejection | undefined;
  /** The URL that shows whether the server answers; by default the `url` of the server. */
  probe?(server: Server): string;
}

/** What a request is made from. */
export interface ExchangeContext<Server> {
  readonly server: Server;
  readonly now: EpochMs;
  /** Name of the credential, for messages. */
  readonly credential: string;
  /** Returns a value of the credential. Throws TokenRequestError `credential_unreadable`, which names the missing file. */
  readonly value: (key: CredentialKey) => string;
}

export interface HttpExchange<Server, Demand> extends ExchangeContext<Server> {
  readonly demand: Demand;
  /** Sends one request. Throws TokenRequestError for any answer that is no success. */
  readonly send: (message: HttpMessage) => Promise<HttpAnswer>;
}

export interface HttpMessage {
  readonly url: string;
  /** Default `POST`. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  /** The body as JSON, or as a form. */
  readonly json?: unknown;
  readonly form?: Readonly<Record<string, string>>;
}

/** Where a value is in an answer: a JSON pointer into its body (RFC 6901), or the name of a header. */
export type AnswerPlace = { readonly pointer: string } | { readonly header: string };

/** A value of an answer, and where it was found. */
export interface FoundValue {
  readonly place: AnswerPlace;
  readonly value: unknown;
}

export interface HttpAnswer {
  /** Throws TokenRequestError `access_denied`, which names the place and the server, where it is missing. */
  take(place: AnswerPlace): FoundValue;
}

/** What a request gave. The adapter checks that the token can be sent in a header. */
export interface IssuedToken {
  readonly token: FoundValue;
  /** Seconds, an RFC 3339 time or a Unix time; left out where the server states none. */
  readonly lifetime?: FoundValue | undefined;
}

/** An answer that is no success. Nothing of its body may be quoted. */
export interface RejectedAnswer {
  readonly status: number;
  /** How long it asks to wait. */
  readonly pause: Ms | undefined;
  /** How far the clock here is ahead of the server's; negative where it is behind, 0 where the answer shows nothing. */
  readonly clockAhead: Ms;
  /** The usual meaning of the status. */
  readonly usual: Rejection;
}

export interface Rejection {
  readonly code: TokenErrorCode;
  /** Continues the name of the server. */
  readonly what: string;
  /** Sentences about what to do. */
  readonly remedy?: string | undefined;
}
