import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { secret } from '../../support/secrets.ts';
import type { Scope } from '../benchmark.ts';
import type { ControlPlane } from './control-plane.ts';

const NAMESPACE = 'bench';
const HOME = `/api/v1/namespaces/${NAMESPACE}`;

export interface SecretsOptions {
  readonly tokens: number;
  /** Tokens in each Secret. */
  readonly each: number;
  readonly tokenEndpoint: string;
}

/** A token-acquirer of many client apps, each with several tokens in one Secret. All tokens have one credential. */
export interface SharedSecrets {
  /** Of `token-acquirer run`. */
  readonly args: readonly string[];
  /** Puts a renewal interval into force for all tokens. */
  setInterval(interval: string): void;
  /** Resolves with how many of the stored tokens have expired. */
  expired(): Promise<number>;
}

/** Makes the namespace and its Secrets, the configuration and the credential. The folders go with the scope. */
export async function shareSecrets(scope: Scope, plane: ControlPlane, options: SecretsOptions): Promise<SharedSecrets> {
  const { tokens, each, tokenEndpoint } = options;
  await makeSecrets(plane, { name: 'tokens', count: Math.ceil(tokens / each) });
  const root = mkdtempSync(join(tmpdir(), 'token-acquirer-bench-'));
  scope.add(() => rmSync(root, { recursive: true, force: true }));
  const [config, credentials] = [join(root, 'config.yaml'), join(root, 'credentials')];
  const folder = join(credentials, 'shared');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const write = (key: string, value: string): void => {
    writeFileSync(join(root, key), value, { mode: 0o600 });
    renameSync(join(root, key), join(folder, key));
  };
  write('client_id', 'bench');
  write('client_secret', secret('client-secret'));
  const entries = Array.from({ length: tokens }, (_unused, token) => ({
    name: `token-${token % each}`,
    authorizationServer: 'corporate',
    credential: 'shared',
    grant: 'client_credentials',
    secret: { namespace: NAMESPACE, name: `tokens-${Math.floor(token / each)}` },
    clients: [{ namespace: NAMESPACE, serviceAccount: 'app' }],
  }));
  writeFileSync(config, stringify({ authorizationServers: { corporate: { tokenEndpoint } }, tokens: entries }));
  const files = ['--config', config, '--credentials', credentials, '--kubeconfig', plane.kubeconfig];
  return {
    args: [...files, '--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'],
    setInterval: (interval) => write('interval', interval),
    expired: async () => expiredIn(await plane.send('GET', `${HOME}/secrets`)),
  };
}

/** Makes Secrets with this data, and resolves with their paths. */
export async function makeSecrets(
  { send }: ControlPlane,
  { name, count, data = {} }: { name: string; count: number; data?: Readonly<Record<string, string>> },
): Promise<readonly string[]> {
  const namespaces = await send('GET', '/api/v1/namespaces');
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  if (!namespaces.includes(`"${NAMESPACE}"`)) await send('POST', '/api/v1/namespaces', namespace);
  const names = Array.from({ length: count }, (_unused, number) => `${name}-${number}`);
  const make = (one: string): Promise<string> =>
    send('POST', `${HOME}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: one }, data });
  await Promise.all(names.map(make));
  return names.map((one) => `${HOME}/secrets/${one}`);
}

function expiredIn(secrets: string): number {
  const { items } = JSON.parse(secrets) as { items: { data?: Record<string, string> }[] };
  const documents = items.flatMap(({ data = {} }) => Object.entries(data).filter(([key]) => key.endsWith('.json')));
  const texts = documents.map(([, value]) => Buffer.from(value, 'base64').toString());
  // Of the plain Secrets, the documents are no JSON.
  const times = texts.flatMap((text) => /"expires_at":"([^"]+)"/.exec(text)?.[1] ?? []);
  return times.filter((time) => Date.parse(time) < Date.now()).length;
}
