import { clockSkew } from '../../core/clock-skew.ts';
import type { Reach, ServerFailure } from '../../core/doctor/observed.ts';
import type { Clock } from '../../ports/clock.ts';
import type { OAuthServerSettings, ServerSettings } from '../../ports/protocols.ts';
import type { OutboundFetch } from '../http/outbound.ts';
import { OutboundError } from '../http/outbound-error.ts';
import { AuthorizationServer } from './authorization-server.ts';

export interface ProbeDependencies {
  readonly outbound: OutboundFetch;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A server of the configuration. */
export interface ProbedServer {
  readonly name: string;
  readonly url: string;
  readonly settings: ServerSettings;
}

const MOVED: ReadonlySet<number> = new Set([301, 308]);
const REDIRECTED: ReadonlySet<number> = new Set([...MOVED, 302, 303, 307]);

/** Calls an authorization server as the token-acquirer would, without a credential, and compares the clocks. Never rejects. */
export async function probeServer(server: ProbedServer, dependencies: ProbeDependencies): Promise<Reach> {
  const { outbound, clock, signal } = dependencies;
  const { settings } = server;
  const url = isDiscovered(settings)
    ? `${settings.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    : server.url;
  try {
    const sentAt = clock.now();
    const { status, headers } = await outbound(url, { signal });
    const redirect = redirectIn(status, headers, { url, isMetadata: isDiscovered(settings) });
    // A redirect is the reason for what would be said of the metadata.
    const fault = redirect === undefined ? await metadataFault(server, dependencies) : undefined;
    if (fault !== undefined) return { kind: 'failed', failure: 'answer', message: fault };
    const serverDate = Date.parse(headers.get('date') ?? '');
    // A cache repeats the time at which it got the answer (RFC 9111 section 5.1).
    const isDated = !Number.isNaN(serverDate) && !headers.has('age');
    return {
      kind: 'answered',
      skew: isDated ? clockSkew({ sentAt, answeredAt: clock.now(), serverDate }) : 0,
      redirect,
    };
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return { kind: 'failed', failure: failureOf(error), message: error.message };
  }
}

type OAuthServer = ServerSettings & OAuthServerSettings;

/** Whether the token endpoint has to be discovered. */
function isDiscovered(settings: ServerSettings): settings is OAuthServer & { readonly issuer: string } {
  const { protocol, issuer, tokenEndpoint } = settings as Partial<OAuthServer>;
  return protocol === 'oauth' && issuer !== undefined && tokenEndpoint === undefined;
}

async function metadataFault(
  { name, settings }: ProbedServer,
  dependencies: ProbeDependencies,
): Promise<string | undefined> {
  if (!isDiscovered(settings)) return undefined;
  return new AuthorizationServer(name, settings, dependencies).reach(dependencies.signal);
}

/** A token endpoint may answer a GET with a page for people, so only a move counts there. */
function redirectIn(
  status: number,
  headers: Headers,
  { url, isMetadata }: { readonly url: string; readonly isMetadata: boolean },
): string | undefined {
  if (!(isMetadata ? REDIRECTED : MOVED).has(status)) return undefined;
  const target = URL.parse(headers.get('location') ?? '', url);
  return target === null ? 'nowhere' : `${target.origin}${target.pathname}`;
}

function failureOf({ code, fault }: OutboundError): ServerFailure {
  if (fault !== undefined) return fault;
  if (code === 'refused_address') return 'address';
  return code === 'invalid_response' ? 'answer' : 'connection';
}
