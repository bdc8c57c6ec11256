import { backoff } from '../../core/backoff.ts';
import type { TokenRequestError } from '../../core/errors.ts';
import { LOOK_AGAIN } from '../../core/reconcile.ts';
import { clientsFollowIn, decideRevocation, type RevocationDecision } from '../../core/revocation.ts';
import { isExpired, isOfOtherCredential, type ScheduledToken } from '../../core/scheduled-token.ts';
import type { Ms, Sha256 } from '../../core/token.ts';
import type { CycleDependencies, Neighbours } from './cycle-dependencies.ts';
import type { HeldToken } from './held-token.ts';
import { asRequestError } from './request-error.ts';
import { requestRevocation } from './revocation-request.ts';
import type { TokenStatus } from './token-status.ts';

interface Replaced {
  readonly scheduled: ScheduledToken;
  exposed: boolean;
  replacedAt: Ms | undefined;
  failures: number;
  /** Those failures that would come again. */
  rejections: number;
  notBefore: Ms;
  revoking: Promise<void> | undefined;
}

/** One for all tokens: most have none. */
const NONE: readonly Replaced[] = [];

export interface ReplacedTokensDependencies extends Pick<Neighbours, 'isUsed'> {
  readonly held: HeldToken;
  readonly status: TokenStatus;
}

/**
 * Revokes the tokens that others replaced, once clients can have the others. They are only in memory: a process that ends
 * before leaves them to expire.
 */
export class ReplacedTokens {
  readonly #shared: CycleDependencies;
  readonly #dependencies: ReplacedTokensDependencies;
  #replaced = NONE;

  constructor(shared: CycleDependencies, dependencies: ReplacedTokensDependencies) {
    this.#shared = shared;
    this.#dependencies = dependencies;
  }

  /** The token `before` was replaced just now. */
  add(before: ScheduledToken | undefined): void {
    const { held } = this.#dependencies;
    const { scheduled, specification } = held;
    if (!specification.revokePrevious || before === undefined || scheduled === undefined) return;
    this.#expose(scheduled);
    if (isExpired(before, held.instant()) || before.requested !== scheduled.requested) return;
    const exposed = isOfOtherCredential(before, scheduled.proof);
    const pending = { replacedAt: undefined, failures: 0, rejections: 0, notBefore: 0, revoking: undefined };
    this.#replaced = [...this.#replaced, { scheduled: before, exposed, ...pending }];
  }

  /** Where the credential changed, earlier tokens are no longer left to their clients either. */
  #expose({ proof }: ScheduledToken): void {
    for (const one of this.#replaced) {
      if (one.exposed || !isOfOtherCredential(one.scheduled, proof)) continue;
      one.exposed = true;
      // Clients that still use it cannot have the next token before it is stored.
      one.replacedAt = undefined;
    }
  }

  /** Whether clients may still use this access token, although it was replaced. */
  has(hash: Sha256): boolean {
    return this.#replaced.some((one) => one.scheduled.token.sha256 === hash && this.#isLeftToClients(one));
  }

  /** Revokes what is to be revoked, in the background. Returns when to look again; `look` is called where an attempt ends. */
  turn(look: () => void): Ms {
    const { held, status } = this.#dependencies;
    if (!held.specification.revokePrevious) {
      this.#replaced = NONE;
      status.unset('ReplacedTokenRevoked');
    }
    return Math.min(LOOK_AGAIN, ...this.#replaced.map((one) => this.#act(one, look)));
  }

  /** Ends what was begun, and makes one attempt for each token that is to be revoked by now. */
  async finish(): Promise<void> {
    this.turn(() => undefined);
    await Promise.all(this.#replaced.map(async ({ revoking }) => revoking));
  }

  #act(replaced: Replaced, look: () => void): Ms {
    const { held, status } = this.#dependencies;
    const isStored = held.stored || held.specification.delivery === 'endpoint';
    if (isStored) replaced.replacedAt ??= this.#shared.clock.monotonic();
    const decision = this.#decide(replaced);
    this.#shared.logDecision?.(held.specification.identity, 'replaced', decision);
    if (decision.kind === 'wait') return decision.after;
    if (decision.kind === 'forget') {
      this.#forget(replaced);
      const isOpen = status.get('ReplacedTokenRevoked')?.status === false;
      if (isOpen && decision.reason !== 'TokenSuperseded') this.#settle(decision.reason, decision.because);
      return LOOK_AGAIN;
    }
    replaced.revoking = this.#revoke(replaced).finally(() => {
      replaced.revoking = undefined;
      look();
    });
    return LOOK_AGAIN;
  }

  #decide({ scheduled, exposed, replacedAt, rejections, notBefore, revoking }: Replaced): RevocationDecision {
    const { held, isUsed } = this.#dependencies;
    const { token, deadlines, requested } = scheduled;
    const observation = {
      now: held.instant(),
      expiry: deadlines.expiry,
      superseded: requested !== held.specification.requestFingerprint,
      inUse: held.token?.sha256 === token.sha256,
      exposed,
      replacedAt,
      revoking: revoking !== undefined,
      rejections,
      notBefore,
    };
    const decision = decideRevocation(observation);
    // All other tokens are looked at only once for each revocation, because there may be thousands.
    const isSpared = decision.kind === 'revoke' && isUsed(token.sha256);
    return isSpared ? decideRevocation({ ...observation, inUse: true }) : decision;
  }

  #isLeftToClients({ scheduled, exposed, replacedAt }: Replaced): boolean {
    const now = this.#dependencies.held.instant();
    return clientsFollowIn({ exposed, replacedAt, now }) > 0 && !isExpired(scheduled, now);
  }

  #forget(replaced: Replaced): void {
    const others = this.#replaced.filter((one) => one !== replaced);
    this.#replaced = others.length === 0 ? NONE : others;
  }

  /** Never rejects. */
  async #revoke(replaced: Replaced): Promise<void> {
    const { abandon } = this.#shared;
    const { specification } = this.#dependencies.held;
    const server = specification.authorizationServer;
    const { accessToken } = replaced.scheduled.token;
    try {
      const wanted = { specification, accessToken, urgency: replaced.exposed ? 0 : 1 };
      const isRevoked = await requestRevocation(this.#shared, wanted, abandon);
      this.#forget(replaced);
      if (isRevoked) this.#succeed(server);
      else this.#leave(server);
    } catch (error) {
      if (!abandon.aborted) this.#fail(replaced, server, asRequestError(error));
    }
  }

  #succeed(server: string): void {
    this.#settle('Revoked', 'The token before the current one was revoked.');
    this.#dependencies.status.emit({ kind: 'token-revoked', server });
  }

  /** One replaced token has ended. The condition stays unhealthy while another one could not be revoked. */
  #settle(reason: 'Revoked' | 'ReplacedTokenExpired' | 'ReplacedTokenInUse', message: string): void {
    if (this.#replaced.some(({ failures }) => failures > 0)) return;
    this.#dependencies.status.set('ReplacedTokenRevoked', true, reason, message);
  }

  /** The server has no way to revoke. */
  #leave(server: string): void {
    const { status } = this.#dependencies;
    const message = `The authorization server ${server} names no way to revoke a token, so the replaced token stays valid until it expires. Set revocationEndpoint of the server, or logout with protocol: http_login. If the server has none, remove revokePrevious.`;
    status.set('ReplacedTokenRevoked', false, 'NoRevocationEndpoint', message);
    status.emit({ kind: 'revocation-failed', server, result: 'unsupported', message });
  }

  #fail(replaced: Replaced, server: string, error: TokenRequestError): void {
    const { status } = this.#dependencies;
    const { clock, random } = this.#shared;
    replaced.failures += 1;
    const { failure, retryAfter } = error;
    if (failure === 'configuration') replaced.rejections += 1;
    const { failures } = replaced;
    const pause = backoff({ failure, failures, lifetime: Infinity, remaining: 0, retryAfter }, random.fraction());
    replaced.notBefore = clock.monotonic() + pause;
    const message = `The replaced token could not be revoked. ${error.message}`;
    status.set('ReplacedTokenRevoked', false, 'RevocationFailed', message);
    status.emit({ kind: 'revocation-failed', server, result: 'failed', message });
  }
}
