import { backoff } from '../../core/backoff.ts';
import type { Credential } from '../../core/credential.ts';
import { type TokenErrorCode, TokenRequestError } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import type { TokenSpecification } from './specification.ts';

/** The last verdict of the authorization server on one credential. */
type Verdict = Accepted | Rejected | Tried;

interface Accepted {
  readonly kind: 'accepted';
  /** The token whose request was rejected since. The rejection may concern this token only. */
  readonly rejectedFor: string | undefined;
}

interface Rejected {
  readonly kind: 'rejected';
  readonly error: TokenRequestError;
  readonly failures: number;
  readonly until: Ms;
  /** The token whose request found out. */
  readonly by: string;
  /** Whether other tokens wait for the end of the pause. */
  readonly awaited: boolean;
}

/** One request finds out; the others wait for its answer. */
interface Tried {
  readonly kind: 'tried';
  readonly failures: number;
  readonly over: Promise<void>;
}

/** A credential, and the use for which it is sent. */
export interface CredentialUse extends Pick<TokenSpecification, 'authorizationServer' | 'use' | 'rotates'> {
  readonly credential: Credential;
}

/** The token that sends the credential. */
export interface Sender {
  readonly token: string;
  /** Whether this token was last obtained with these values. */
  readonly proven: boolean;
}

/** Reports the error of a request that failed; `undefined` where it gave a token. */
export type Report = (error: TokenRequestError | undefined) => void;

/** How many verdicts are kept. With more credentials in use, some of them are tried once more. */
const MOST = 10_000;
/**
 * How much later than others a token tries again. First one that was obtained with these values before, last the one that
 * was rejected: the error may be in its own parameters, and must not keep the others from their tokens.
 */
const AFTER_PROVEN: Ms = 1000;
const AFTER_ALL: Ms = 2000;

const OF_CLIENT: ReadonlySet<TokenErrorCode> = new Set(['invalid_client', 'unauthorized_client', 'access_denied']);
/** The server looks at the client first (RFC 6749 section 3.2.1), so these come after it was accepted. */
const OF_TOKEN: ReadonlySet<TokenErrorCode> = new Set(['invalid_scope', 'invalid_grant', 'unsupported_grant_type']);

/** Nothing was sent: the authorization server rejected the same credential a short time ago, and may lock an account. */
export class CredentialWithheld extends TokenRequestError {
  /** Until it may be sent again. */
  readonly pause: Ms;

  constructor(because: TokenRequestError, pause: Ms, { byAnother }: { readonly byAnother: boolean }) {
    const message = byAnother
      ? `${because.message} Another token with the same credential got this answer.`
      : because.message;
    super(because.code, message, { progress: 'not-sent', cause: because });
    this.pause = pause;
  }
}

/**
 * Has many tokens of one credential send a wrong one as often as a single token would, so that no account is locked.
 *
 * A credential that the authorization server has not accepted yet is tried by one request; the others wait for its answer.
 * A rejected one is sent again by one of them after a pause of 30 s, doubling to 10 min, or when its values change. An
 * accepted one counts as rejected when two tokens in a row were rejected. For one token the reason may be its own
 * resource, for which some servers also answer `invalid_grant`.
 */
export class CredentialGate {
  readonly #now: () => Ms;
  readonly #verdicts = new Map<string, Verdict>();

  /** `now`: monotonic clock. */
  constructor(now: () => Ms) {
    this.#now = now;
  }

  /**
   * Resolves when the credential may be sent for this token, with the function to report the answer to. Throws
   * CredentialWithheld.
   */
  async enter(use: CredentialUse, sender: Sender): Promise<Report> {
    const key = keyOf(use);
    for (;;) {
      const verdict = this.#verdicts.get(key);
      if (verdict?.kind === 'accepted') return (error) => this.#noteAnswer(key, use, sender.token, error);
      if (verdict?.kind !== 'tried') return this.#try(key, use, sender, verdict);
      await verdict.over;
    }
  }

  /** Forgets rejections, because someone may just have corrected the configuration or the credential. */
  retry({
    authorizationServer,
    credential,
  }: {
    readonly authorizationServer: string;
    readonly credential: string;
  }): void {
    const start = startOfKey(authorizationServer, credential);
    for (const [key, { kind }] of this.#verdicts) {
      if (kind === 'rejected' && key.startsWith(start)) this.#verdicts.delete(key);
    }
  }

  #try(key: string, use: CredentialUse, sender: Sender, rejected: Rejected | undefined): Report {
    const { token } = sender;
    const pause = rejected === undefined ? 0 : rejected.until + placeOf(sender, rejected) - this.#now();
    if (rejected !== undefined && pause > 0) {
      if (rejected.by !== token) this.#set(key, { ...rejected, awaited: true });
      throw new CredentialWithheld(rejected.error, pause, { byAnother: rejected.by !== token });
    }
    const failures = rejected?.failures ?? 0;
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    this.#set(key, { kind: 'tried', failures, over });
    return (error) => {
      if (error === undefined) this.#set(key, ACCEPTED);
      else if (isRejection(use, error) || error.code === 'invalid_request')
        this.#reject(key, token, error, failures + 1);
      else if (OF_TOKEN.has(error.code)) this.#set(key, ACCEPTED);
      // The server gave no verdict, so the next token tries.
      else this.#verdicts.delete(key);
      end();
    };
  }

  #noteAnswer(key: string, use: CredentialUse, token: string, error: TokenRequestError | undefined): void {
    const verdict = this.#verdicts.get(key);
    if (verdict?.kind !== 'accepted') return;
    if (error === undefined) {
      if (verdict.rejectedFor !== undefined) this.#set(key, ACCEPTED);
    } else if (isRejection(use, error)) {
      const isSecond = verdict.rejectedFor !== undefined && verdict.rejectedFor !== token;
      if (isSecond) this.#reject(key, token, error, 1);
      else this.#set(key, { kind: 'accepted', rejectedFor: token });
    }
  }

  #reject(key: string, by: string, error: TokenRequestError, failures: number): void {
    const { failure, retryAfter } = error;
    const pause = backoff({ failure, failures, lifetime: Infinity, remaining: 0, retryAfter }, 0);
    this.#set(key, { kind: 'rejected', error, failures, until: this.#now() + pause, by, awaited: false });
  }

  #set(key: string, verdict: Verdict): void {
    this.#verdicts.delete(key);
    this.#verdicts.set(key, verdict);
    for (const [oldest, { kind }] of this.#verdicts) {
      if (this.#verdicts.size <= MOST) return;
      if (kind !== 'tried') this.#verdicts.delete(oldest);
    }
  }
}

function placeOf({ token, proven }: Sender, { by, awaited }: Rejected): Ms {
  if (proven || (by === token && !awaited)) return 0;
  return by === token ? AFTER_ALL : AFTER_PROVEN;
}

const ACCEPTED: Accepted = { kind: 'accepted', rejectedFor: undefined };

/** With the fingerprint, so that changed values are a credential that nobody has tried yet. */
function keyOf({ authorizationServer, use, credential }: CredentialUse): string {
  return `${startOfKey(authorizationServer, credential.name)} ${use} ${credential.fingerprint}`;
}

function startOfKey(authorizationServer: string, credential: string): string {
  return JSON.stringify([authorizationServer, credential]);
}

/** A rejected refresh token concerns only its own token, not the credential that its chain began with. */
function isRejection({ rotates }: CredentialUse, { code }: TokenRequestError): boolean {
  return OF_CLIENT.has(code) || (code === 'invalid_grant' && !rotates);
}
