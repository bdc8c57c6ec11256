import { backoff, SHORTEST_PAUSE } from '../../core/backoff.ts';
import {
  type CheckOutcome,
  checkSentence,
  type Revocation,
  resultOf,
  tokensToCheck,
} from '../../core/credential-check.ts';
import type { TokenRequestError } from '../../core/errors.ts';
import { lifetimeOf } from '../../core/renewal.ts';
import { onlyNext } from '../../core/secret-order.ts';
import { identityText, type Ms, sha256 } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { TokenEndpoint, TokenRequest, TokenResponse } from '../../ports/token-endpoint.ts';
import { type CredentialGate, CredentialWithheld } from './credential-gate.ts';
import { asRequestError } from './request-error.ts';
import type { Slots } from './slots.ts';
import { requestWith, type TokenSpecification } from './specification.ts';
import type { TokenCycle } from './token-cycle.ts';

/** How many rejected values are remembered. */
const MOST = 1000;

export interface CredentialChecksDependencies {
  readonly clock: Clock;
  readonly credentials: CredentialSource;
  readonly endpoint: TokenEndpoint;
  readonly gate: CredentialGate;
  readonly slots: Slots;
  readonly telemetry: Telemetry;
  readonly abandon: AbortSignal;
}

/** The report of one check. */
export interface CheckReport {
  readonly token: string;
  readonly outcome: CheckOutcome['kind'];
  readonly message: string;
}

interface Pause {
  readonly failures: number;
  readonly until: Ms;
  readonly error: TokenRequestError;
}

/**
 * Tries credentials immediately: one token request, whose token is revoked where the server can do that, and never stored.
 *
 * An attempt counts like any other, so that checks in a loop lock no account: while the token or the credential pauses after
 * a rejection nothing is sent, and a rejected check begins such a pause itself.
 */
export class CredentialChecks {
  readonly #dependencies: CredentialChecksDependencies;
  readonly #cycles: () => Iterable<TokenCycle>;
  /** By the values of a credential and their use. */
  readonly #pauses = new Map<string, Pause>();
  readonly #running = new Map<string, Promise<CheckReport>>();
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(dependencies: CredentialChecksDependencies, cycles: () => Iterable<TokenCycle>) {
    this.#dependencies = dependencies;
    this.#cycles = cycles;
  }

  /** `name`: of a credential, or `namespace/secret/name` of a token. Empty where nothing of this name is configured. */
  async check(name: string): Promise<readonly CheckReport[]> {
    const cycles = [...this.#cycles()].map((cycle) => ({ cycle, ...cycle.specification }));
    const chosen = tokensToCheck(name, cycles);
    return Promise.all(chosen.map(({ cycle }) => this.#shared(cycle)));
  }

  /** Names of the configured credentials. */
  get credentials(): readonly string[] {
    return [...new Set([...this.#cycles()].map(({ specification }) => specification.credential))].toSorted();
  }

  /** Lets checks of one token share an attempt: two would count twice. */
  #shared(cycle: TokenCycle): Promise<CheckReport> {
    const token = identityText(cycle.specification.identity);
    const running = this.#running.get(token) ?? this.#report(cycle).finally(() => this.#running.delete(token));
    this.#running.set(token, running);
    return running;
  }

  async #report(cycle: TokenCycle): Promise<CheckReport> {
    const { specification } = cycle;
    const outcome = await this.#outcome(cycle);
    const message = checkSentence(specification, outcome);
    const token = identityText(specification.identity);
    const { credential } = specification;
    const result = resultOf(outcome);
    this.#dependencies.telemetry.process({ kind: 'credential-checked', credential, token, result, message });
    return { token, outcome: result, message };
  }

  async #outcome(cycle: TokenCycle): Promise<CheckOutcome> {
    const { rotates, credential: name, neededKeys, takesNextSecret = false } = cycle.specification;
    if (rotates) return { kind: 'spending' };
    try {
      const credential = await this.#dependencies.credentials.read(name, neededKeys);
      const outcome = await this.#try(cycle, requestWith(credential, cycle.specification));
      const next = takesNextSecret ? onlyNext(credential) : undefined;
      if (outcome.kind !== 'accepted' || outcome.nextSecret === true || next === undefined) return outcome;
      const further = this.#try(cycle, requestWith(next, cycle.specification));
      return { ...outcome, next: await further.catch(failedOutcome) };
    } catch (thrown) {
      return failedOutcome(thrown);
    }
  }

  /** Throws the error of a request that failed or could not be sent. */
  async #try(cycle: TokenCycle, request: TokenRequest): Promise<CheckOutcome> {
    const { identity, authorizationServer, use, rotates } = cycle.specification;
    const { credential } = request;
    const attempt = attemptOf(request, cycle.specification);
    this.#checkPauses(cycle, attempt);
    const sender = { token: identityText(identity), proven: false };
    const report = await this.#dependencies.gate.enter({ authorizationServer, use, rotates, credential }, sender);
    let response: TokenResponse;
    try {
      response = await this.#send(request);
    } catch (thrown) {
      const error = asRequestError(thrown);
      report(error);
      this.#remember(attempt, error);
      throw error;
    }
    report(undefined);
    this.#pauses.delete(attempt);
    this.#noteAcceptance(cycle);
    const { lifetime } = lifetimeOf(response.expiresIn, cycle.specification.defaultLifetime);
    const revocation = await this.#discard(request, response);
    return { kind: 'accepted', lifetime, revocation, nextSecret: response.nextSecret ?? false };
  }

  /** Throws CredentialWithheld. */
  #checkPauses({ requests }: TokenCycle, attempt: string): void {
    const now = this.#dependencies.clock.monotonic();
    const { error, notBefore } = requests.backingOff;
    const pauses = [
      this.#pauses.get(attempt),
      error?.failure === 'configuration' && error.code !== 'credential_unreadable'
        ? { error, until: notBefore }
        : undefined,
    ];
    for (const pause of pauses) {
      if (pause === undefined || pause.until <= now) continue;
      throw new CredentialWithheld(pause.error, pause.until - now, { byAnother: false });
    }
  }

  async #send(request: TokenRequest): Promise<TokenResponse> {
    const { clock, slots, endpoint, abandon } = this.#dependencies;
    const now = clock.monotonic();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + SHORTEST_PAUSE;
    if (at > now) await clock.wait(at - now, abandon);
    const release = await slots.take(request.authorizationServer, { urgency: 0, rotates: false });
    try {
      return await endpoint.request(request, abandon);
    } finally {
      release();
    }
  }

  #remember(attempt: string, error: TokenRequestError): void {
    const { failure, retryAfter } = error;
    const failures = (this.#pauses.get(attempt)?.failures ?? 0) + 1;
    const pause = backoff({ failure, failures, lifetime: Infinity, remaining: 0, retryAfter }, 0);
    this.#pauses.delete(attempt);
    this.#pauses.set(attempt, { error, failures, until: this.#dependencies.clock.monotonic() + pause });
    const [oldest] = this.#pauses.keys();
    if (this.#pauses.size > MOST && oldest !== undefined) this.#pauses.delete(oldest);
  }

  #noteAcceptance(checked: TokenCycle): void {
    const { authorizationServer, use, credential } = checked.specification;
    for (const cycle of this.#cycles()) {
      const { specification: own } = cycle;
      const isSame = own.authorizationServer === authorizationServer && own.use === use;
      if (isSame && own.credential === credential) cycle.credentialAccepted({ asked: cycle === checked });
    }
  }

  /**
   * Revokes the access token only: some servers end every session of the user with a refresh token. Some give the token
   * again that a client app has, which stays.
   */
  async #discard(request: TokenRequest, { accessToken }: TokenResponse): Promise<Revocation> {
    const { endpoint, abandon } = this.#dependencies;
    const hash = sha256(accessToken.reveal());
    const isInUse = ({ held }: TokenCycle): boolean =>
      held.token !== undefined && [held.token.sha256, ...held.token.previousSha256].includes(hash);
    // Right after the start a stored token may not be read yet.
    await Promise.all([...this.#cycles()].map(({ adopted }) => adopted));
    if ([...this.#cycles()].some(isInUse)) return 'in-use';
    try {
      return (await endpoint.revoke(request, accessToken, abandon)) ? 'revoked' : 'unsupported';
    } catch (error) {
      return { failed: asRequestError(error).message };
    }
  }
}

function failedOutcome(thrown: unknown): CheckOutcome {
  const error = asRequestError(thrown);
  const { code, message } = error;
  if (!(error instanceof CredentialWithheld)) return { kind: 'failed', code, message };
  return { kind: 'withheld', code, message, retryIn: error.pause };
}

/** Names what the authorization server judges. With other values it is another attempt. */
function attemptOf({ credential }: TokenRequest, { authorizationServer, demand }: TokenSpecification): string {
  return JSON.stringify([authorizationServer, demand, credential.name, credential.fingerprint]);
}
