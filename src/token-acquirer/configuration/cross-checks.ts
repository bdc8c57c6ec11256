import { grantConflicts } from './grant-checks.ts';
import { keyCollisions } from './key-collisions.ts';
import type { Problem } from './problems.ts';
import type { ConfigurationInput, TokenInput } from './schema.ts';

/** Finds what no single value shows: names that refer to nothing, and two tokens in one place. */
export function crossChecks({ authorizationServers, tokens }: ConfigurationInput): Problem[] {
  return [
    ...unknownServers(authorizationServers, tokens),
    ...keyCollisions(tokens),
    ...callerConflicts(tokens),
    ...grantConflicts(authorizationServers, tokens),
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

function callerConflicts(tokens: readonly TokenInput[]): Problem[] {
  const problems: Problem[] = [];
  const files = new Map<string, string>();
  for (const { clients, place } of tokens) {
    for (const [position, { name, tokenFile }] of clients.entries()) {
      if (name === undefined || tokenFile === undefined) continue;
      const other = files.get(name);
      if (other !== undefined && other !== tokenFile) {
        const path = ['tokens', place, 'clients', position, 'tokenFile'];
        problems.push({ path, message: 'differs from the file that another token names for the same caller' });
      }
      files.set(name, other ?? tokenFile);
    }
  }
  return problems;
}
