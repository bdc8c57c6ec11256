import { resolve } from 'node:path';
import { parseDuration } from '../../core/duration.ts';
import { DEFAULT_LIFETIME, DEFAULT_RENEWAL, type RenewalPolicy } from '../../core/renewal.ts';
import { sha256 } from '../../core/token.ts';
import type { ClientApp } from '../../ports/execution-state.ts';
import type { TokenSpecification } from '../specification.ts';
import { keyOf } from './cross-checks.ts';
import type { ConfigurationInput, TokenInput } from './schema.ts';

type ServerInput = ConfigurationInput['authorizationServers'][string];

/** How to reach and authenticate at an authorization server. */
export interface ServerSettings {
  readonly issuer?: string;
  readonly tokenEndpoint?: string;
  readonly tokenEndpointOrigin?: string;
  readonly caFile?: string;
  readonly proxy?: string;
  readonly clientAuthentication: ServerInput['clientAuthentication'];
}

export interface CallerSettings {
  readonly name: string;
  readonly tokenFile: string;
}

/** A configuration that passed every check, with all names and paths resolved. */
export interface Configuration {
  readonly servers: Readonly<Record<string, ServerSettings>>;
  readonly tokens: readonly TokenSpecification[];
  readonly callers: readonly CallerSettings[];
  readonly endpoint: { readonly certificateFile: string; readonly privateKeyFile: string } | undefined;
}

/** Fills in defaults and resolves names; relative paths are relative to `folder`, the configuration file's own. */
export function resolveConfiguration(input: ConfigurationInput, folder: string): Configuration {
  const servers: Record<string, ServerSettings> = {};
  for (const [name, server] of Object.entries(input.authorizationServers)) servers[name] = serverOf(server, folder);
  const callers = new Map<string, CallerSettings>();
  for (const { name, tokenFile } of input.tokens.flatMap(({ clients }) => clients)) {
    callers.set(name, { name, tokenFile: resolve(folder, tokenFile) });
  }
  const { endpoint } = input;
  return {
    servers,
    tokens: input.tokens.map((token) => tokenOf(token, input.authorizationServers[token.authorizationServer], folder)),
    callers: [...callers.values()],
    endpoint: endpoint && {
      certificateFile: resolve(folder, endpoint.certificateFile),
      privateKeyFile: resolve(folder, endpoint.privateKeyFile),
    },
  };
}

function serverOf(
  { issuer, tokenEndpoint, tokenEndpointOrigin, caFile, proxy, clientAuthentication }: ServerInput,
  folder: string,
): ServerSettings {
  return {
    ...(issuer !== undefined && { issuer }),
    ...(tokenEndpoint !== undefined && { tokenEndpoint }),
    ...(tokenEndpointOrigin !== undefined && { tokenEndpointOrigin }),
    ...(caFile !== undefined && { caFile: resolve(folder, caFile) }),
    ...(proxy !== undefined && { proxy }),
    clientAuthentication,
  };
}

function tokenOf(token: TokenInput, server: ServerInput | undefined, folder: string): TokenSpecification {
  const { name, secret, grant, credential, authorizationServer } = token;
  const parameters = parametersOf(token);
  return {
    identity: { namespace: secret.namespace, secret: secret.name, name },
    key: keyOf(token),
    authorizationServer,
    credential,
    grant,
    parameters,
    renewal: renewalOf(token.renewal),
    defaultLifetime: parseDuration(server?.defaultLifetime ?? '') ?? DEFAULT_LIFETIME,
    refreshTokenReuse: server?.refreshTokenReuse ?? false,
    clients: token.clients.map((client) => client.name),
    clientApp: clientAppOf(token.clientApp, folder),
    respondWith: token.reissue?.respondWith ?? 'token',
    delivery: token.delivery,
    requestFingerprint: sha256(JSON.stringify([server, credential, grant, parameters])),
  };
}

function parametersOf({ scope, resource, audience, parameters }: TokenInput): Record<string, string | string[]> {
  return {
    ...parameters,
    ...(scope !== undefined && { scope }),
    ...(resource !== undefined && { resource }),
    ...(audience !== undefined && { audience }),
  };
}

function renewalOf(renewal: TokenInput['renewal']): RenewalPolicy {
  const interval = renewal?.interval === undefined ? undefined : parseDuration(renewal.interval);
  if (interval !== undefined) return { interval };
  return renewal?.at === undefined ? DEFAULT_RENEWAL : { at: Number.parseFloat(renewal.at) / 100 };
}

function clientAppOf(clientApp: TokenInput['clientApp'], folder: string): ClientApp | undefined {
  if (clientApp?.healthUrl !== undefined) return { healthUrl: clientApp.healthUrl };
  return clientApp?.pidFile === undefined ? undefined : { pidFile: resolve(folder, clientApp.pidFile) };
}
