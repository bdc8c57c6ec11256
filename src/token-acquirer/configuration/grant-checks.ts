import { GRANT_NAMES, GRANTS } from '../../core/credential-needs.ts';
import type { Problem } from './problems.ts';
import type { ConfigurationInput, TokenInput } from './schema.ts';

type Servers = ConfigurationInput['authorizationServers'];

const SETTINGS = ['assertion', 'exchange'] as const;

/** Finds keys that the grant of a token does not use, or misses. */
export function grantConflicts(servers: Servers, tokens: readonly TokenInput[]): Problem[] {
  return tokens.flatMap((token) => [
    ...unusedSettings(token),
    ...missingIssuer(token, servers),
    ...unknownActor(token),
    ...namelessGrant(token, servers),
  ]);
}

function unusedSettings(token: TokenInput): Problem[] {
  return SETTINGS.flatMap((setting) => {
    if (token[setting] === undefined || GRANTS[token.grant].setting === setting) return [];
    const grant = GRANT_NAMES.find((name) => GRANTS[name].setting === setting);
    return { path: ['tokens', token.place, setting], message: `works only with grant: ${grant}` };
  });
}

function missingIssuer({ assertion, place, authorizationServer }: TokenInput, servers: Servers): Problem[] {
  const server = servers[authorizationServer];
  if (assertion?.audience !== 'issuer' || server === undefined || server.issuer !== undefined) return [];
  const message = `needs the key issuer of authorizationServers.${authorizationServer}, which is missing`;
  return [{ path: ['tokens', place, 'assertion', 'audience'], message }];
}

function unknownActor({ exchange, place }: TokenInput): Problem[] {
  if (exchange?.actorTokenType === undefined || exchange.actorTokenFile !== undefined) return [];
  return [{ path: ['tokens', place, 'exchange', 'actorTokenType'], message: 'needs actorTokenFile' }];
}

/** Without a client, only a grant with a proof of its own says who asks. */
function namelessGrant({ grant, place, authorizationServer }: TokenInput, servers: Servers): Problem[] {
  const method = servers[authorizationServer]?.clientAuthentication;
  if (method !== 'anonymous' || GRANTS[grant].setting !== undefined) return [];
  const message = `says nothing about the client, and neither does clientAuthentication: anonymous of authorizationServers.${authorizationServer}. Use none, or the grant jwt_bearer or token_exchange`;
  return [{ path: ['tokens', place, 'grant'], message }];
}
