import type { HttpProtocol } from '../../ports/http-protocol.ts';
import type { ServerSettings } from '../../ports/protocols.ts';
import type { TokenEndpoint } from '../../ports/token-endpoint.ts';
import type { ProtocolRow } from '../protocols/definition.ts';
import { githubApp } from '../protocols/github-app.ts';
import { httpLogin } from '../protocols/http-login.ts';
import type { ProtocolAdapters } from '../token/protocol-adapters.ts';
import { oauth } from './oauth-protocol.ts';

/** Every protocol in which tokens are requested. The first one is the default. */
export const PROTOCOLS: readonly ProtocolRow[] = [oauth, githubApp, httpLogin];

/** Returns the row of an authorization server that the schema has accepted. */
export function protocolRow(server: { readonly protocol?: string | undefined }): ProtocolRow {
  const row = protocolOf(server);
  if (row === undefined) throw new TypeError('The protocol is no row of the table.');
  return row;
}

/** Returns the row that `protocol` names, or the first one where it is left out; `undefined` for another name. */
export function protocolOf({ protocol }: { readonly protocol?: unknown }): ProtocolRow | undefined {
  return PROTOCOLS.find(({ name }, index) => name === protocol || (index === 0 && protocol === undefined));
}

/** Returns the adapters of all protocols of HTTP requests. */
export function httpAdapters(
  adapter: (protocol: HttpProtocol, servers: Readonly<Record<string, ServerSettings>>) => TokenEndpoint,
): ProtocolAdapters {
  return Object.fromEntries(
    PROTOCOLS.flatMap(({ name, http }) =>
      http === undefined ? [] : [[name, (servers: Readonly<Record<string, ServerSettings>>) => adapter(http, servers)]],
    ),
  );
}
