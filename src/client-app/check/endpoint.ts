import { readFileSync } from 'node:fs';
import { isBearerToken } from '../../core/bearer.ts';
import { systemCode } from '../../core/errors.ts';
import { Redacted } from '../../core/redacted.ts';
import { TEST_HEADER, TEST_VALUE } from '../../core/test-call.ts';
import { type Ms, type Sha256, sha256 } from '../../core/token.ts';
import { tokenUrl } from '../../core/token-url.ts';
import { type DocumentedToken, parseDocument } from '../../core/token-volume.ts';
import type { Answered, HttpCall, MakeCall, Unreached } from '../../ports/http-call.ts';

export interface EndpointSettings {
  /** The token-acquirer: `https://host:port`. */
  readonly url: string;
  /** The token Secret's. */
  readonly namespace: string;
  readonly secret: string;
  /** File of the projected ServiceAccount token. */
  readonly callerTokenFile: string;
  /** If it is missing, the public CAs are used. */
  readonly caFile: string | undefined;
  /** For each call. */
  readonly timeout?: Ms;
}

export interface Reissued {
  readonly kind: 'reissued';
  readonly outcome: string;
  readonly stored: boolean;
  readonly generation: number;
  /** With `respondWith: token`. */
  readonly accessToken: Redacted | undefined;
}

export interface Refused {
  readonly kind: 'refused';
  readonly status: number;
  /** Of problem+json (RFC 9457): an error code of the authorization server's, or of the token-acquirer's own. */
  readonly code: string | undefined;
  readonly retryAfter: Ms | undefined;
}

/** It answered 200, and not as the contract says. */
export interface Unusable {
  readonly kind: 'unusable';
}

/** A condition of the token, as the token-acquirer reports it to a client. */
export interface SeenCondition {
  readonly type: string;
  readonly healthy: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface SeenClientApp {
  /** Whether the token names the pods of its client app. */
  readonly hasSelector: boolean;
  readonly conditions: readonly SeenCondition[];
}

export type NotReissued = Refused | Unreached | Unusable;
export type ReissueResult = Reissued | NotReissued;

/** Who calls: the token itself may not be said, these may. */
export interface CallerIdentity {
  /** `billing/billing-app`. */
  readonly account: string;
  readonly audience: string;
}

/** The reissue endpoint for the check: it distinguishes all answers, and none is an exception. */
export class CheckedEndpoint {
  readonly settings: EndpointSettings;
  readonly #makeCall: MakeCall;

  constructor(settings: EndpointSettings, makeCall: MakeCall) {
    this.settings = settings;
    this.#makeCall = makeCall;
  }

  get host(): string {
    return new URL(this.settings.url).host;
  }

  async reissue(name: string, rejected: Sha256, caller: Redacted | undefined): Promise<ReissueResult> {
    const body = JSON.stringify({ rejected_sha256: rejected, error: 'invalid_token' });
    const result = await this.#call({ method: 'POST', url: this.#urlOf(name, '/reissue'), bearer: caller, body });
    if (result.kind === 'unreached') return result;
    return result.status === 200 ? reissuedOf(result.body) : refusalOf(result);
  }

  /** Returns the token that is only kept in memory (`delivery: endpoint`). */
  async current(name: string, caller: Redacted): Promise<DocumentedToken | NotReissued> {
    const result = await this.#call({ method: 'GET', url: this.#urlOf(name), bearer: caller });
    if (result.kind === 'unreached') return result;
    if (result.status !== 200) return refusalOf(result);
    try {
      return parseDocument(name, result.body);
    } catch {
      return { kind: 'unusable' };
    }
  }

  /** What the token-acquirer knows of the client app. A token-acquirer of an earlier version answers 404. */
  async clientApp(name: string, caller: Redacted): Promise<SeenClientApp | NotReissued> {
    const result = await this.#call({ method: 'GET', url: this.#urlOf(name, '/conditions'), bearer: caller });
    if (result.kind === 'unreached') return result;
    if (result.status !== 200) return refusalOf(result);
    const { selector, conditions } = fieldsOf(result.body);
    const seen = Array.isArray(conditions) ? conditions.map(conditionOf) : [undefined];
    if (!seen.every((condition) => condition !== undefined)) return { kind: 'unusable' };
    return { hasSelector: typeof selector === 'string', conditions: seen };
  }

  /** Whether its certificate can be checked. Asks for no token; true also where nothing answers. */
  async isTrusted(): Promise<boolean> {
    const result = await this.#call({ method: 'GET', url: new URL(this.settings.url) });
    return result.kind !== 'unreached' || result.why !== 'untrusted';
  }

  /** Throws Error with a sentence. */
  callerToken(): Redacted {
    const { callerTokenFile: file } = this.settings;
    const token = readText(file)?.trim();
    if (token === undefined || !isBearerToken(token))
      throw new Error(`${file} holds no ServiceAccount token: project one there, for the token-acquirer's audience.`);
    return new Redacted(token);
  }

  /** Whether the volume's ca.crt verifies the endpoint's certificate. If not, the public CAs do. */
  get ownAuthority(): boolean {
    return this.#ca() !== undefined;
  }

  #ca(): string | undefined {
    const { caFile } = this.settings;
    return caFile === undefined ? undefined : readText(caFile);
  }

  #urlOf(name: string, action?: '/reissue' | '/conditions'): URL {
    const { url, namespace, secret } = this.settings;
    return tokenUrl(new URL(url), { namespace, secret, name }, action);
  }

  #call(call: HttpCall): Promise<Answered | Unreached> {
    const headers = { [TEST_HEADER]: TEST_VALUE };
    return this.#makeCall({ ...call, headers, ca: this.#ca(), timeout: this.settings.timeout });
  }
}

/** The hash to send where there is no token: of none that was ever given. */
export const NO_TOKEN: Sha256 = sha256('');

/** Of a ServiceAccount token's claims, those that say who it is; `undefined` for a token that says neither. */
export function callerIdentity(caller: Redacted): CallerIdentity | undefined {
  try {
    const claims = JSON.parse(Buffer.from(caller.reveal().split('.')[1] ?? '', 'base64url').toString('utf8')) as {
      readonly sub?: unknown;
      readonly aud?: unknown;
    };
    const [, namespace, account] = /^system:serviceaccount:([-a-z0-9]+):([-.a-z0-9]+)$/.exec(String(claims.sub)) ?? [];
    const audience = [claims.aud].flat().filter((one) => typeof one === 'string' && /^[-\w.:/]{1,200}$/.test(one));
    return namespace === undefined ? undefined : { account: `${namespace}/${account}`, audience: audience.join(', ') };
  } catch {
    return undefined;
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

function reissuedOf(body: string): Reissued | Unusable {
  const { outcome, stored, generation, access_token: token } = fieldsOf(body);
  if (typeof outcome !== 'string' || typeof stored !== 'boolean' || typeof generation !== 'number')
    return { kind: 'unusable' };
  const usable = typeof token === 'string' && isBearerToken(token);
  if (token !== undefined && !usable) return { kind: 'unusable' };
  return {
    kind: 'reissued',
    // An unknown outcome comes from a later version. The token is valid anyway.
    outcome: ['reissued', 'coalesced'].find((known) => known === outcome) ?? 'newer',
    stored,
    generation,
    accessToken: usable ? new Redacted(token) : undefined,
  };
}

function conditionOf(value: unknown): SeenCondition | undefined {
  const { type, status, reason, message } = (value ?? {}) as Record<string, unknown>;
  const texts = { type, reason, message };
  if (!Object.values(texts).every((text) => typeof text === 'string')) return undefined;
  return { ...(texts as Record<keyof typeof texts, string>), healthy: status !== 'False' };
}

function refusalOf({ status, body, headers }: Answered): Refused {
  const { code } = fieldsOf(body);
  const seconds = /^\d{1,6}$/.test(headers['retry-after'] ?? '') ? Number(headers['retry-after']) : undefined;
  return {
    kind: 'refused',
    status,
    retryAfter: seconds === undefined ? undefined : seconds * 1000,
    code: typeof code === 'string' && /^[a-z][a-z_]{0,39}$/.test(code) ? code : undefined,
  };
}

/** No more of a body than the fields that are asked for: it may hold a token. */
function fieldsOf(body: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
