import { GRANT_NAMES, GRANTS } from '../../core/credential-needs.ts';
import type { TokenConflict } from '../protocols/definition.ts';
import type { OAuthServerInput, OAuthToken } from './resolve-oauth.ts';

const SETTINGS = ['assertion', 'exchange'] as const;

/** Finds keys that the grant of a token does not use, or misses. */
export function grantConflicts(token: OAuthToken, server: OAuthServerInput): TokenConflict[] {
  return [
    ...unusedSettings(token),
    ...missingIssuer(token, server),
    ...unknownActor(token),
    ...namelessGrant(token, server),
  ];
}

function unusedSettings(token: OAuthToken): TokenConflict[] {
  return SETTINGS.flatMap((setting) => {
    if (token[setting] === undefined || GRANTS[token.grant].setting === setting) return [];
    const grant = GRANT_NAMES.find((name) => GRANTS[name].setting === setting);
    return { path: [setting], message: `works only with grant: ${grant}` };
  });
}

function missingIssuer({ assertion, authorizationServer }: OAuthToken, server: OAuthServerInput): TokenConflict[] {
  if (assertion?.audience !== 'issuer' || server.issuer !== undefined) return [];
  const message = `needs the key issuer of authorizationServers.${authorizationServer}, which is missing`;
  return [{ path: ['assertion', 'audience'], message }];
}

function unknownActor({ exchange }: OAuthToken): TokenConflict[] {
  if (exchange?.actorTokenType === undefined || exchange.actorTokenFile !== undefined) return [];
  return [{ path: ['exchange', 'actorTokenType'], message: 'needs actorTokenFile' }];
}

/** Without a client, only a grant with a proof of its own says who asks. */
function namelessGrant({ grant, authorizationServer }: OAuthToken, server: OAuthServerInput): TokenConflict[] {
  if (server.clientAuthentication !== 'anonymous' || GRANTS[grant].setting !== undefined) return [];
  const message = `says nothing about the client, and neither does clientAuthentication: anonymous of authorizationServers.${authorizationServer}. Use none, or the grant jwt_bearer or token_exchange`;
  return [{ path: ['grant'], message }];
}
