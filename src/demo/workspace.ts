import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { INTERVAL_KEY } from '../core/credential.ts';
import { APPS, type App, NAMESPACE, type Secrets } from './cast.ts';

const CLIENT_SECRET = 'client_secret';

/**
 * The files of one demo, in trees that do not know of each other, each open only to its owner: one of the
 * token-acquirer's, one of the token volumes, one of each client app's. Under one user this keeps paths apart, not
 * processes; in a cluster the pods do that.
 */
export interface Workspace {
  /** The top of each tree. */
  readonly folders: readonly string[];
  readonly configFile: string;
  readonly credentials: string;
  readonly state: string;
  readonly tokenDirectory: string;
  /** What the app's pod would mount: the directory of its own Secret. */
  volumeOf(app: App): string;
  /** The app's working directory. */
  folderOf(app: App): string;
  /** Read by the app. */
  callerTokenFileOf(app: App): string;
  /** Read by the token-acquirer: what it compares a caller's token with. */
  knownCallerFileOf(app: App): string;
  pidFileOf(app: App): string;
  intervalFileOf(app: App): string;
  clientSecretFileOf(app: App): string;
}

/** Makes the trees under the system's folder for temporary files and writes the secrets where they are read. */
export function createWorkspace(secrets: Secrets): Workspace {
  const acquirer = tree('token-acquirer-demo-');
  const volumes = tree('token-volumes-demo-');
  const apps = new Map(APPS.map(({ name }) => [name, tree(`${name}-demo-`)]));
  const folderOf = ({ name }: App): string => apps.get(name) ?? '';
  const workspace: Workspace = {
    folders: [acquirer, volumes, ...apps.values()],
    configFile: join(acquirer, 'config.yaml'),
    credentials: join(acquirer, 'credentials'),
    state: join(acquirer, 'state'),
    tokenDirectory: volumes,
    volumeOf: ({ name }) => join(volumes, NAMESPACE, name),
    folderOf,
    callerTokenFileOf: (app) => join(folderOf(app), 'caller-token'),
    knownCallerFileOf: ({ name }) => join(acquirer, 'callers', name),
    pidFileOf: ({ name }) => join(acquirer, 'running', `${name}.pid`),
    intervalFileOf: ({ name }) => join(acquirer, 'credentials', name, INTERVAL_KEY),
    clientSecretFileOf: ({ name }) => join(acquirer, 'credentials', name, CLIENT_SECRET),
  };
  fill(workspace, acquirer, secrets);
  return workspace;
}

/** Removes whole trees, if they still exist. */
export function removeFolders(folders: readonly string[]): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Replaces a file atomically, so that nobody reads half of it. */
export function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** The configuration is YAML with nothing secret in it. */
export function writeConfiguration(workspace: Workspace, configuration: object): void {
  replaceFile(workspace.configFile, stringify(configuration));
}

function tree(prefix: string): string {
  // Made with mode 0700.
  return mkdtempSync(join(tmpdir(), prefix));
}

function fill(workspace: Workspace, acquirer: string, secrets: Secrets): void {
  for (const folder of ['credentials', 'callers', 'running', 'state'])
    mkdirSync(join(acquirer, folder), { mode: 0o700 });
  for (const app of APPS) {
    const { clientSecret, user, callerToken } = secrets.of(app);
    const folder = join(workspace.credentials, app.name);
    mkdirSync(folder, { mode: 0o700 });
    const values = { client_id: app.name, [CLIENT_SECRET]: clientSecret, ...user };
    for (const [key, value] of Object.entries(values)) replaceFile(join(folder, key), value);
    replaceFile(workspace.callerTokenFileOf(app), callerToken);
    replaceFile(workspace.knownCallerFileOf(app), callerToken);
  }
}
