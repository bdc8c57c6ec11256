import {
  authorizedFetch,
  type Fetch,
  mountedTokens,
  type ReissueOptions,
  type TokenSource,
  type Tokens,
} from '../../src/client/index.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../src/demo/authorization-server.ts';
import { type Gateway, startGateway } from '../../src/demo/gateway.ts';
import { type IncidentDesk, startIncidentDesk } from '../../src/demo/incident-desk.ts';
import type { User } from '../../src/demo/password-grant.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { AcquirerProcess, type ProcessOptions, Workplace } from './acquirer-process.ts';

export interface StageOptions {
  readonly lifetime?: number;
  readonly grant?: 'client_credentials' | 'password' | 'refresh_token';
  readonly respondWith?: 'token' | 'generation';
  /** Names of the Secrets; each has a token `dynamics`. */
  readonly secrets?: readonly string[];
  /** Users in addition to `svc-billing`. */
  readonly users?: readonly User[];
  /** Of each token, or of the one in the Secret of this name. */
  readonly more?: object | ((secretName: string) => object);
  /** The service behind the gateway, instead of the incident desk. */
  readonly servedBy?: string;
  /** Returns the introspection endpoint of the gateway, instead of the server's own. */
  readonly introspectedBy?: (endpoint: string) => Promise<string>;
  /** How to reach the authorization server, instead of its issuer. */
  readonly reachedBy?: object;
  /** Next to servers and tokens. */
  readonly beside?: object;
}

/** A real authorization server, gateway and service on loopback, and a token-acquirer in its own process. */
export interface Stage {
  readonly server: AuthorizationServer;
  readonly gateway: Gateway;
  readonly service: IncidentDesk;
  readonly workplace: Workplace;
  readonly passwords: { readonly client: string; readonly user: string };
  configuration(options?: StageOptions): object;
  acquirer(more?: readonly string[], options?: ProcessOptions): AcquirerProcess;
  /** A client, by default of the token-acquirer's own endpoint. */
  source(
    acquirer: AcquirerProcess,
    secretName?: string,
    reissue?: Partial<ReissueOptions>,
  ): Promise<{ source: TokenSource; call: Fetch }>;
  revoke(token: string): Promise<void>;
  /** Whether the authorization server still accepts the token, by introspection. */
  isActive(token: string): Promise<boolean>;
  /** Whether the gateway rejects every token from now on. */
  rejectAll(rejecting: boolean): void;
  /** Stops the authorization server; the result starts it again on the same port, and it has forgotten everything. */
  outage(): Promise<() => Promise<void>>;
  /** A refresh token as a person would get one, once. */
  firstRefreshToken(): Promise<string>;
  close(): Promise<void>;
}

/** Opens stages, and closes all that were opened. */
export function stages(): { open(options?: StageOptions): Promise<Stage>; closeAll(): Promise<void> } {
  const opened: Stage[] = [];
  return {
    async open(options) {
      const stage = await openStage(options);
      opened.push(stage);
      return stage;
    },
    async closeAll() {
      await Promise.all(opened.splice(0).map((stage) => stage.close()));
    },
  };
}

async function openStage(options: StageOptions = {}): Promise<Stage> {
  const passwords = { client: secret('client-secret'), user: secret('user-password') };
  const gatewaySecret = secret('gateway-secret');
  const begin = (port = 0): Promise<AuthorizationServer> =>
    startAuthorizationServer({
      port,
      clients: [
        {
          clientId: 'billing',
          clientSecret: passwords.client,
          grants: ['client_credentials', 'password', 'refresh_token'],
        },
        { clientId: 'gateway', clientSecret: gatewaySecret, grants: [] },
      ],
      users: [{ username: 'svc-billing', password: passwords.user }, ...(options.users ?? [])],
      accessTokenLifetime: options.lifetime ?? 60,
      onToken: ({ accessToken, refreshToken }) => {
        for (const issued of [accessToken, refreshToken]) if (issued !== undefined) registerSecret(issued);
      },
    });
  const server = await begin();
  let present = server;
  const service = await startIncidentDesk();
  const endpoint = `${server.issuer}/token/introspection`;
  const introspection = {
    endpoint: (await options.introspectedBy?.(endpoint)) ?? endpoint,
    clientId: 'gateway',
    clientSecret: new Redacted(gatewaySecret),
    // Server and gateway share this process, which may be busy.
    timeout: 60_000,
  };
  let rejecting = false;
  const gateway = await startGateway({
    service: options.servedBy ?? service.url,
    introspection,
    rejectAll: () => rejecting,
  });
  const workplace = new Workplace();
  const asClient = (path: string, form: Record<string, string>): Promise<Response> => {
    const authorization = `Basic ${Buffer.from(`billing:${passwords.client}`).toString('base64')}`;
    return fetch(`${server.issuer}${path}`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams(form),
    });
  };
  const running: AcquirerProcess[] = [];
  const opened: Tokens[] = [];
  const stage: Stage = {
    server,
    gateway,
    service,
    workplace,
    passwords,
    configuration: (given) => configurationFor(server.issuer, workplace, { ...options, ...given }),
    acquirer: (more, processOptions) => {
      const acquirer = AcquirerProcess.in(workplace, more, processOptions);
      running.push(acquirer);
      return acquirer;
    },
    async source(acquirer, secretName = 'billing-tokens', more = {}) {
      const url = await acquirer.url('reissue');
      const callerTokenFile = workplace.callerToken;
      const reissue = { url, namespace: 'billing', secret: secretName, callerTokenFile, ...more };
      const tokens = mountedTokens({ directory: workplace.volume(secretName), reissue });
      opened.push(tokens);
      const source = tokens.source('dynamics');
      await source.ready();
      return { source, call: authorizedFetch(source, { origins: [new URL(gateway.url).origin] }) };
    },
    async revoke(token) {
      const answer = await asClient('/token/revocation', { token });
      if (!answer.ok) throw new Error(`The revocation was answered ${answer.status}.`);
    },
    async isActive(token) {
      const answer = await asClient('/token/introspection', { token });
      return ((await answer.json()) as { active: boolean }).active;
    },
    rejectAll(every) {
      rejecting = every;
    },
    async outage() {
      await present.stop();
      return async () => {
        present = await begin(server.port);
      };
    },
    async firstRefreshToken() {
      const form = { grant_type: 'password', username: 'svc-billing', password: passwords.user };
      const answer = (await (await asClient('/token', form)).json()) as { refresh_token: string };
      return registerSecret(answer.refresh_token);
    },
    async close() {
      for (const tokens of opened) tokens.close();
      await Promise.all(running.map((acquirer) => acquirer.end('SIGKILL')));
      await Promise.all([gateway.stop(), service.stop(), present.stop()]);
      workplace.remove();
    },
  };
  workplace.configure(stage.configuration());
  workplace.credential('dynamics', {
    client_id: 'billing',
    client_secret: passwords.client,
    username: 'svc-billing',
    password: passwords.user,
  });
  return stage;
}

function configurationFor(issuer: string, workplace: Workplace, options: StageOptions): object {
  const { grant = 'client_credentials', respondWith = 'token', secrets = ['billing-tokens'], more = {} } = options;
  const { reachedBy = { issuer }, beside = {} } = options;
  return {
    ...beside,
    authorizationServers: { corporate: reachedBy },
    tokens: secrets.map((name) => ({
      name: 'dynamics',
      authorizationServer: 'corporate',
      credential: 'dynamics',
      grant,
      secret: { namespace: 'billing', name },
      clients: [{ name: 'billing-app', tokenFile: workplace.callerToken }],
      reissue: { respondWith },
      ...(typeof more === 'function' ? (more as (secretName: string) => object)(name) : more),
    })),
  };
}
