import { backoff } from '../core/backoff.ts';
import { type TokenErrorCode, TokenRequestError } from '../core/errors.ts';
import type { Ms } from '../core/token.ts';
import type { TokenRequest } from '../ports/token-endpoint.ts';

/** What the authorization server is known to say of one credential. */
type Verdict =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'rejected'; readonly error: TokenRequestError; readonly failures: number; readonly until: Ms }
  /** One request finds out; the others wait for its answer. */
  | { readonly kind: 'tried'; readonly failures: number; readonly over: Promise<void> };

type Tried = Pick<TokenRequest, 'authorizationServer' | 'grant' | 'credential'>;

/** Takes the error of a request that failed, `undefined` where it gave a token. */
export type Report = (error: TokenRequestError | undefined) => void;

/** Verdicts that are kept. With more credentials in use, some are tried once more now and then. */
const MOST = 10_000;

const OF_CLIENT: ReadonlySet<TokenErrorCode> = new Set(['invalid_client', 'unauthorized_client', 'access_denied']);
/** The server looks at the client first (RFC 6749 section 3.2.1), so these come after it was accepted. */
const OF_TOKEN: ReadonlySet<TokenErrorCode> = new Set(['invalid_scope', 'invalid_grant', 'unsupported_grant_type']);

/** Nothing was sent: the authorization server rejected the same credential for another token, and may lock an account. */
export class CredentialWithheld extends TokenRequestError {
  /** Until it may be sent again. */
  readonly pause: Ms;

  constructor(because: TokenRequestError, pause: Ms) {
    super(because.code, `${because.message} Another token of the same credential met this.`, { progress: 'not-sent' });
    this.pause = pause;
  }
}

/**
 * Has many tokens of one credential send a wrong one as often as a single token would, so that no account is locked.
 * A credential that the authorization server has not accepted yet is tried by one request; the others wait for its answer.
 * A rejected one is sent again by one of them after a pause of 30 s, doubling to 10 min, or when its values change.
 *
 * A token that was obtained with the same values does not come here. A rejection of another token says nothing of it: some
 * servers reject with `invalid_grant` what is wrong with one resource only.
 */
export class CredentialGate {
  readonly #now: () => Ms;
  readonly #verdicts = new Map<string, Verdict>();

  /** `now`: monotonic clock. */
  constructor(now: () => Ms) {
    this.#now = now;
  }

  /** Resolves when the credential may be sent, with the function to report the answer to. Throws CredentialWithheld. */
  async enter(request: Tried): Promise<Report> {
    const key = keyOf(request);
    for (;;) {
      const verdict = this.#verdicts.get(key);
      if (verdict?.kind === 'accepted') return () => undefined;
      if (verdict?.kind !== 'tried') return this.#try(key, request, verdict);
      await verdict.over;
    }
  }

  /** Someone may just have corrected what was rejected: the configuration, or the credential. */
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

  #try(key: string, request: Tried, rejected: Extract<Verdict, { kind: 'rejected' }> | undefined): Report {
    const pause = rejected === undefined ? 0 : rejected.until - this.#now();
    if (rejected !== undefined && pause > 0) throw new CredentialWithheld(rejected.error, pause);
    const failures = rejected?.failures ?? 0;
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    this.#set(key, { kind: 'tried', failures, over });
    return (error) => {
      if (error === undefined) this.#set(key, { kind: 'accepted' });
      else if (isRejection(request, error)) this.#set(key, this.#rejection(error, failures + 1));
      else if (OF_TOKEN.has(error.code)) this.#set(key, { kind: 'accepted' });
      // The server did not say: the next one tries.
      else this.#verdicts.delete(key);
      end();
    };
  }

  #rejection(error: TokenRequestError, failures: number): Verdict {
    const { failure, retryAfter } = error;
    const pause = backoff({ failure, failures, lifetime: Infinity, remaining: 0, retryAfter }, 0);
    return { kind: 'rejected', error, failures, until: this.#now() + pause };
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

/** With the fingerprint, so that changed values are a credential that nobody has tried yet. */
function keyOf({ authorizationServer, grant, credential }: Tried): string {
  return `${startOfKey(authorizationServer, credential.name)} ${grant} ${credential.fingerprint}`;
}

function startOfKey(authorizationServer: string, credential: string): string {
  return JSON.stringify([authorizationServer, credential]);
}

/** A refresh token is of one token only, whatever becomes of the credential that its chain began with. */
function isRejection({ grant }: Tried, { code }: TokenRequestError): boolean {
  return OF_CLIENT.has(code) || (code === 'invalid_grant' && grant !== 'refresh_token');
}
