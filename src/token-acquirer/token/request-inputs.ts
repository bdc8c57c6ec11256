import { messageOf, StoreError, UsageError } from '../../core/errors.ts';
import type { InputFindings, InputObservation } from '../../core/request-inputs.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';
import type { TokenEndpoint } from '../../ports/token-endpoint.ts';
import type { TokenSpecification } from './specification.ts';

/** Tokens look every 30 s, so a token learns of a change within 45 s. */
const FRESH: Ms = 15_000;
/** How long a server that answered counts as reachable. */
const REACHABLE_FOR: Ms = 3_600_000;

type Finding = InputFindings[keyof InputFindings];

interface Reached {
  readonly until: Ms;
  /** Left out until the first connection has succeeded or failed. */
  readonly finding?: Finding;
}

interface Look {
  readonly at: Ms;
  readonly finding: Promise<Finding>;
}

export interface RequestInputsDependencies {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly credentials: Pick<CredentialSource, 'read'>;
  readonly endpoint: Pick<TokenEndpoint, 'obstacle' | 'reach'>;
  /** Aborts when the process ends. */
  readonly abandon: AbortSignal;
}

/**
 * Looks at the credentials and CA files that token requests need, whether or not a request is due, and for suspended tokens
 * at whether the authorization server answers. Tokens that share them share the looks.
 */
export class RequestInputs {
  readonly #dependencies: RequestInputsDependencies;
  /** By credential, then by the keys that are needed. */
  readonly #credentials = new Map<string, Map<string, Look>>();
  readonly #servers = new Map<string, Look>();
  readonly #reached = new Map<string, Reached>();

  constructor(dependencies: RequestInputsDependencies) {
    this.#dependencies = dependencies;
  }

  async look(specification: TokenSpecification, next: InputObservation['next']): Promise<InputFindings> {
    const { authorizationServer, credential, neededKeys } = specification;
    const ofCredential = this.#credentials.get(credential) ?? new Map<string, Look>();
    this.#credentials.set(credential, ofCredential);
    // Tokens that differ only in their parameters share a look.
    const proof = JSON.stringify({ ...specification.demand, parameters: undefined });
    const need = `${authorizationServer} ${neededKeys.join(' ')} ${proof}`;
    const [CredentialUsable, CaUsable] = await Promise.all([
      this.#fresh(ofCredential, need, () => this.#credentialFinding(specification)),
      this.#fresh(this.#servers, authorizationServer, async () => ({
        fault: this.#dependencies.endpoint.obstacle(authorizationServer),
      })),
    ]);
    // A token that is not suspended learns from its requests whether the server answers.
    const isSuspended = next === 'suspend' && CaUsable?.fault === undefined;
    const ServerReachable = isSuspended ? this.#reach(authorizationServer) : undefined;
    return {
      ...(CredentialUsable && { CredentialUsable }),
      ...(CaUsable && { CaUsable }),
      ...(ServerReachable && { ServerReachable }),
    };
  }

  /** The credential has changed. */
  changed(credential: string): void {
    this.#credentials.delete(credential);
  }

  /** The configuration has changed. */
  forget(): void {
    this.#credentials.clear();
    this.#servers.clear();
    this.#reached.clear();
  }

  /** Returns the result of the last connection to the server. A new one is opened in the background: no cycle waits for it. */
  #reach(authorizationServer: string): Finding {
    const now = this.#dependencies.clock.monotonic();
    const known = this.#reached.get(authorizationServer);
    if (known !== undefined && now < known.until) return known.finding;
    const begun = { ...known, until: now + FRESH };
    this.#reached.set(authorizationServer, begun);
    void this.#connect(authorizationServer, begun);
    return known?.finding;
  }

  async #connect(authorizationServer: string, begun: Reached): Promise<void> {
    const { endpoint, clock, abandon } = this.#dependencies;
    const fault = await endpoint.reach(authorizationServer, abandon);
    // The configuration may have changed in the meantime.
    if (this.#reached.get(authorizationServer) !== begun) return;
    const until = clock.monotonic() + (fault === undefined ? REACHABLE_FOR : FRESH);
    this.#reached.set(authorizationServer, { until, finding: { fault } });
  }

  #fresh(looks: Map<string, Look>, key: string, look: () => Promise<Finding>): Promise<Finding> {
    const now = this.#dependencies.clock.monotonic();
    const known = looks.get(key);
    if (known !== undefined && now - known.at < FRESH) return known.finding;
    const finding = look();
    looks.set(key, { at: now, finding });
    return finding;
  }

  async #credentialFinding(specification: TokenSpecification): Promise<Finding> {
    const { authorizationServer, credential, neededKeys, demand } = specification;
    const { credentials, endpoint } = this.#dependencies;
    try {
      const found = await credentials.read(credential, neededKeys);
      return { fault: endpoint.obstacle(authorizationServer, found, demand) };
    } catch (error) {
      // The credential cannot be read at the moment, so the earlier finding still counts.
      if (error instanceof StoreError) return undefined;
      if (error instanceof UsageError) return { fault: messageOf(error) };
      throw error;
    }
  }
}
