import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import Provider, { type ClientMetadata } from 'oidc-provider';
import { configureProvider } from '../../src/demo/provider-configuration.ts';
import type { CertificateAuthority } from './certificates.ts';
import { registerSecret } from './secrets.ts';

/** A real authorization server over TLS that asks clients for certificates and does not insist (RFC 8705). */
export interface CertifiedProvider {
  readonly issuer: string;
  /** Protected headers of the assertions that were accepted, in order. */
  readonly assertions: readonly Readonly<Record<string, unknown>>[];
  stop(): Promise<void>;
}

const peerOf = (request: IncomingMessage): TLSSocket => request.socket as TLSSocket;

function certificateOf(request: IncomingMessage): X509Certificate | undefined {
  return peerOf(request).getPeerX509Certificate() ?? undefined;
}

/** `aliases`: publish a token endpoint for those with a certificate, below `mtls_endpoint_aliases`. */
export async function startCertifiedProvider(
  authority: CertificateAuthority,
  clients: readonly ClientMetadata[],
  { aliases = false }: { aliases?: boolean } = {},
): Promise<CertifiedProvider> {
  const assertions: Record<string, unknown>[] = [];
  const server = createServer({
    ...authority.issue(),
    ca: authority.ca,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const configuration = configureProvider({
    issuer,
    clients: [],
    rotateRefreshTokens: true,
    accessTokenLifetime: () => 60,
  });
  const provider = new Provider(issuer, {
    ...configuration,
    clients: clients.map((client) => ({
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      ...client,
    })),
    clientAuthMethods: ['private_key_jwt', 'tls_client_auth', 'none'],
    discovery: aliases ? { mtls_endpoint_aliases: { token_endpoint: `${issuer}/token` } } : {},
    features: {
      ...configuration.features,
      mTLS: {
        enabled: true,
        tlsClientAuth: true,
        getCertificate: (ctx) => certificateOf(ctx.req),
        certificateAuthorized: (ctx) => peerOf(ctx.req).authorized,
        certificateSubjectMatches: (ctx, _property, expected) =>
          certificateOf(ctx.req)?.subjectAltName?.includes(`DNS:${expected}`) ?? false,
      },
    },
  });
  provider.on('grant.success', (ctx) => void registerSecret(String((ctx.body as ClientMetadata)['access_token'])));
  provider.on('grant.success', (ctx) => {
    const assertion = ctx.oidc.params?.['client_assertion'];
    if (typeof assertion !== 'string') return;
    const header: unknown = JSON.parse(Buffer.from(assertion.split('.')[0] ?? '', 'base64url').toString());
    assertions.push(header as Record<string, unknown>);
  });
  const answer = provider.callback();
  server.on('request', (request, response) => void answer(request, response));
  return {
    issuer,
    assertions,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
