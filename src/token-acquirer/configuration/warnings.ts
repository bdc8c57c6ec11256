import { identityText } from '../../core/token.ts';
import type { ServerSettings } from '../../ports/protocols.ts';
import type { TokenSpecification } from '../token/specification.ts';
import { protocolRow } from './protocols.ts';
import type { Configuration } from './resolve.ts';

/** Returns a sentence for each token or authorization server with a setting that works but has a risk. */
export function warningsOf({ tokens, servers }: Pick<Configuration, 'tokens' | 'servers'>): string[] {
  const reuse = [...serversWithEndlessReuse(tokens)].map(
    (server) =>
      `authorizationServers.${server}.refreshTokenReuse: true sends a used refresh token again at any time, which the server may treat as theft. Set the time for which the server allows it, such as 30s.`,
  );
  const uses = tokens.flatMap(({ identity, warning }) =>
    warning === undefined ? [] : [`${identityText(identity)} ${warning}`],
  );
  const revocations = tokens.flatMap((token) => revocationRisk(token, servers[token.authorizationServer]));
  return [...reuse, ...uses, ...revocations, ...tokens.flatMap(sharedClients)];
}

function revocationRisk(
  { identity, revokePrevious, rotates, authorizationServer }: TokenSpecification,
  server: ServerSettings | undefined,
): string[] {
  if (!revokePrevious) return [];
  const risks: string[] = [];
  if (rotates)
    risks.push(
      'revokes access tokens of a refresh token. RFC 7009 section 2.1 lets a server end the refresh token with them. Try whether this one does.',
    );
  const why = server === undefined ? undefined : protocolRow(server).unrevocable(server);
  if (why !== undefined) risks.push(`has revokePrevious, but the authorization server ${authorizationServer} ${why}.`);
  return risks.map((risk) => `${identityText(identity)} ${risk}`);
}

/** Pods that name no ServiceAccount run as `default`. As a client it stands for all of them. */
function sharedClients({ identity, clients }: Configuration['tokens'][number]): string[] {
  const namespaces = clients.flatMap((name) => /^system:serviceaccount:([^:]+):default$/.exec(name)?.[1] ?? []);
  return namespaces.map(
    (namespace) =>
      `${identityText(identity)} has the ServiceAccount default of the namespace ${namespace} among its clients. Every pod there that names no ServiceAccount may ask for the token. Give the client app its own ServiceAccount.`,
  );
}

function serversWithEndlessReuse(tokens: Configuration['tokens']): ReadonlySet<string> {
  const endless = tokens.filter(({ rotates, refreshTokenReuse }) => rotates && refreshTokenReuse === Infinity);
  return new Set(endless.map(({ authorizationServer }) => authorizationServer));
}
