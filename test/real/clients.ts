import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDirectoryTokenStore } from '../../src/adapters/fs/directory-token-store.ts';
import {
  type AuthorizedFetchOptions,
  authorizedFetch,
  type Fetch,
  mountedTokens,
  type TokenSource,
} from '../../src/client/index.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { hashesBefore, nextGeneration, sha256, type Token } from '../../src/core/token.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { AcquirerProcess, Workplace } from '../e2e/acquirer-process.ts';
import { startReissueServer } from '../support/reissue-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { type AuthorizationServer, issue, type Lifetime } from './authorization-servers.ts';

/** A client app with its own mounted token. */
export interface ClientApp {
  readonly source: TokenSource;
  /** `fetch` with the token. */
  readonly call: Fetch;
  stop(): Promise<void>;
}

export interface AcquiredClientApp extends ClientApp {
  readonly acquirer: AcquirerProcess;
}

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };

/** The whole chain: a token-acquirer in its own process, what it mounts, and the client library. */
export async function openClientApp(
  server: AuthorizationServer,
  options: AuthorizedFetchOptions,
): Promise<AcquiredClientApp> {
  const { clientId, clientSecret } = server.client('long');
  const workplace = new Workplace().credential('dynamics', { client_id: clientId, client_secret: clientSecret });
  workplace.configure({
    authorizationServers: { corporate: { issuer: server.issuer } },
    tokens: [
      {
        name: 'dynamics',
        authorizationServer: 'corporate',
        credential: 'dynamics',
        grant: 'client_credentials',
        secret: { namespace: SECRET.namespace, name: SECRET.secret },
        clients: [{ name: 'billing-app', tokenFile: workplace.callerToken }],
      },
    ],
  });
  const acquirer = AcquirerProcess.in(workplace);
  const url = await acquirer.url('reissue');
  const reissue = { ...SECRET, url, callerTokenFile: workplace.callerToken };
  const tokens = mountedTokens({ directory: workplace.volume(), reissue });
  const source = tokens.source('dynamics');
  await source.ready();
  return {
    acquirer,
    source,
    call: authorizedFetch(source, options),
    async stop() {
      tokens.close();
      await acquirer.end('SIGKILL');
      workplace.remove();
    },
  };
}

const SLOW_BY = 10 * 60_000;

/**
 * A client app whose clock is ten minutes slow, so that it still sends its token when that has expired. Its first token
 * lives so long as given; the reissue endpoint writes what follows into its directory.
 */
export async function openSlowClientApp(
  server: AuthorizationServer,
  first: Lifetime,
  options: AuthorizedFetchOptions,
): Promise<ClientApp> {
  const folder = temporaryDirectory();
  const store = createDirectoryTokenStore(folder.path);
  const callerTokenFile = join(folder.path, 'caller');
  const callerToken = secret('caller');
  writeFileSync(callerTokenFile, callerToken, { mode: 0o600 });
  const publish = async (lifetime: Lifetime, previous?: Token): Promise<Token> => {
    const token = await obtain(server, lifetime, previous);
    await store.write(SECRET, toVolumeData('dynamics', token));
    return token;
  };
  let current = await publish(first);
  const endpoint = await startReissueServer({
    callerToken,
    reissuer: {
      async reissue() {
        current = await publish('long', current);
        const { generation, issuedAt, expiresAt, accessToken } = current;
        return { outcome: 'reissued', stored: true, generation, issuedAt, expiresAt, accessToken };
      },
      current: async () => current,
    },
  });
  const tokens = mountedTokens({
    directory: join(folder.path, SECRET.namespace, SECRET.secret),
    reissue: { ...SECRET, url: endpoint.url, callerTokenFile },
    now: () => Date.now() - SLOW_BY,
  });
  const source = tokens.source('dynamics');
  await source.ready();
  return {
    source,
    call: authorizedFetch(source, options),
    async stop() {
      tokens.close();
      await endpoint.stop();
      folder.remove();
    },
  };
}

async function obtain(server: AuthorizationServer, lifetime: Lifetime, previous: Token | undefined): Promise<Token> {
  const { accessToken, expiresAt } = await issue(server, lifetime);
  const now = Date.now();
  return {
    accessToken: new Redacted(accessToken),
    tokenType: 'Bearer',
    scope: '',
    issuedAt: now,
    renewAt: now,
    expiresAt: Math.max(now, expiresAt),
    generation: nextGeneration(previous?.generation, now),
    sha256: sha256(accessToken),
    previousSha256: hashesBefore(previous),
  };
}
