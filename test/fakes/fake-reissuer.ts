import { ReissueError } from '../../src/core/errors.ts';
import type { ReissueCause } from '../../src/core/reissue.ts';
import type { Ms, Sha256, Token } from '../../src/core/token.ts';
import type { CurrentToken, ReissueAnswer, ReissueReport, Reissuer, Sighting } from '../../src/ports/reissuer.ts';

export interface FakeReissuerOptions {
  /** The current tokens by name. */
  readonly tokens: Record<string, Token>;
  /** Makes the next token, which is the current one from then on. */
  readonly issue: (name: string, previous: Token) => Token;
  readonly respondWith?: 'token' | 'generation';
  /** The remaining lifetime of each token. Without it, answers have no lifetime. */
  readonly expiresIn?: Ms | undefined;
}

/** The token-acquirer in memory. It reissues a rejected current token, and otherwise answers with the newer one. */
export class FakeReissuer implements Reissuer {
  readonly #options: FakeReissuerOptions;
  readonly #pending = new Map<string, Promise<Token>>();
  /** The reissue calls in order. */
  readonly reissues: { readonly name: string; readonly rejected: Sha256 }[] = [];
  readonly gets: string[] = [];
  /** The sighting of a token in the volume that each reissue call reported. */
  readonly sightings: (Sighting | undefined)[] = [];
  readonly causes: (ReissueCause | undefined)[] = [];
  /** Makes every call fail until it is removed. */
  failure: ReissueError | undefined;
  /** Makes every call wait first. */
  hold: Promise<void> | undefined;
  respondWith: 'token' | 'generation';

  constructor(options: FakeReissuerOptions) {
    this.#options = options;
    this.respondWith = options.respondWith ?? 'token';
  }

  async reissue(name: string, rejected: Sha256, { cause, sighting }: ReissueReport = {}): Promise<ReissueAnswer> {
    this.reissues.push({ name, rejected });
    this.sightings.push(sighting);
    this.causes.push(cause);
    const current = await this.#admit(name);
    if (current.sha256 !== rejected || this.#isLive(cause)) return this.#answer('newer', current);
    const pending = this.#pending.get(name);
    if (pending !== undefined) return this.#answer('coalesced', await pending);
    const issued = this.#issue(name, current);
    this.#pending.set(name, issued);
    const token = await issued.finally(() => this.#pending.delete(name));
    return this.#answer('reissued', token);
  }

  /** Decides as the token-acquirer does: a client's clock does not make a token expire. */
  #isLive(cause: ReissueCause | undefined): boolean {
    return cause === 'expired' && (this.#options.expiresIn ?? 0) > 0;
  }

  async current(name: string): Promise<CurrentToken> {
    this.gets.push(name);
    const token = await this.#admit(name);
    return { ...token, expiresIn: this.#options.expiresIn };
  }

  async #admit(name: string): Promise<Token> {
    await this.hold;
    if (this.failure !== undefined) throw this.failure;
    const token = this.#options.tokens[name];
    if (token === undefined) throw new ReissueError('The fake token-acquirer answered 403.', { status: 403 });
    return token;
  }

  async #issue(name: string, previous: Token): Promise<Token> {
    // As with a token request, other calls may come in the meantime.
    await new Promise((resolve) => setImmediate(resolve));
    const token = this.#options.issue(name, previous);
    this.#options.tokens[name] = token;
    return token;
  }

  #answer(outcome: ReissueAnswer['outcome'], token: Token): ReissueAnswer {
    const { generation, issuedAt, expiresAt } = token;
    const { expiresIn } = this.#options;
    const accessToken = this.respondWith === 'token' ? token.accessToken : undefined;
    return { outcome, stored: true, generation, issuedAt, expiresAt, expiresIn, accessToken };
  }
}
