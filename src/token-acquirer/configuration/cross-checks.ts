import { keyCollisions } from './key-collisions.ts';
import type { Problem } from './problems.ts';
import { protocolRow } from './protocols.ts';
import type { ConfigurationInput, TokenInput } from './schema.ts';
import { shardProblems } from './shard-checks.ts';

/** Returns all who may call about a token. */
export function callersOf({ clients, evidence }: TokenInput): TokenInput['clients'] {
  return [...clients, ...(evidence?.reporters ?? [])];
}

/** Finds what no single value shows: names that refer to nothing, and two tokens in one place. */
export function crossChecks(configuration: ConfigurationInput): Problem[] {
  const { authorizationServers, tokens } = configuration;
  return [
    ...unknownServers(authorizationServers, tokens),
    ...keyCollisions(tokens),
    ...callerConflicts(tokens),
    ...protocolConflicts(authorizationServers, tokens),
    ...unselectedLogs(tokens),
    ...shardProblems(configuration),
  ];
}

function unknownServers(servers: ConfigurationInput['authorizationServers'], tokens: readonly TokenInput[]): Problem[] {
  const known = Object.keys(servers).join(', ') || 'none';
  return tokens.flatMap(({ authorizationServer, place }) =>
    Object.hasOwn(servers, authorizationServer)
      ? []
      : [
          {
            path: ['tokens', place, 'authorizationServer'],
            message: `names no entry of authorizationServers (entries: ${known})`,
          },
        ],
  );
}

function protocolConflicts(
  servers: ConfigurationInput['authorizationServers'],
  tokens: readonly TokenInput[],
): Problem[] {
  return tokens.flatMap((token) => {
    const server = servers[token.authorizationServer];
    if (server === undefined) return [];
    const conflicts = protocolRow(server).conflicts?.(token, server) ?? [];
    return conflicts.map(({ path, message }) => ({ path: ['tokens', token.place, ...path], message }));
  });
}

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
