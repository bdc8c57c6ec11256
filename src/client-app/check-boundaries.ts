import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CREDENTIAL_KEYS } from '../core/credential.ts';
import type { Redacted } from '../core/redacted.ts';
import { callOnce } from './check-call.ts';
import type { Finding } from './check-finding.ts';

export interface ApiServerCheck {
  /** `undefined` where there is no cluster. */
  readonly url: URL | undefined;
  readonly ca: string | undefined;
  /** `namespace/name` of the Secrets that only the token-acquirer may know. */
  readonly secrets: readonly string[];
  /** The only token that the pod has. */
  readonly caller: Redacted;
}

export interface FilesCheck {
  /** Below which to look: `/` in a pod. */
  readonly root: string;
  /** Below the root, and not to be looked into: the token volume, whose tokens may be called anything. */
  readonly except: readonly string[];
}

/** Where the token-acquirer has its credentials, and where a pod has the API server's token if it is not kept out. */
const CREDENTIALS = 'etc/token-acquirer';
const API_TOKEN = 'var/run/secrets/kubernetes.io/serviceaccount/token';
const NO_FILES = ['proc', 'sys', 'dev'];
const MOST_ENTRIES = 100_000;

/** A name alone is none of a secret: a folder of an application may well hold a file `username`. */
const TELLING: ReadonlySet<string> = new Set(
  CREDENTIAL_KEYS.filter((key) => !['client_id', 'username', 'certificate'].includes(key)),
);

/** No file of a credential can be read here. */
export function checkFiles({ root, except }: FilesCheck): Finding {
  const subject = 'credentials in files';
  const skipped = new Set([...NO_FILES.map((folder) => join(root, folder)), ...except]);
  const found = exists(join(root, CREDENTIALS)) ? join(root, CREDENTIALS) : credentialFileBelow(root, skipped);
  if (found === undefined) return { result: 'passed', subject, sentence: 'none, as it should be.' };
  const sentence = `${found} is here: take the volume with the credentials out of the client's pod; only the token-acquirer may mount it.`;
  return { result: 'failed', subject, sentence };
}

/** The pod has no token for the API server. */
export function checkApiToken(root: string): Finding {
  const subject = 'token for the API server';
  const file = join(root, API_TOKEN);
  if (!exists(file)) return { result: 'passed', subject, sentence: 'none, as it should be.' };
  const sentence = `${file} is here: set automountServiceAccountToken: false in the client's pod.`;
  return { result: 'failed', subject, sentence };
}

/** The API server shows this pod none of the token-acquirer's Secrets. */
export async function checkApiServer({ url, ca, secrets, caller }: ApiServerCheck): Promise<Finding> {
  const subject = "the token-acquirer's Secrets";
  if (url === undefined || secrets.length === 0) {
    const why = url === undefined ? 'there is no cluster here (KUBERNETES_SERVICE_HOST)' : 'none is named';
    return { result: 'not-tried', subject, sentence: `not tried: ${why}.` };
  }
  for (const secret of secrets) {
    const sentence = await whyShown(secret, url, { ca, caller });
    if (sentence !== undefined) return { result: 'failed', subject, sentence };
  }
  return { result: 'passed', subject, sentence: `the API server shows none of the ${secrets.length} to this pod.` };
}

/** `undefined`: it is not shown. The answer's body is never looked at. */
async function whyShown(
  secret: string,
  api: URL,
  { ca, caller }: Pick<ApiServerCheck, 'ca' | 'caller'>,
): Promise<string | undefined> {
  const [namespace = '', name = ''] = secret.split('/');
  const url = new URL(`/api/v1/namespaces/${namespace}/secrets/${name}`, api);
  const result = await callOnce({ method: 'GET', url, bearer: caller, ca });
  if (result.kind === 'unreached') {
    // A pod that does not get there is not shown anything either; one that is led elsewhere proves nothing.
    return result.why === 'untrusted'
      ? `The API server's certificate is not trusted (${result.code}), so nothing was asked of it: see whether the ConfigMap kube-root-ca.crt is the cluster's.`
      : undefined;
  }
  const { status } = result;
  if (status === 401 || status === 403) return undefined;
  if (status === 200 || status === 404) {
    return `The API server lets this pod read the Secret ${secret} (${status}): find the Role or ClusterRole that allows it, with kubectl auth can-i get secrets, and take it away.`;
  }
  return `The API server answered ${status} for the Secret ${secret}, which proves nothing: run the test again.`;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Links are not followed, and what cannot be read is nobody's way to a credential. */
function credentialFileBelow(root: string, skipped: ReadonlySet<string>): string | undefined {
  const waiting = [root];
  let seen = 0;
  for (let folder = waiting.pop(); folder !== undefined && seen < MOST_ENTRIES; folder = waiting.pop()) {
    for (const entry of entriesOf(folder)) {
      seen += 1;
      const path = join(folder, entry.name);
      if (skipped.has(path)) continue;
      if (entry.isDirectory()) waiting.push(path);
      else if (TELLING.has(entry.name)) return path;
    }
  }
  return undefined;
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
