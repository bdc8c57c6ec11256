import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { RegisteredClient } from '../../src/demo/provider-configuration.ts';
import { secret } from '../support/secrets.ts';
import { type CalledToken, KEY, NAMESPACE } from './parts/caller-messages.ts';

export type Grant = 'client_credentials' | 'password' | 'refresh_token';

/** A client app with its token, which has its own client at the authorization server. */
export interface App {
  readonly name: string;
  readonly grant: Grant;
  readonly clientSecret: string;
  readonly password: string;
}

/** Of five apps three have client_credentials, one a password and one a rotating refresh token. */
const GRANTS: readonly Grant[] = [
  'client_credentials',
  'refresh_token',
  'client_credentials',
  'password',
  'client_credentials',
];

export function makeApps(first: number, count: number): App[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `app-${first + index}`,
    grant: GRANTS[index % GRANTS.length] ?? 'client_credentials',
    clientSecret: secret('client-secret'),
    password: secret('user-password'),
  }));
}

export function registeredClient({ name, grant, clientSecret }: App): RegisteredClient {
  return { clientId: name, clientSecret, grants: [grant] };
}

export interface PlaceOptions {
  readonly root: string;
  readonly apps: readonly App[];
  readonly tokenEndpoint: string;
  /** For used refresh tokens, in seconds. */
  readonly grace: number;
  /** Of the reissue endpoint and of the status. */
  readonly ports: { readonly reissue: number; readonly status: number };
}

/** The folders that one token-acquirer works on. */
export class Place {
  readonly #options: PlaceOptions;
  readonly apps: readonly App[];
  readonly configFile: string;
  /** A small file system, where one can be mounted. */
  readonly disk: string;
  readonly url: string;
  readonly statusUrl: string;

  constructor(options: PlaceOptions) {
    const { root, ports } = options;
    this.#options = options;
    this.apps = options.apps;
    this.configFile = join(root, 'config.yaml');
    this.disk = join(root, 'disk');
    this.url = `http://127.0.0.1:${ports.reissue}`;
    this.statusUrl = `http://127.0.0.1:${ports.status}`;
    for (const folder of ['credentials', 'state', 'callers', 'disk']) {
      mkdirSync(join(root, folder), { recursive: true, mode: 0o700 });
    }
  }

  get args(): string[] {
    const { root, ports } = this.#options;
    const options = {
      config: this.configFile,
      credentials: join(root, 'credentials'),
      state: join(root, 'state'),
      'token-directory': join(this.disk, 'tokens'),
      listen: `127.0.0.1:${ports.reissue}`,
      'status-listen': `127.0.0.1:${ports.status}`,
    };
    return ['run', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])];
  }

  /** Writes everything that it reads. */
  prepare(): void {
    mkdirSync(join(this.disk, 'tokens'), { mode: 0o750 });
    for (const app of this.apps) {
      writeFileSync(this.#callerTokenFile(app), secret('caller'), { mode: 0o600 });
      this.writeCredential(app, 'client_id', app.name);
      this.writeCredential(app, 'client_secret', app.clientSecret);
      if (app.grant !== 'password') continue;
      this.writeCredential(app, 'username', app.name);
      this.writeCredential(app, 'password', app.password);
    }
    this.writeConfiguration();
  }

  writeConfiguration(text = stringify(this.#configuration())): void {
    writeFileSync(this.configFile, text);
  }

  writeCredential(app: App, key: string, value: string): void {
    mkdirSync(this.#credential(app), { recursive: true, mode: 0o700 });
    writeFileSync(join(this.#credential(app), key), value, { mode: 0o600 });
  }

  removeCredential(app: App, key: string): void {
    rmSync(join(this.#credential(app), key), { force: true });
  }

  calledToken(app: App): CalledToken {
    return {
      app: app.name,
      directory: this.volumeOf(app),
      url: this.url,
      callerTokenFile: this.#callerTokenFile(app),
    };
  }

  volumeOf(app: App): string {
    return join(this.disk, 'tokens', NAMESPACE, app.name);
  }

  #credential(app: App): string {
    return join(this.#options.root, 'credentials', app.name);
  }

  #callerTokenFile(app: App): string {
    return join(this.#options.root, 'callers', app.name);
  }

  #configuration(): object {
    const { tokenEndpoint, grace } = this.#options;
    return {
      authorizationServers: { corporate: { tokenEndpoint, refreshTokenReuse: `${grace}s` } },
      tokens: this.apps.map((app) => ({
        name: KEY,
        authorizationServer: 'corporate',
        credential: app.name,
        grant: app.grant,
        secret: { namespace: NAMESPACE, name: app.name },
        clients: [{ name: app.name, tokenFile: this.#callerTokenFile(app) }],
      })),
    };
  }
}
