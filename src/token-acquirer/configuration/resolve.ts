import { resolve } from 'node:path';
import { parseDuration } from '../../core/duration.ts';
import { DEFAULT_LIFETIME, DEFAULT_RENEWAL, type RenewalRule } from '../../core/renewal.ts';
import { ownerOf, type Shards } from '../../core/shards.ts';
import { type Ms, sha256 } from '../../core/token.ts';
import { NO_COPIES } from '../../core/token-copies.ts';
import { headerOf } from '../../core/token-header.ts';
import type { ClientApp } from '../../ports/execution-state.ts';
import type { ServerSettings } from '../../ports/protocols.ts';
import type { EvidenceSettings, TokenSpecification } from '../token/specification.ts';
import { callersOf } from './cross-checks.ts';
import { matchOf } from './evidence-schema.ts';
import { keyOf } from './key-collisions.ts';
import { placeText } from './placed-tokens.ts';
import { protocolRow } from './protocols.ts';
import { type ConfigurationInput, OWN, type TokenInput } from './schema.ts';
import type { ServerInput } from './server-schema.ts';
import { configuredShards } from './shard-checks.ts';

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
  /** Which of them owns which Secret. */
  readonly shards: Shards;
}

export interface CertificateFiles {
  readonly certificateFile: string;
  readonly privateKeyFile: string;
  /** The CAs that clients check the certificate with, where the token-acquirer is to publish them. */
  readonly caFile?: string;
}

/** Settings that count only in a cluster. */
export interface ClusterSettings {
  /** The place in the configuration of a setting that only works in a cluster, for messages. */
  readonly neededBy: string | undefined;
  readonly callers: ConfigurationInput['callers'];
  /** `undefined`: the Service with its namespace. */
  readonly audience: string | undefined;
  readonly maxCallerTokenLifetime: Ms;
  readonly nudge: boolean;
  /** Whether the token Secrets are watched. */
  readonly watch: boolean;
  readonly stateSecret: string;
  readonly authoritySecret: string;
  readonly service: string;
}

/** Fills in defaults and resolves names. Relative paths are relative to `folder`, which holds the configuration file. */
export function resolveConfiguration(input: ConfigurationInput, folder: string): Configuration {
  const servers: Record<string, ServerSettings> = {};
  for (const [name, server] of Object.entries(input.authorizationServers)) {
    servers[name] = protocolRow(server).resolveServer(name, server, folder);
  }
  const callers = new Map<string, CallerSettings>();
  for (const { name, tokenFile } of input.tokens.flatMap(callersOf)) {
    if (name === undefined || tokenFile === undefined) continue;
    callers.set(name, { name, tokenFile: resolve(folder, tokenFile) });
  }
  const shards = configuredShards(input);
  return {
    servers,
    tokens: input.tokens.flatMap((token) => {
      const server = input.authorizationServers[token.authorizationServer];
      if (server === undefined) return [];
      const specification = tokenOf(token, server, folder);
      return [{ ...specification, shard: ownerOf(specification.identity, shards) }];
    }),
    callers: [...callers.values()],
    endpoint: filesOf(input.endpoint, folder),
    cluster: clusterOf(input),
    shards,
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
  const isAccount = ({ serviceAccount }: TokenInput['clients'][number]): boolean => serviceAccount !== undefined;
  const reporter = tokens.find(({ evidence }) => evidence?.reporters.some(isAccount));
  const app = tokens.find(({ clientApp }) => clientApp?.selector !== undefined);
  const places = [
    client !== undefined && `${placeText(client)}.clients names a ServiceAccount`,
    reporter !== undefined && `${placeText(reporter)}.evidence.reporters names a ServiceAccount`,
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

function tokenOf(token: TokenInput, server: ServerInput, folder: string): Omit<TokenSpecification, 'shard'> {
  const { name, secret, credential, authorizationServer } = token;
  const facts = protocolRow(server).resolveToken(token, server, folder);
  return {
    identity: { namespace: secret.namespace, secret: secret.name, name },
    key: keyOf(token),
    authorizationServer,
    credential,
    ...facts,
    renewal: renewalOf(token.renewal),
    defaultLifetime: parseDuration(server.defaultLifetime ?? '') ?? DEFAULT_LIFETIME,
    isLifetimeConfigured: server.defaultLifetime !== undefined,
    clients: token.clients.map(callerNameOf),
    evidence: evidenceOf(token),
    clientApp: clientAppOf(token, folder),
    respondWith: token.reissue?.respondWith ?? 'token',
    readers: secret.readers,
    delivery: token.delivery,
    copies: token.copies ?? NO_COPIES,
    header: headerOf(token.header),
    onCredentialChange: token.onCredentialChange,
    revokePrevious: token.revokePrevious,
    requestFingerprint: sha256(JSON.stringify([server, credential, facts.demand])),
  };
}

/** A ServiceAccount has the user name that the API server gives it. */
function callerNameOf({ name, namespace, serviceAccount }: TokenInput['clients'][number]): string {
  return name ?? `system:serviceaccount:${namespace}:${serviceAccount}`;
}

function evidenceOf({ evidence }: TokenInput): EvidenceSettings | undefined {
  if (evidence === undefined) return undefined;
  const { log, reporters } = evidence;
  const container = log?.container === undefined ? {} : { container: log.container };
  return {
    ...(log !== undefined && { log: { ...container, match: matchOf(log) } }),
    reporters: reporters.map(callerNameOf),
  };
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
