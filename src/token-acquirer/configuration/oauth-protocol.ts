import type { OAuthServerSettings, ServerSettings } from '../../ports/protocols.ts';
import type { ProtocolRow } from '../protocols/definition.ts';
import { grantConflicts } from './grant-checks.ts';
import { oauthServerSchema, oauthTokenKeys } from './oauth-schema.ts';
import { type OAuthServerInput, type OAuthToken, resolveOAuthServer, resolveOAuthToken } from './resolve-oauth.ts';

/** OAuth 2.0, which has its own adapter. */
export const oauth: ProtocolRow = {
  name: 'oauth',
  summary: 'OAuth 2.0 (RFC 6749).',
  server: oauthServerSchema,
  tokenKeys: oauthTokenKeys,
  credential: 'those of `grant` and `clientAuthentication`',
  // The schema of this row has checked both, here and below.
  conflicts: (token, server) => grantConflicts(token as OAuthToken, server as OAuthServerInput),
  unrevocable: (server) => {
    const { tokenEndpoint, revocationEndpoint } = server as ServerSettings & OAuthServerSettings;
    if (tokenEndpoint === undefined || revocationEndpoint !== undefined) return undefined;
    return 'has tokenEndpoint instead of discovery. Set its revocationEndpoint, too, or no token is revoked';
  },
  resolveServer: (name, server, folder) => resolveOAuthServer(name, server as OAuthServerInput, folder),
  resolveToken: (token, server, folder) => resolveOAuthToken(token as OAuthToken, server as OAuthServerInput, folder),
};
