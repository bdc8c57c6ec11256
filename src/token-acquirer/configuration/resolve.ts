import { resolve } from 'node:path';
import { parseDuration } from '../../core/duration.ts';
import type { Shards } from '../../core/shards.ts';
import type { Ms } from '../../core/token.ts';
import type { ServerSettings } from '../../ports/protocols.ts';
import type { TokenSpecification } from '../token/specification.ts';
import { callersOf } from './cross-checks.ts';
import { type Services, servicesOf } from './offers.ts';
import { placeText } from './placed-tokens.ts';
import { pathText } from './problems.ts';
import { protocolRow } from './protocols.ts';
import { specificationOf } from './resolve-token.ts';
import { type ConfigurationInput, OWN, type TokenInput } from './schema.ts';
import { configuredShards } from './shard-checks.ts';

export interface CallerSettings {
  readonly name: string;
  readonly tokenFile: string;
}

/** A configuration that passed every check, with all names and paths resolved. */
export interface Configuration {
  readonly servers: Readonly<Record<string, ServerSettings>>;
  readonly tokens: readonly TokenSpecification[];
  /** What AccessTokens may ask for. */
  readonly services: Services;
  readonly callers: readonly CallerSettings[];
  readonly endpoint: CertificateFiles | undefined;
  readonly cluster: ClusterSettings;
  /** Which of them owns which Secret. */
  readonly shards: Shards;
  /** Whether the status port has a page for people. */
  readonly hasStatusPage: boolean;
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
      return server === undefined ? [] : [specificationOf(token, server, { folder, shards })];
    }),
    services: servicesOf(input, { folder, shards }),
    callers: [...callers.values()],
    endpoint: filesOf(input.endpoint, folder),
    cluster: clusterOf(input),
    shards,
    hasStatusPage: input.status?.page ?? false,
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
  const { tokens, services, endpoint, callers, audience, propagation, state } = input;
  const [service] = Object.keys(services);
  const client = tokens.find(({ clients }) => clients.some(({ serviceAccount }) => serviceAccount !== undefined));
  const isAccount = ({ serviceAccount }: TokenInput['clients'][number]): boolean => serviceAccount !== undefined;
  const reporter = tokens.find(({ evidence }) => evidence?.reporters.some(isAccount));
  const app = tokens.find(({ clientApp }) => clientApp?.selector !== undefined);
  const places = [
    client !== undefined && `${placeText(client)}.clients names a ServiceAccount`,
    reporter !== undefined && `${placeText(reporter)}.evidence.reporters names a ServiceAccount`,
    app !== undefined && `${placeText(app)}.clientApp selects pods`,
    service !== undefined && `${pathText(['services', service])} is for AccessTokens`,
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
