import { documentKey } from '../../core/token-volume.ts';
import { grantConflicts } from './grant-checks.ts';
import { placeText } from './placed-tokens.ts';
import type { Problem } from './problems.ts';
import type { ConfigurationInput, TokenInput } from './schema.ts';

export function keyOf(token: TokenInput): string {
  return token.key ?? token.name;
}

/** Finds what no single value shows: names that refer to nothing, and two tokens in one place. */
export function crossChecks({ authorizationServers, tokens }: ConfigurationInput): Problem[] {
  return [
    ...unknownServers(authorizationServers, tokens),
    ...collisions(tokens),
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

function collisions(tokens: readonly TokenInput[]): Problem[] {
  const problems: Problem[] = [];
  const names = new Map<string, TokenInput>();
  const keys = new Map<string, TokenInput>();
  for (const token of tokens) {
    const { place } = token;
    const secret = `${token.secret.namespace}/${token.secret.name}`;
    const name = `${secret}/${token.name}`;
    const sameName = names.get(name);
    if (sameName !== undefined) {
      problems.push({
        path: ['tokens', place, 'name'],
        message: `is also the name of ${placeText(sameName)} in the same Secret`,
      });
    }
    names.set(name, sameName ?? token);
    const claimed = [keyOf(token), documentKey(keyOf(token))];
    const sameKey = claimed.map((key) => keys.get(`${secret}/${key}`)).find((other) => other !== undefined);
    if (sameKey !== undefined && sameName === undefined) {
      problems.push({
        path: ['tokens', place, 'key'],
        message: `has the same key in the same Secret as ${placeText(sameKey)}`,
      });
    }
    if (keyOf(token) === 'ca.crt')
      problems.push({ path: ['tokens', place, 'key'], message: 'is reserved for the CA certificate' });
    for (const key of claimed) keys.set(`${secret}/${key}`, keys.get(`${secret}/${key}`) ?? token);
  }
  return problems;
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
