import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { registerSecret } from '../support/secrets.ts';

/** A cluster that runs, as one process describes it to another. */
export interface ClusterRecord {
  /** Which it is, as a sentence's subject: `own node, Kubernetes 1.36.3`. */
  readonly name: string;
  /** The file. */
  readonly kubeconfig: string;
  readonly ownNode: boolean;
  /** That it runs in, where that is known. */
  readonly container?: string;
}

/** Where the processes of a test run find a cluster, or start it. */
export interface ClusterPlace {
  /** For the record and what belongs to it. */
  readonly folder: string;
  /** Of the container, which may not exist yet. */
  readonly name: string;
}

/** The clusters of a test run. Each starts when a test needs it. */
export interface ClusterRun {
  readonly shared: ClusterPlace;
  /** For tests that stop the API server, or change the whole node. */
  readonly alone: ClusterPlace;
}

/** Holds the ClusterRun, as JSON. */
export const RUN_VARIABLE = 'TOKEN_ACQUIRER_TEST_CLUSTER';

const RECORD = 'cluster.json';
const EXTENSION = 'token-acquirer.dev/node';

/** The record in a folder; `undefined` where none is yet. */
export function readRecord(folder: string): ClusterRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, RECORD), 'utf8')) as ClusterRecord;
  } catch {
    return undefined;
  }
}

export function writeRecord(folder: string, record: ClusterRecord): void {
  const file = join(folder, RECORD);
  writeFileSync(`${file}.partial`, JSON.stringify(record));
  renameSync(`${file}.partial`, file);
}

export interface Access {
  readonly server: string;
  /** PEM. */
  readonly authority: string;
  readonly token: string;
  readonly container: string;
}

/** Writes a kubeconfig that also names the container, so that who is given the file can load images there. */
export function writeKubeconfig(file: string, { server, authority, token, container }: Access): void {
  const cluster = {
    server,
    'certificate-authority-data': Buffer.from(authority).toString('base64'),
    extensions: [{ name: EXTENSION, extension: { container } }],
  };
  const text = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'node', cluster }],
    users: [{ name: 'admin', user: { token: registerSecret(token, "the test cluster's administrator") } }],
    contexts: [{ name: 'node', context: { cluster: 'node', user: 'admin' } }],
    'current-context': 'node',
  });
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
}

/** The container that a kubeconfig names so, in YAML or JSON. */
export function containerIn(kubeconfig: string): string | undefined {
  if (!kubeconfig.includes(EXTENSION)) return undefined;
  return /"?container"?:\s*"?([\w.-]+)/.exec(kubeconfig.slice(kubeconfig.indexOf(EXTENSION)))?.[1];
}
