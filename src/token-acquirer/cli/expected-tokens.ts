import type { ExpectedToken, NamespacedName } from '../../core/doctor/expected-token.ts';
import { keysOf } from '../../core/token-volume.ts';
import type { ServerSettings } from '../../ports/protocols.ts';
import type { Configuration } from '../configuration/resolve.ts';
import type { TokenSpecification } from '../token/specification.ts';

/** Returns what the doctor looks for of each token. */
export function expectedTokens({ tokens }: Configuration): readonly ExpectedToken[] {
  return tokens.map(expectedToken);
}

/** Returns what the doctor looks for of one token. */
export function expectedToken(token: TokenSpecification): ExpectedToken {
  return {
    identity: token.identity,
    key: token.key,
    keys: keysOf(token),
    server: token.authorizationServer,
    credential: token.credential,
    neededKeys: token.neededKeys,
    clients: token.clients.flatMap(accountIn),
    app: appOf(token),
  };
}

/** A server, with the URL that its configuration begins at. */
export interface ExpectedServer {
  readonly name: string;
  readonly url: string;
  readonly settings: ServerSettings;
}

/** Returns the servers of the configuration that name a URL. */
export function expectedServers({ servers }: Configuration): readonly ExpectedServer[] {
  return Object.entries(servers).flatMap(([name, settings]) => {
    const { tokenEndpoint, issuer, url = tokenEndpoint ?? issuer } = settings as ServerUrls;
    return url === undefined || !URL.canParse(url) ? [] : [{ name, url, settings }];
  });
}

/** OAuth has the first two, every other protocol the last one. */
interface ServerUrls extends ServerSettings {
  readonly tokenEndpoint?: string;
  readonly issuer?: string;
  readonly url?: string;
}

const ACCOUNT = /^system:serviceaccount:(?<namespace>[^:]+):(?<name>[^:]+)$/;

function accountIn(client: string): readonly NamespacedName[] {
  const { namespace, name } = ACCOUNT.exec(client)?.groups ?? {};
  return namespace === undefined || name === undefined ? [] : [{ namespace, name }];
}

function appOf({ clientApp }: TokenSpecification): ExpectedToken['app'] {
  if (clientApp === undefined || !('selector' in clientApp)) return undefined;
  return { namespace: clientApp.namespace, selector: clientApp.selector };
}
