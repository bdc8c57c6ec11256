import { resolve } from 'node:path';
import type { z } from 'zod';
import { CLIENT_AUTHENTICATIONS, GRANTS, neededKeys, takesNextSecret } from '../../core/credential-needs.ts';
import { parseDuration } from '../../core/duration.ts';
import type { Ms } from '../../core/token.ts';
import type {
  OAuthDemand,
  OAuthServerSettings,
  ServerSettings,
  SignedAssertion,
  TokenDemand,
  TokenFile,
} from '../../ports/protocols.ts';
import type { ProtocolFacts } from '../protocols/definition.ts';
import { exchangeSchema, tokenTypeUri } from './grant-schema.ts';
import type { oauthServerSchema, oauthTokenKeys } from './oauth-schema.ts';

/** Parameters whose white space means nothing: a YAML block scalar adds line breaks. Others are sent word for word. */
const FOLDED: ReadonlySet<string> = new Set(['scope', 'resource', 'audience']);

type Sent = Record<string, string | string[]>;

/** The keys of an authorization server, and those of a token that only OAuth has. */
export type OAuthServerInput = z.output<typeof oauthServerSchema>;
export type OAuthTokenInput = z.output<z.ZodObject<typeof oauthTokenKeys>>;

/** With the name of its authorization server. */
export type OAuthToken = OAuthTokenInput & { readonly authorizationServer: string };

/** Resolves the settings of an OAuth server; relative paths are relative to `folder`. */
export function resolveOAuthServer(
  name: string,
  server: OAuthServerInput,
  folder: string,
): ServerSettings & OAuthServerSettings {
  const { issuer, tokenEndpoint, revocationEndpoint, tokenEndpointOrigin, caFile, proxy, clientAuthentication } =
    server;
  const { assertionKeyId, assertionAudience, bearerTokenTypes } = server;
  return {
    protocol: 'oauth',
    ...(issuer !== undefined && { issuer }),
    ...(tokenEndpoint !== undefined && { tokenEndpoint }),
    ...(revocationEndpoint !== undefined && { revocationEndpoint }),
    ...(tokenEndpointOrigin !== undefined && { tokenEndpointOrigin }),
    ...(caFile !== undefined && { caFile: resolve(folder, caFile) }),
    ...(proxy !== undefined && { proxy }),
    ...(assertionKeyId !== undefined && { assertionKeyId }),
    ...(assertionAudience !== undefined && { assertionAudience }),
    ...(bearerTokenTypes !== undefined && { bearerTokenTypes }),
    ...assertionOf(name, server, folder),
    clientAuthentication,
  };
}

/** Resolves what the grant and the client authentication determine of a token. */
export function resolveOAuthToken(token: OAuthToken, server: OAuthServerInput, folder: string): ProtocolFacts {
  const { grant, assertion } = token;
  const { rotates, warning } = GRANTS[grant];
  const parameters = parametersOf(token);
  const { scope } = parameters;
  const demand: TokenDemand & OAuthDemand = { protocol: 'oauth', grant, parameters, ...proofOf(token, folder) };
  return {
    demand,
    // RFC 6749 section 5.1: an answer without a scope has the one that was asked for.
    scope: typeof scope === 'string' ? scope : '',
    use: grant,
    rotates,
    warning,
    neededKeys: neededKeys(grant, server.clientAuthentication, { byFile: assertion?.file !== undefined }),
    takesNextSecret: takesNextSecret(server.clientAuthentication),
    refreshTokenReuse: reuseOf(server.refreshTokenReuse),
  };
}

function reuseOf(reuse: boolean | string): Ms {
  return typeof reuse === 'string' ? (parseDuration(reuse) ?? 0) : reuse ? Infinity : 0;
}

/** Resolves what only one grant has. */
function proofOf(
  { grant, assertion = {}, exchange = EXCHANGE, authorizationServer }: OAuthToken,
  folder: string,
): Pick<OAuthDemand, 'assertion' | 'exchange'> {
  if (grant === 'jwt_bearer') {
    const { file, claims = {}, ...signed } = assertion;
    return { assertion: file === undefined ? { ...defined(signed), claims } : { file: resolve(folder, file) } };
  }
  if (grant !== 'token_exchange') return {};
  const { subjectTokenFile = projectedToken(authorizationServer), subjectTokenType } = exchange;
  const { actorTokenFile, actorTokenType = 'jwt', requestedTokenType } = exchange;
  const tokenFile = (file: string, type: string): TokenFile => ({
    file: resolve(folder, file),
    type: tokenTypeUri(type),
  });
  return {
    exchange: {
      subject: tokenFile(subjectTokenFile, subjectTokenType),
      ...(actorTokenFile !== undefined && { actor: tokenFile(actorTokenFile, actorTokenType) }),
      ...(requestedTokenType !== undefined && { requestedTokenType: tokenTypeUri(requestedTokenType) }),
    },
  };
}

const EXCHANGE = exchangeSchema.parse({});

/** Returns where the chart projects a token for this server. */
function projectedToken(server: string): string {
  return `/var/run/secrets/workload-identity/${server}/token`;
}

type Signed = Omit<NonNullable<OAuthTokenInput['assertion']>, 'file' | 'claims'>;

function defined(signed: Signed): Omit<SignedAssertion, 'claims'> {
  return Object.fromEntries(Object.entries(signed).filter(([, value]) => value !== undefined));
}

function assertionOf(
  name: string,
  { clientAuthentication, assertionFile = projectedToken(name) }: OAuthServerInput,
  folder: string,
): Pick<OAuthServerSettings, 'assertionFile'> {
  const settings: readonly string[] = CLIENT_AUTHENTICATIONS[clientAuthentication].settings;
  return settings.includes('assertionFile') ? { assertionFile: resolve(folder, assertionFile) } : {};
}

function parametersOf({ scope, resource, audience, parameters }: OAuthTokenInput): Sent {
  const configured: Sent = {
    ...parameters,
    ...(scope !== undefined && { scope }),
    ...(resource !== undefined && { resource }),
    ...(audience !== undefined && { audience }),
  };
  const sent: Sent = {};
  for (const [name, value] of Object.entries(configured)) {
    const kept = FOLDED.has(name) ? foldedValue(value) : value;
    if (kept !== undefined) sent[name] = kept;
  }
  return sent;
}

/** Replaces every run of white space by one space, as in a scope of several lines. `undefined` where nothing is left. */
function foldedValue(value: string | string[]): string | string[] | undefined {
  const fold = (text: string): string => text.trim().replace(/\s+/g, ' ');
  if (typeof value === 'string') return fold(value) || undefined;
  const kept = value.map(fold).filter((text) => text !== '');
  return kept.length === 0 ? undefined : kept;
}
