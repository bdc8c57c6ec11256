import { keyCollisions } from './key-collisions.ts';
import type { Problem } from './problems.ts';
import { protocolRow } from './protocols.ts';
import type { ConfigurationInput, TokenInput } from './schema.ts';
import type { ServerInput } from './server-schema.ts';
import { shardProblems } from './shard-checks.ts';

/** Returns all who may call about a token. */
export function callersOf({ clients, evidence }: TokenInput): TokenInput['clients'] {
  return [...clients, ...(evidence?.reporters ?? [])];
}

/** Finds what no single value shows: names that refer to nothing, and two tokens in one place. */
export function crossChecks(configuration: ConfigurationInput): Problem[] {
  const { authorizationServers, tokens, services } = configuration;
  const entries: readonly Entry[] = [
    ...tokens.map((token) => ({ ...token, at: ['tokens', token.place] })),
    ...Object.entries(services).map(([name, service]) => ({ ...service, at: ['services', name] })),
  ];
  return [
    ...unknownServers(authorizationServers, entries),
    ...keyCollisions(tokens),
    ...callerConflicts(tokens),
    ...protocolConflicts(authorizationServers, entries),
    ...rotatingServices(configuration),
    ...unselectedLogs(tokens),
    ...shardProblems(configuration),
  ];
}

/** A token or a service, and where it is. */
type Entry = Pick<TokenInput, 'authorizationServer'> & { readonly at: Problem['path'] };

function unknownServers(servers: ConfigurationInput['authorizationServers'], entries: readonly Entry[]): Problem[] {
  const known = Object.keys(servers).join(', ') || 'none';
  const message = `names no entry of authorizationServers (entries: ${known})`;
  return entries
    .filter(({ authorizationServer }) => !Object.hasOwn(servers, authorizationServer))
    .map(({ at }) => ({ path: [...at, 'authorizationServer'], message }));
}

function protocolConflicts(servers: ConfigurationInput['authorizationServers'], entries: readonly Entry[]): Problem[] {
  return entries.flatMap((entry) => {
    const server = servers[entry.authorizationServer];
    if (server === undefined || !hasNeededKeys(entry, server)) return [];
    const conflicts = protocolRow(server).conflicts?.(entry, server) ?? [];
    return conflicts.map(({ path, message }) => ({ path: [...entry.at, ...path], message }));
  });
}

/** Whether it has the keys that the protocol of its server needs. A missing one is a problem by itself (`protocolIssues`). */
function hasNeededKeys(entry: object, server: ServerInput): boolean {
  const { tokenKeys } = protocolRow(server);
  return Object.entries(tokenKeys).every(
    ([key, schema]) => Object.hasOwn(entry, key) || schema.safeParse(undefined).success,
  );
}

/** A refresh token that each request spends serves one token, and a service has any number of them. */
function rotatingServices({ authorizationServers: servers, services }: ConfigurationInput): Problem[] {
  return Object.entries(services)
    .filter(([, service]) => {
      const server = servers[service.authorizationServer];
      if (server === undefined || !hasNeededKeys(service, server)) return false;
      return protocolRow(server).resolveToken(service, server, '').rotates;
    })
    .map(([name]) => ({ path: ['services', name, 'grant'], message: ONE_TOKEN_ONLY }));
}

const ONE_TOKEN_ONLY =
  'spends the refresh token of the credential with each request, so only one token can have it; list that token under tokens instead';

function callerConflicts(tokens: readonly TokenInput[]): Problem[] {
  const problems: Problem[] = [];
  const files = new Map<string, string>();
  for (const token of tokens) {
    for (const { at, name, tokenFile } of placedCallers(token)) {
      if (name === undefined || tokenFile === undefined) continue;
      const other = files.get(name);
      if (other !== undefined && other !== tokenFile) {
        const path = ['tokens', token.place, ...at, 'tokenFile'];
        problems.push({ path, message: 'differs from the file that another token names for the same caller' });
      }
      files.set(name, other ?? tokenFile);
    }
  }
  return problems;
}

function placedCallers({ clients, evidence }: TokenInput) {
  return [
    ...clients.map((client, index) => ({ ...client, at: ['clients', index] })),
    ...(evidence?.reporters ?? []).map((reporter, index) => ({ ...reporter, at: ['evidence', 'reporters', index] })),
  ];
}

/** A log is that of pods. */
function unselectedLogs(tokens: readonly TokenInput[]): Problem[] {
  return tokens
    .filter(({ evidence, clientApp }) => evidence?.log !== undefined && clientApp?.selector === undefined)
    .map(({ place }) => ({
      path: ['tokens', place, 'evidence', 'log'],
      message: 'needs clientApp with namespace and selector, which select the pods whose log is followed',
    }));
}
