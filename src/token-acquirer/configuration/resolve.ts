import { resolve } from 'node:path';
import { neededKeys } from '../../core/credential-needs.ts';
import { parseDuration } from '../../core/duration.ts';
import { DEFAULT_LIFETIME, DEFAULT_RENEWAL, type RenewalRule } from '../../core/renewal.ts';
import { type Ms, sha256 } from '../../core/token.ts';
import type { ClientApp } from '../../ports/execution-state.ts';
import type { TokenSpecification } from '../token/specification.ts';
import { keyOf } from './cross-checks.ts';
import { placeText } from './placed-tokens.ts';
import { type ConfigurationInput, OWN, type TokenInput } from './schema.ts';

/** Parameters whose white space means nothing: a YAML block scalar adds line breaks. Others are sent word for word. */
const FOLDED: ReadonlySet<string> = new Set(['scope', 'resource', 'audience']);

type ServerInput = ConfigurationInput['authorizationServers'][string];

/** How to reach and authenticate at an authorization server. */
export interface ServerSettings {
  readonly issuer?: string;
  readonly tokenEndpoint?: string;
  readonly tokenEndpointOrigin?: string;
  readonly caFile?: string;
  readonly proxy?: string;
  readonly clientAuthentication: ServerInput['clientAuthentication'];
  readonly assertionFile?: string;
  readonly assertionKeyId?: string;
  readonly assertionAudience?: string;
  readonly bearerTokenTypes?: readonly string[];
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
  readonly endpoint: CertificateFiles | undefined;
  readonly cluster: ClusterSettings;
}

export interface CertificateFiles {
  readonly certificateFile: string;
  readonly privateKeyFile: string;
  /** What clients check the certificate with, where the token-acquirer is to hand it on. */
  readonly caFile?: string;
}

/** What counts in a cluster alone. */
export interface ClusterSettings {
  /** Something in the configuration can be told by a cluster alone; where that is, for messages. */
  readonly neededBy: string | undefined;
  readonly callers: ConfigurationInput['callers'];
  /** Left out: the Service with its namespace. */
  readonly audience: string | undefined;
  readonly maxCallerTokenLifetime: Ms;
  readonly nudge: boolean;
  /** Whether the token Secrets are watched. */
  readonly watch: boolean;
  readonly stateSecret: string;
  readonly authoritySecret: string;
  readonly service: string;
}

/** Fills in defaults and resolves names; relative paths are relative to `folder`, the configuration file's own. */
export function resolveConfiguration(input: ConfigurationInput, folder: string): Configuration {
  const servers: Record<string, ServerSettings> = {};
  for (const [name, server] of Object.entries(input.authorizationServers)) {
    servers[name] = { ...serverOf(server, folder), ...assertionOf(name, server, folder) };
  }
  const callers = new Map<string, CallerSettings>();
  for (const { name, tokenFile } of input.tokens.flatMap(({ clients }) => clients)) {
    if (name === undefined || tokenFile === undefined) continue;
    callers.set(name, { name, tokenFile: resolve(folder, tokenFile) });
  }
  return {
    servers,
    tokens: input.tokens.map((token) => tokenOf(token, input.authorizationServers[token.authorizationServer], folder)),
    callers: [...callers.values()],
    endpoint: filesOf(input.endpoint, folder),
    cluster: clusterOf(input),
  };
}

function filesOf(endpoint: ConfigurationInput['endpoint'], folder: string): CertificateFiles | undefined {
  const { certificateFile, privateKeyFile, caFile } = endpoint ?? {};
  if (certificateFile === undefined || privateKeyFile === undefined) return undefined;
  return {
    certificateFile: resolve(folder, certificateFile),
    privateKeyFile: resolve(folder, privateKeyFile),
    ...(caFile !== undefined && { caFile: resolve(folder, caFile) }),
  };
}

function clusterOf(input: ConfigurationInput): ClusterSettings {
  const { tokens, endpoint, callers, audience, propagation, state } = input;
  const client = tokens.find(({ clients }) => clients.some(({ serviceAccount }) => serviceAccount !== undefined));
  const app = tokens.find(({ clientApp }) => clientApp?.selector !== undefined);
  const places = [
    client !== undefined && `${placeText(client)}.clients names a ServiceAccount`,
    app !== undefined && `${placeText(app)}.clientApp selects pods`,
  ];
  return {
    neededBy: places.find((place) => place !== false),
    callers,
    audience,
    maxCallerTokenLifetime: parseDuration(input.maxCallerTokenLifetime) ?? 0,
    nudge: propagation?.nudge ?? false,
    watch: propagation?.watch ?? false,
    stateSecret: state?.secret ?? OWN.stateSecret,
    authoritySecret: endpoint?.authoritySecret ?? OWN.authoritySecret,
    service: endpoint?.service ?? OWN.service,
  };
}

function serverOf(server: ServerInput, folder: string): ServerSettings {
  const { issuer, tokenEndpoint, tokenEndpointOrigin, caFile, proxy, clientAuthentication } = server;
  const { assertionKeyId, assertionAudience, bearerTokenTypes } = server;
  return {
    ...(issuer !== undefined && { issuer }),
    ...(tokenEndpoint !== undefined && { tokenEndpoint }),
    ...(tokenEndpointOrigin !== undefined && { tokenEndpointOrigin }),
    ...(caFile !== undefined && { caFile: resolve(folder, caFile) }),
    ...(proxy !== undefined && { proxy }),
    ...(assertionKeyId !== undefined && { assertionKeyId }),
    ...(assertionAudience !== undefined && { assertionAudience }),
    ...(bearerTokenTypes !== undefined && { bearerTokenTypes }),
    clientAuthentication,
  };
}

/** The default is where the chart projects a token for this server. */
function assertionOf(
  name: string,
  { clientAuthentication, assertionFile = `/var/run/secrets/workload-identity/${name}/token` }: ServerInput,
  folder: string,
): Pick<ServerSettings, 'assertionFile'> {
  return clientAuthentication === 'workload_identity' ? { assertionFile: resolve(folder, assertionFile) } : {};
}

function tokenOf(token: TokenInput, server: ServerInput | undefined, folder: string): TokenSpecification {
  const { name, secret, grant, credential, authorizationServer } = token;
  const parameters = parametersOf(token);
  return {
    identity: { namespace: secret.namespace, secret: secret.name, name },
    key: keyOf(token),
    authorizationServer,
    credential,
    neededKeys: neededKeys(grant, server?.clientAuthentication ?? 'none'),
    grant,
    parameters,
    renewal: renewalOf(token.renewal),
    defaultLifetime: parseDuration(server?.defaultLifetime ?? '') ?? DEFAULT_LIFETIME,
    isLifetimeConfigured: server?.defaultLifetime !== undefined,
    refreshTokenReuse: reuseOf(server?.refreshTokenReuse),
    clients: token.clients.map(callerNameOf),
    clientApp: clientAppOf(token, folder),
    respondWith: token.reissue?.respondWith ?? 'token',
    readers: secret.readers,
    delivery: token.delivery,
    requestFingerprint: sha256(JSON.stringify([server, credential, grant, parameters])),
  };
}

function reuseOf(reuse: boolean | string | undefined): Ms {
  return typeof reuse === 'string' ? (parseDuration(reuse) ?? 0) : reuse === true ? Infinity : 0;
}

/** A ServiceAccount goes by the user name that the API server gives it. */
function callerNameOf({ name, namespace, serviceAccount }: TokenInput['clients'][number]): string {
  return name ?? `system:serviceaccount:${namespace}:${serviceAccount}`;
}

function parametersOf({ scope, resource, audience, parameters }: TokenInput): Record<string, string | string[]> {
  const configured: Record<string, string | string[]> = {
    ...parameters,
    ...(scope !== undefined && { scope }),
    ...(resource !== undefined && { resource }),
    ...(audience !== undefined && { audience }),
  };
  const sent: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(configured)) {
    const kept = FOLDED.has(name) ? foldedValue(value) : value;
    if (kept !== undefined) sent[name] = kept;
  }
  return sent;
}

/** Every run of white space becomes one space, as in a scope of several lines. `undefined` where nothing is left. */
function foldedValue(value: string | string[]): string | string[] | undefined {
  const fold = (text: string): string => text.trim().replace(/\s+/g, ' ');
  if (typeof value === 'string') return fold(value) || undefined;
  const kept = value.map(fold).filter((text) => text !== '');
  return kept.length === 0 ? undefined : kept;
}

function renewalOf(renewal: TokenInput['renewal']): RenewalRule {
  const interval = renewal?.interval === undefined ? undefined : parseDuration(renewal.interval);
  if (interval !== undefined) return { interval };
  return renewal?.at === undefined ? DEFAULT_RENEWAL : { at: Number.parseFloat(renewal.at) / 100 };
}

function clientAppOf({ clientApp, secret, delivery }: TokenInput, folder: string): ClientApp | undefined {
  const { namespace, selector } = clientApp ?? {};
  if (namespace !== undefined && selector !== undefined) {
    const isUsable = namespace === secret.namespace && delivery === 'secret';
    return isUsable ? { namespace, selector, secret: secret.name } : { namespace, selector };
  }
  if (clientApp?.healthUrl !== undefined) return { healthUrl: clientApp.healthUrl };
  return clientApp?.pidFile === undefined ? undefined : { pidFile: resolve(folder, clientApp.pidFile) };
}
