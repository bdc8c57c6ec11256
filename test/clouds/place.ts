import { basename, dirname } from 'node:path';
import { createDirectoryCredentialSource } from '../../src/adapters/fs/directory-credential-source.ts';
import { createDirectoryRefreshTokenStore } from '../../src/adapters/fs/directory-refresh-token-store.ts';
import { createDirectoryTokenStore } from '../../src/adapters/fs/directory-token-store.ts';
import { createTokenFileAuthenticator } from '../../src/adapters/fs/token-file-authenticator.ts';
import { watchDirectory } from '../../src/adapters/fs/watch-directory.ts';
import { createLocalExecutionState } from '../../src/adapters/node/local-execution-state.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { type AuthorizedFetchOptions, authorizedFetch, type Fetch, mountedTokens } from '../../src/client/index.ts';
import type { ProcessEvent } from '../../src/core/events.ts';
import type { Adapters } from '../../src/token-acquirer/adapters.ts';
import { LastEvents } from '../../src/token-acquirer/endpoints/status-page/last-events.ts';
import type { StatusReport, TokenReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { runTokenAcquirer } from '../../src/token-acquirer/process.ts';
import { Workplace } from '../e2e/acquirer-process.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { keepText } from '../support/outputs.ts';
import { until } from '../support/until.ts';

export interface PlaceOptions {
  /** `corporate` of the configuration. */
  readonly server: object;
  /** Files of the credential. */
  readonly credential: Readonly<Record<string, string>>;
  /** Over `grant: client_credentials`. */
  readonly token?: object;
}

/** The whole token-acquirer and the client library, in this process; every host name is on loopback. */
export interface Place {
  readonly workplace: Workplace;
  status(): Promise<TokenReport>;
  /** Its next status with an error of this code. */
  failed(code: string): Promise<TokenReport>;
  /** Waits for a healthy token. */
  valid(): Promise<TokenReport>;
  /** `fetch` with the token. */
  call(options: AuthorizedFetchOptions): Promise<Fetch>;
  stop(): Promise<void>;
}

type Listening = Extract<ProcessEvent, { kind: 'listening' }>;

const PATIENCE = 20_000;

export async function openPlace({ server, credential, token = {} }: PlaceOptions): Promise<Place> {
  const workplace = new Workplace();
  workplace.credential('dynamics', credential);
  workplace.configure({
    authorizationServers: { corporate: server },
    tokens: [
      {
        name: 'dynamics',
        authorizationServer: 'corporate',
        credential: 'dynamics',
        grant: 'client_credentials',
        secret: { namespace: 'billing', name: 'billing-tokens' },
        clients: [{ name: 'billing-app', tokenFile: workplace.callerToken }],
        ...token,
      },
    ],
  });
  const events: Listening[] = [];
  const stop = new AbortController();
  const listeners = {
    listen: '127.0.0.1:0',
    statusListen: '127.0.0.1:0',
    connectionsPerAddress: 64,
    shard: 0,
    grace: 1000,
  };
  const ended = runTokenAcquirer(
    { config: workplace.config, ...listeners },
    adaptersFor(workplace, events),
    stop.signal,
  );
  ended.catch(() => undefined);
  const url = async (endpoint: 'reissue' | 'status'): Promise<string> => {
    const found = (): string | undefined =>
      events.find((event) => event.kind === 'listening' && event.endpoint === endpoint)?.url;
    await until('The address of the listener', () => found() !== undefined, PATIENCE);
    return found() ?? '';
  };
  const status = async (): Promise<TokenReport> => {
    const text = await (await fetch(new URL('/status', await url('status')))).text();
    keepText('GET /status', text);
    const [report] = (JSON.parse(text) as StatusReport).tokens;
    return report ?? { token: '', state: 'Pending', healthy: false, stored: false, conditions: [] };
  };
  const reported = async (which: (report: TokenReport) => boolean): Promise<TokenReport> => {
    let last = await status();
    await until('The status that was waited for', async () => which((last = await status())), PATIENCE);
    return last;
  };
  const opened: { close(): void }[] = [];
  return {
    workplace,
    status,
    failed: (code) => reported(({ last_error }) => last_error?.code === code),
    valid: () => reported(({ state }) => state === 'Valid'),
    async call(options) {
      const reissue = { url: await url('reissue'), namespace: 'billing', secret: 'billing-tokens' };
      const tokens = mountedTokens({
        directory: workplace.volume(),
        reissue: { ...reissue, callerTokenFile: workplace.callerToken },
      });
      opened.push(tokens);
      const source = tokens.source('dynamics');
      await source.ready();
      return authorizedFetch(source, options);
    },
    async stop() {
      for (const tokens of opened) tokens.close();
      stop.abort();
      await ended.catch(() => undefined);
      workplace.remove();
    },
  };
}

function adaptersFor(workplace: Workplace, events: Listening[]): Adapters {
  const clock = createSystemClock();
  const resolve = (): Promise<{ address: string; family: 4 }[]> =>
    Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
  return {
    clock,
    random: fakeRandom(0),
    lastEvents: new LastEvents(clock),
    telemetry: {
      token: (_, event) => keepText('token event', JSON.stringify(event)),
      process: (event) => void (event.kind === 'listening' && events.push(event)),
      forget: () => undefined,
    },
    metrics: () => Promise.resolve({ contentType: 'text/plain', text: '' }),
    credentials: createDirectoryCredentialSource(workplace.credentials),
    store: createDirectoryTokenStore(workplace.tokens),
    execution: createLocalExecutionState({ clock }),
    keepCertificate: undefined,
    nudge: undefined,
    createChains: () => createDirectoryRefreshTokenStore(workplace.state),
    createEndpoint: (servers) =>
      createOAuthTokenEndpoint(servers as Record<string, never>, { clock, resolve, noProxy: '*' }),
    createCallers: ({ callers }) => createTokenFileAuthenticator(callers, { clock, onFault: () => undefined }),
    watchFile: (file, changed) => watchDirectory(dirname(file), changed, { only: (name) => name === basename(file) }),
  };
}
