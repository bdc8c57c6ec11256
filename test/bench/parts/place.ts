import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { secret } from '../../support/secrets.ts';
import type { Scope } from '../benchmark.ts';

export const NAMESPACE = 'billing';
export const TOKEN = 'dynamics';
/** Enough that none of them starts more token requests in a minute than one caller may. */
const CALLERS = 10;

export interface PlaceOptions {
  /** How many tokens, each in its own Secret. */
  readonly tokens: number;
  readonly tokenEndpoint: string;
  /** One for all tokens, or one for each, with the client ID `client-<number>`. */
  readonly credentials: 'shared' | 'each';
  readonly client?: { readonly id: string; readonly secret: string };
}

/** The folders that a token-acquirer works on. */
export interface Place {
  readonly root: string;
  /** Of `token-acquirer run`. */
  readonly args: readonly string[];
  secretOf(token: number): string;
  /** The directory of the token's volume. */
  volumeOf(token: number): string;
  credentialOf(token: number): string;
  callerTokenOf(token: number): string;
}

/** Where volumes are made: in memory where the machine has such a file system, as the kubelet's Secret volumes are. */
export function volumeRoot(): string {
  try {
    accessSync(IN_MEMORY, constants.W_OK);
    return IN_MEMORY;
  } catch {
    return tmpdir();
  }
}

const IN_MEMORY = '/dev/shm';

/** Makes a place with configuration, credentials and caller tokens; it goes with the scope. */
export function makePlace(scope: Scope, options: PlaceOptions): Place {
  const root = mkdtempSync(join(volumeRoot(), 'token-acquirer-bench-'));
  scope.add(() => rmSync(root, { recursive: true, force: true }));
  const folders = { credentials: '--credentials', tokens: '--token-directory', state: '--state' };
  for (const folder of [...Object.keys(folders), 'callers']) mkdirSync(join(root, folder), { mode: 0o700 });
  const nameOf = (token: number): string => (options.credentials === 'each' ? `client-${token}` : 'client');
  const place: Place = {
    root,
    args: [
      '--config',
      join(root, 'config.yaml'),
      ...Object.entries(folders).flatMap(([folder, option]) => [option, join(root, folder)]),
      '--listen',
      '127.0.0.1:0',
      '--status-listen',
      '127.0.0.1:0',
    ],
    secretOf: (token) => `app-${token}`,
    volumeOf: (token) => join(root, 'tokens', NAMESPACE, `app-${token}`),
    credentialOf: (token) => join(root, 'credentials', nameOf(token)),
    callerTokenOf: (token) => join(root, 'callers', callerOf(token)),
  };
  for (let caller = 0; caller < CALLERS; caller += 1) {
    writeFileSync(place.callerTokenOf(caller), secret('caller'), { mode: 0o600 });
  }
  writeFiles(place, options);
  writeFileSync(join(root, 'config.yaml'), stringify(configurationOf(place, options, nameOf)));
  return place;
}

function callerOf(token: number): string {
  return `caller-${token % CALLERS}`;
}

function writeFiles(place: Place, { tokens, credentials, client }: PlaceOptions): void {
  const clientSecret = client?.secret ?? secret('client-secret');
  for (let token = 0; token < tokens; token += 1) {
    if (token > 0 && credentials === 'shared') continue;
    const folder = place.credentialOf(token);
    mkdirSync(folder);
    writeFileSync(join(folder, 'client_id'), client?.id ?? `client-${token}`);
    writeFileSync(join(folder, 'client_secret'), clientSecret, { mode: 0o600 });
  }
}

function configurationOf(
  place: Place,
  { tokens, tokenEndpoint }: PlaceOptions,
  credentialOf: (token: number) => string,
): object {
  return {
    authorizationServers: { corporate: { tokenEndpoint } },
    tokens: Array.from({ length: tokens }, (_, token) => ({
      name: TOKEN,
      authorizationServer: 'corporate',
      credential: credentialOf(token),
      grant: 'client_credentials',
      secret: { namespace: NAMESPACE, name: place.secretOf(token) },
      clients: [{ name: callerOf(token), tokenFile: place.callerTokenOf(token) }],
    })),
  };
}
