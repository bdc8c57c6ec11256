import type { Credential } from '../../src/core/credential.ts';
import { TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { ServerSettings, TokenDemand } from '../../src/ports/protocols.ts';
import type { TokenEndpoint, TokenResponse } from '../../src/ports/token-endpoint.ts';
import type { ProtocolAdapters } from '../../src/token-acquirer/token/protocol-adapters.ts';
import { secret } from './secrets.ts';

/** The settings of a made-up protocol instead of OAuth's: a counter that issues tokens at its desks. */
interface VoucherSettings extends ServerSettings {
  readonly protocol: 'voucher';
  readonly counter: string;
}

interface VoucherDemand extends TokenDemand {
  readonly protocol: 'voucher';
  readonly desk: number;
}

type VoucherRequest = VoucherDemand & { readonly authorizationServer: string; readonly credential: Credential };

export function voucherServer(counter: string): VoucherSettings {
  return { protocol: 'voucher', counter };
}

export function voucherDemand(desk: number): VoucherDemand {
  return { protocol: 'voucher', desk };
}

/** The counter of each server: its requests, and its next answers. */
export class VoucherCounters {
  readonly visits: { readonly counter: string; readonly desk: number; readonly client: string }[] = [];
  readonly rejections: TokenRequestError[] = [];
  readonly returned: string[] = [];
  /** The reason why every counter is closed. */
  closed: string | undefined;

  /** An adapter of the port, as `createOAuthTokenEndpoint` is one. */
  readonly adapter = (servers: Readonly<Record<string, object>>): TokenEndpoint => ({
    request: async (request, signal) => {
      if (signal.aborted) throw new TokenRequestError('unreachable', 'Cancelled.', { progress: 'not-sent' });
      return this.#visit(servers, request as unknown as VoucherRequest);
    },
    revoke: async (_request, accessToken) => {
      this.returned.push(accessToken.reveal());
      return true;
    },
    obstacle: () => undefined,
    reach: async () => this.closed,
  });

  #visit(
    servers: Readonly<Record<string, object>>,
    { authorizationServer, desk, credential }: VoucherRequest,
  ): TokenResponse {
    const { counter } = servers[authorizationServer] as VoucherSettings;
    this.visits.push({ counter, desk, client: credential.values.client_id?.reveal() ?? 'nobody' });
    const rejection = this.rejections.shift();
    if (rejection !== undefined) throw rejection;
    const accessToken = new Redacted(secret('voucher'));
    return { accessToken, tokenType: 'Bearer', scope: undefined, expiresIn: 60, refreshToken: undefined };
  }
}

/** The adapters of both protocols. */
export function bothProtocols(
  oauth: ProtocolAdapters[string],
  { adapter }: Pick<VoucherCounters, 'adapter'>,
): ProtocolAdapters {
  return { oauth, voucher: adapter };
}
