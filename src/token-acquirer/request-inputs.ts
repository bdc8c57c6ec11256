import { messageOf, StoreError, UsageError } from '../core/errors.ts';
import type { InputFindings } from '../core/request-inputs.ts';
import type { Ms } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { CredentialSource } from '../ports/credential-source.ts';
import type { TokenEndpoint } from '../ports/token-endpoint.ts';
import type { TokenSpecification } from './specification.ts';

/** Tokens look every 30 s; so a token learns of a change within 45 s. */
const FRESH: Ms = 15_000;

type Finding = InputFindings[keyof InputFindings];

interface Look {
  readonly at: Ms;
  readonly finding: Promise<Finding>;
}

export interface RequestInputsDependencies {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly credentials: Pick<CredentialSource, 'read'>;
  readonly endpoint: Pick<TokenEndpoint, 'obstacle'>;
}

/**
 * Looks at the credentials and CA files that token requests need, whether or not a request is due. Tokens that share them
 * share the looks.
 */
export class RequestInputs {
  readonly #dependencies: RequestInputsDependencies;
  /** By credential, then by what is needed of it. */
  readonly #credentials = new Map<string, Map<string, Look>>();
  readonly #servers = new Map<string, Look>();

  constructor(dependencies: RequestInputsDependencies) {
    this.#dependencies = dependencies;
  }

  async look(specification: TokenSpecification): Promise<InputFindings> {
    const { authorizationServer, credential, neededKeys } = specification;
    const ofCredential = this.#credentials.get(credential) ?? new Map<string, Look>();
    this.#credentials.set(credential, ofCredential);
    const need = `${authorizationServer} ${neededKeys.join(' ')}`;
    const [CredentialUsable, CaUsable] = await Promise.all([
      this.#fresh(ofCredential, need, () => this.#credentialFinding(specification)),
      this.#fresh(this.#servers, authorizationServer, async () => ({
        fault: this.#dependencies.endpoint.obstacle(authorizationServer),
      })),
    ]);
    return { ...(CredentialUsable && { CredentialUsable }), ...(CaUsable && { CaUsable }) };
  }

  /** The credential has changed. */
  changed(credential: string): void {
    this.#credentials.delete(credential);
  }

  /** The configuration has changed. */
  forget(): void {
    this.#credentials.clear();
    this.#servers.clear();
  }

  #fresh(looks: Map<string, Look>, key: string, look: () => Promise<Finding>): Promise<Finding> {
    const now = this.#dependencies.clock.monotonic();
    const known = looks.get(key);
    if (known !== undefined && now - known.at < FRESH) return known.finding;
    const finding = look();
    looks.set(key, { at: now, finding });
    return finding;
  }

  async #credentialFinding({ authorizationServer, credential, neededKeys }: TokenSpecification): Promise<Finding> {
    const { credentials, endpoint } = this.#dependencies;
    try {
      const found = await credentials.read(credential, neededKeys);
      return { fault: endpoint.obstacle(authorizationServer, found) };
    } catch (error) {
      // It cannot be read at the moment: what was found before still counts.
      if (error instanceof StoreError) return undefined;
      if (error instanceof UsageError) return { fault: messageOf(error) };
      throw error;
    }
  }
}
