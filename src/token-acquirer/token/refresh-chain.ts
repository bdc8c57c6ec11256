import type { Credential } from '../../core/credential.ts';
import { messageOf, TokenRequestError } from '../../core/errors.ts';
import { mayRotate } from '../../core/leadership.ts';
import { podOf } from '../../core/lease.ts';
import type { Redacted } from '../../core/redacted.ts';
import { decideMark, IN_FLIGHT } from '../../core/refresh-mark.ts';
import { identityText, type Ms, sha256, type TokenIdentity } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RefreshTokenChain, RefreshTokenStore } from '../../ports/refresh-token-store.ts';
import type { TokenResponse } from '../../ports/token-endpoint.ts';
import type { Leadership } from '../leadership/leadership.ts';
import type { ChainOwners, FormerUser } from '../shards/shard-handover.ts';

/** An answer whose refresh token could not be saved yet. */
interface Unsaved {
  /** `undefined` where only the refresh token of the answer could be used. */
  readonly response: TokenResponse | undefined;
  readonly chain: RefreshTokenChain;
  readonly expected: RefreshTokenChain | undefined;
}

export interface RefreshChainDependencies {
  readonly store: RefreshTokenStore;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly leadership: Pick<Leadership, 'role'>;
  /** Left out where no other shard has the same state. */
  readonly owners?: ChainOwners | undefined;
  /** Called where a mark is found that this process did not leave. */
  readonly onMark: () => void;
}

/** So that a request that takes its 10 s ends while other processes take the mark for that of a request in flight. */
const LONGEST_PREPARATION: Ms = IN_FLIGHT / 3;

/** When to ask again for a chain of another shard. */
const HANDOVER_AGAIN: Ms = 5000;

/** Sends a refresh token. Calls `beforeSending` when the connection is ready. */
type Exchange = (refreshToken: Redacted, beforeSending: () => Promise<void>) => Promise<TokenResponse>;

/** One exchange of a refresh token. */
interface Sending {
  readonly credential: Credential;
  readonly reuse: Ms;
  readonly chain: RefreshTokenChain;
  /** What is saved. */
  saved: RefreshTokenChain | undefined;
  /** Settles when the mark is saved, or could not be; `undefined` before there was a connection. */
  marking: Promise<void> | undefined;
}

/**
 * The grant `refresh_token` with rotation (RFC 6749 section 6, RFC 9700 section 4.14).
 *
 * A refresh token is marked as in use, durably, before it is sent, and its successor is saved before the access token
 * is published. So a process that dies in between never sends a spent one. A server would regard that as theft and
 * revoke the whole chain. The mark is saved once the connection is ready, so a server that cannot be reached costs no save.
 */
export class RefreshChain {
  readonly #identity: TokenIdentity;
  readonly #dependencies: RefreshChainDependencies;
  /** This must be saved before anything else happens. */
  #unsaved: Unsaved | undefined;
  /** May be saved as in use, but known to be unused: a save failed before it was sent, or the one that should clear the mark. */
  #unused: readonly (RefreshTokenChain | undefined)[] = [];
  /** Why the answer to a marked refresh token was unusable. */
  #lost: { readonly chain: RefreshTokenChain; readonly because: string } | undefined;
  /** A mark that another process left, or an earlier one. */
  #foreign: RefreshTokenChain | undefined;
  /** The chain that was saved last. If someone empties the state, it must not begin again, because its first token is spent. */
  #latest: RefreshTokenChain | undefined;

  constructor(identity: TokenIdentity, dependencies: RefreshChainDependencies) {
    this.#identity = identity;
    this.#dependencies = dependencies;
  }

  /**
   * Exchanges the current refresh token. `reuse`: how long the server accepts a used one again. Throws
   * TokenRequestError.
   */
  async exchange(credential: Credential, reuse: Ms, exchange: Exchange): Promise<TokenResponse> {
    const unpublished = this.#unsaved && (await this.#saveAnswer(this.#unsaved));
    // The time of an earlier exchange shows nothing about the clocks now.
    if (unpublished !== undefined) return { ...unpublished, serverDate: undefined };
    this.#requireLeader();
    const saved = await this.#loadOwn();
    const chain = this.#owned(this.#usable(credential, saved, reuse));
    const sending: Sending = { credential, reuse, chain, saved, marking: undefined };
    const response = await this.#send(exchange, sending);
    await this.#saveAnswer({ response, chain: successor(chain, response), expected: sending.saved });
    return response;
  }

  /** Returns the chain whose refresh token may be sent. Throws where it may be spent, or is in use elsewhere. */
  #usable(credential: Credential, saved: RefreshTokenChain | undefined, reuse: Ms): RefreshTokenChain {
    const chain = this.#current(credential, saved);
    if (this.#unused.some((unused) => isSame(chain, unused))) return unmarked(chain);
    if (chain.inUse && chain.rotates && !isSame(chain, this.#lost?.chain)) this.#reportMark(chain);
    this.#requireUsable(credential, chain, reuse);
    return chain;
  }

  #requireUsable(credential: Credential, chain: RefreshTokenChain, reuse: Ms): void {
    const isLost = isSame(chain, this.#lost?.chain);
    const decision = decideMark({ ...chain, isLost, reuse, now: this.#dependencies.clock.now() });
    if (decision.kind === 'spent') throw this.#needsCredential(credential, chain);
    if (decision.kind === 'busy') throw this.#busy(decision.retryAfter);
  }

  /** Loads the chain, once no process of another shard may use it any more. */
  async #loadOwn(): Promise<RefreshTokenChain | undefined> {
    const { owners } = this.#dependencies;
    const saved = await this.#load();
    if (owners === undefined || saved === undefined || saved.lease === owners.lease) return saved;
    const user = await owners.waitFor(saved.lease);
    if (user !== undefined) throw this.#usedElsewhere(user);
    // It may have been used in the meantime.
    return this.#load();
  }

  /** Returns the chain as one of this shard. */
  #owned(chain: RefreshTokenChain): RefreshTokenChain {
    const { owners } = this.#dependencies;
    return owners === undefined ? chain : { ...chain, lease: owners.lease };
  }

  /**
   * Throws where another process may use the refresh token now. `begun`: when the mark was made. A process that was paused since
   * then cannot know whether another one saw the mark age.
   */
  #requireLeader(begun?: Ms): void {
    const { leadership, clock } = this.#dependencies;
    const isLate = begun !== undefined && clock.monotonic() - begun >= LONGEST_PREPARATION;
    if (mayRotate(leadership.role) && !isLate) return;
    const message = `The refresh token of ${identityText(this.#identity)} was not sent, because another replica may be using it. It is tried again.`;
    throw new TokenRequestError('state_busy', message, { progress: 'not-sent' });
  }

  /** Reports a mark that this process did not leave, once. */
  #reportMark(chain: RefreshTokenChain): void {
    if (!isSame(chain, this.#foreign)) this.#dependencies.onMark();
    this.#foreign = chain;
  }

  /** Removes the saved chain, because the token is no longer configured. */
  async remove(): Promise<void> {
    const saved = await this.#load();
    if (saved !== undefined) await this.#save(undefined, saved, 'not-sent');
  }

  async #send(exchange: Exchange, sending: Sending): Promise<TokenResponse> {
    const { chain } = sending;
    try {
      return await exchange(chain.refreshToken, () => (sending.marking ??= this.#mark(sending)));
    } catch (error) {
      if (error instanceof TokenRequestError && (await this.#isMarked(sending)))
        await this.#keep(error, chain, sending.saved);
      throw error;
    }
  }

  /** Marks the refresh token as in use. It is sent next. */
  async #mark(sending: Sending): Promise<void> {
    const { credential, reuse, chain, saved } = sending;
    if (!chain.rotates) return;
    const begun = this.#dependencies.clock.monotonic();
    // The connection took its time.
    this.#requireLeader();
    this.#requireUsable(credential, chain, reuse);
    // A mark keeps its time while the token may be spent: a server counts from the first use.
    const marked = chain.inUse ? chain : { ...chain, inUse: true, inUseSince: this.#dependencies.clock.now() };
    // A save that fails may have saved it anyway.
    if (!chain.inUse) this.#unused = [saved, marked];
    await this.#save(marked, saved, 'not-sent');
    this.#requireLeader(begun);
    this.#unused = [];
    sending.saved = marked;
  }

  /** Whether the refresh token may have been sent. The request may have ended while the mark was still being saved. */
  async #isMarked({ marking }: Sending): Promise<boolean> {
    if (marking === undefined) return false;
    return marking.then(
      () => true,
      () => false,
    );
  }

  /** Saves what a failed exchange shows about the refresh token that was sent. */
  async #keep(
    error: TokenRequestError,
    chain: RefreshTokenChain,
    marked: RefreshTokenChain | undefined,
  ): Promise<void> {
    const { refreshToken, progress, message } = error;
    if (refreshToken !== undefined) {
      const next = successor(chain, { refreshToken });
      // An answer that makes no sense does not show that the server keeps refresh tokens.
      const rotates = chain.rotates || next.rotates;
      await this.#saveAnswer({ response: undefined, chain: { ...next, rotates }, expected: marked });
    } else if (!chain.rotates) return;
    else if (progress === 'unknown') this.#lost = marked && { chain: marked, because: message };
    // For a token that was sent again, the result of the first request is still unknown.
    else if (!chain.inUse) {
      // The server answered or was never reached: the refresh token is unspent.
      this.#unused = [marked];
      await this.#save(chain, marked, progress);
      this.#unused = [];
    }
  }

  async #saveAnswer(unsaved: Unsaved): Promise<TokenResponse | undefined> {
    this.#unsaved = unsaved;
    try {
      await this.#save(unsaved.chain, unsaved.expected, 'answered');
    } catch (error) {
      const saved = await this.#load();
      if (!isSame(saved, unsaved.chain)) {
        // Another process continued the chain, so this answer is out of date.
        if (!isSame(saved, unsaved.expected)) this.#unsaved = undefined;
        throw error;
      }
    }
    this.#unsaved = undefined;
    return unsaved.response;
  }

  /** Returns the saved chain, unless the credential has another refresh token than the one that the chain began with. */
  #current(credential: Credential, saved: RefreshTokenChain | undefined): RefreshTokenChain {
    const origin = credential.values.refresh_token;
    if (origin === undefined) {
      throw new TokenRequestError(
        'credential_unreadable',
        `The credential ${credential.name} has no file refresh_token, which its use needs. Put the file into the folder of the credential.`,
        { progress: 'not-sent' },
      );
    }
    const originSha256 = sha256(origin.reveal());
    const known = saved ?? this.#latest;
    if (known !== undefined && known.originSha256 === originSha256) return known;
    return { refreshToken: origin, originSha256, rotates: true, inUse: false };
  }

  #needsCredential(credential: Credential, chain: RefreshTokenChain): TokenRequestError {
    const reason = isSame(chain, this.#lost?.chain) ? ` That request failed: ${this.#lost?.because}` : '';
    return new TokenRequestError(
      'needs_credential',
      `The refresh token of ${identityText(this.#identity)} was sent in a request without a usable answer, and sending it again could revoke the whole chain. Put a new refresh_token into the credential ${credential.name}, or set refreshTokenReuse to the time for which the authorization server allows reuse.${reason}`,
      { progress: 'not-sent' },
    );
  }

  #busy(retryAfter: Ms): TokenRequestError {
    const wait = Math.ceil(retryAfter / 1000);
    return new TokenRequestError(
      'state_busy',
      `The refresh token of ${identityText(this.#identity)} may be in a request of another process, or of one that was killed. The next check is in ${wait} s. Let only one token-acquirer use the state.`,
      { progress: 'not-sent', retryAfter },
    );
  }

  #usedElsewhere({ lease, holder }: FormerUser): TokenRequestError {
    const who = holder === undefined ? 'whose holder is not known' : `which ${podOf(holder)} holds`;
    return new TokenRequestError(
      'chain_elsewhere',
      `The refresh token of ${identityText(this.#identity)} was last used by the shard with the Lease ${lease}, ${who} and which has not given it up yet. It is used here once that process has loaded the same configuration, or has ended. If neither happens within two minutes, delete that pod.`,
      { progress: 'not-sent', retryAfter: HANDOVER_AGAIN },
    );
  }

  async #load(): Promise<RefreshTokenChain | undefined> {
    try {
      return await this.#dependencies.store.load(this.#identity);
    } catch (error) {
      throw new TokenRequestError('state_unavailable', messageOf(error), { progress: 'not-sent', cause: error });
    }
  }

  async #save(
    chain: RefreshTokenChain | undefined,
    expected: RefreshTokenChain | undefined,
    progress: TokenRequestError['progress'],
  ): Promise<void> {
    try {
      await this.#dependencies.store.save(this.#identity, chain, expected);
      this.#latest = chain;
    } catch (error) {
      throw new TokenRequestError('state_unavailable', `The refresh token could not be saved: ${messageOf(error)}`, {
        progress,
        cause: error,
      });
    }
  }
}

function isSame(one: RefreshTokenChain | undefined, other: RefreshTokenChain | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  const { originSha256, rotates, inUse } = one;
  return (
    one.refreshToken.reveal() === other.refreshToken.reveal() &&
    originSha256 === other.originSha256 &&
    rotates === other.rotates &&
    inUse === other.inUse &&
    one.inUseSince === other.inUseSince &&
    one.lease === other.lease
  );
}

function unmarked({ inUseSince: _, ...chain }: RefreshTokenChain): RefreshTokenChain {
  return { ...chain, inUse: false };
}

function successor(chain: RefreshTokenChain, { refreshToken }: Pick<TokenResponse, 'refreshToken'>): RefreshTokenChain {
  if (refreshToken === undefined) return { ...unmarked(chain), rotates: false };
  const rotates = refreshToken.reveal() !== chain.refreshToken.reveal();
  return { ...unmarked(chain), refreshToken, rotates };
}
