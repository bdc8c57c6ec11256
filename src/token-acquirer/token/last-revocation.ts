import { aborted } from '../../core/aborted.ts';
import type { TokenEvent } from '../../core/events.ts';
import type { Redacted } from '../../core/redacted.ts';
import { isLive, type Ms, type Sha256, type Token } from '../../core/token.ts';
import type { VolumeData } from '../../core/token-volume.ts';
import type { CycleDependencies } from './cycle-dependencies.ts';
import { asRequestError } from './request-error.ts';
import { requestRevocation } from './revocation-request.ts';
import type { TokenSpecification } from './specification.ts';

/** Between attempts that may succeed the next time. */
const AGAIN: Ms = 1000;
const URGENT = 0;
const TOO_LATE = 'The time for it is over.';

export interface AdoptingCycle {
  readonly specification: Pick<TokenSpecification, 'authorizationServer'>;
  /** Whether another process works on its token. */
  readonly isAsleep: boolean;
  readonly adopted: Promise<void>;
}

/** The tokens of a specification that ends. */
export interface LastTokens {
  readonly specification: TokenSpecification;
  /** Resolves once nothing requests another one. */
  readonly tokens: Promise<readonly (Token | undefined)[]>;
  /** Whether another configured token has this access token. */
  readonly isUsed: (hash: Sha256) => boolean;
}

/**
 * Resolves with `data` once all cycles of the same server have read what an earlier process stored: one of them may have the very
 * token that is to be revoked.
 */
export async function afterAdoption(
  data: Promise<VolumeData>,
  { authorizationServer }: TokenSpecification,
  cycles: () => readonly AdoptingCycle[],
): Promise<VolumeData> {
  const found = await data;
  const others = cycles().filter(
    ({ isAsleep, specification }) => !isAsleep && specification.authorizationServer === authorizationServer,
  );
  await Promise.all(others.map(({ adopted }) => adopted));
  return found;
}

/**
 * Revokes the last tokens of a specification, and returns what is to be reported. Gives up when the signal aborts: what it could not
 * revoke expires by itself. Never rejects.
 */
export async function revokeLastTokens(
  dependencies: CycleDependencies,
  { specification, tokens, isUsed }: LastTokens,
  signal: AbortSignal,
): Promise<readonly TokenEvent[]> {
  const end = aborted(signal);
  const found = await Promise.race([tokens, end.then(() => undefined)]);
  if (found === undefined) return [new Attempts(dependencies, specification, undefined).left(TOO_LATE)];
  const now = dependencies.clock.now();
  const live = found.filter((token) => token !== undefined).filter((token) => isLive(token, now));
  const each = new Map(live.map((token) => [token.sha256, token])).values();
  const revoking = [...each].map(async (token): Promise<TokenEvent> => {
    const attempts = new Attempts(dependencies, specification, token);
    if (isUsed(token.sha256)) return attempts.left('Another token of the configuration has the same access token.');
    const late = end.then(() => attempts.left(`${TOO_LATE} ${attempts.lastError}`));
    return Promise.race([attempts.run(token.accessToken, signal), late]);
  });
  return Promise.all(revoking);
}

class Attempts {
  /** A sentence, or nothing. */
  lastError = '';
  readonly #dependencies: CycleDependencies;
  readonly #specification: TokenSpecification;
  readonly #until: string;

  constructor(dependencies: CycleDependencies, specification: TokenSpecification, token: Token | undefined) {
    this.#dependencies = dependencies;
    this.#specification = specification;
    this.#until = token === undefined ? 'it expires' : new Date(token.expiresAt).toISOString();
  }

  /** Tries again until the server has answered. Never rejects. */
  async run(accessToken: Redacted, signal: AbortSignal): Promise<TokenEvent> {
    const specification = this.#specification;
    for (;;) {
      try {
        const wanted = { specification, accessToken, urgency: URGENT };
        const isRevoked = await requestRevocation(this.#dependencies, wanted, signal);
        if (isRevoked) return { kind: 'token-revoked', server: specification.authorizationServer };
        return this.left('The authorization server names no way to revoke a token.', 'unsupported');
      } catch (error) {
        const { failure, message } = asRequestError(error);
        if (failure === 'configuration' || signal.aborted) return this.left(message);
        this.lastError = message;
      }
      await this.#dependencies.clock.wait(AGAIN, signal);
    }
  }

  left(why: string, result: 'failed' | 'unsupported' = 'failed'): TokenEvent {
    const message = `The AccessToken was deleted, but its token was not revoked, so it stays valid until ${this.#until}. ${why}`;
    return {
      kind: 'revocation-failed',
      server: this.#specification.authorizationServer,
      result,
      message: message.trimEnd(),
    };
  }
}
