import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Redacted } from '../../core/redacted.ts';
import type { MakeCall } from '../../ports/http-call.ts';
import type { Finding } from './finding.ts';
import { certificateFault } from './sentences.ts';

export interface ApiServerCheck {
  /** `undefined` where there is no cluster. */
  readonly url: URL | undefined;
  readonly ca: string | undefined;
  /** `namespace/name` of the Secrets that only the token-acquirer may know. */
  readonly secrets: readonly string[];
  /** The only token that the pod has. */
  readonly caller: Redacted;
  readonly makeCall: MakeCall;
}

export interface FilesCheck {
  /** Below which to look: `/` in a pod. */
  readonly root: string;
  /** Paths, from the root on, and names of files anywhere. */
  readonly forbidden: readonly string[];
  /** Below the root, and not to be looked into: the token volume, whose tokens may be called anything. */
  readonly except: readonly string[];
}

/** Processes and devices: none of it is a file that was mounted. */
const NO_FILES = ['proc', 'sys', 'dev'];
const MOST_ENTRIES = 100_000;

/** No file can be read here that the pod of a client may not have. */
export function checkFiles({ root, forbidden, except }: FilesCheck): Finding {
  const subject = 'forbidden files';
  if (forbidden.length === 0) return { result: 'not-tried', subject, sentence: 'not tried: none is named.' };
  const paths = forbidden.filter((one) => one.startsWith('/')).map((path) => join(root, path));
  const skipped = new Set([...NO_FILES.map((folder) => join(root, folder)), ...except]);
  const found = paths.find(exists) ?? fileBelow(root, new Set(forbidden), skipped);
  if (found === undefined)
    return { result: 'passed', subject, sentence: `none of the ${forbidden.length} is here, as expected.` };
  const remedy = found.endsWith('/serviceaccount/token')
    ? "set automountServiceAccountToken: false in the client's pod"
    : "remove its volume from the client's pod; only the token-acquirer's pod may mount credentials";
  return { result: 'failed', subject, sentence: `${found} is here: ${remedy}.` };
}

/** The API server shows this pod none of the token-acquirer's Secrets. */
export async function checkApiServer({ url, secrets, ...rest }: ApiServerCheck): Promise<Finding> {
  const subject = "the token-acquirer's Secrets";
  if (url === undefined || secrets.length === 0) {
    const why = url === undefined ? 'no API server is named (API_SERVER)' : 'none is named';
    return { result: 'not-tried', subject, sentence: `not tried: ${why}.` };
  }
  for (const secret of secrets) {
    const sentence = await whyShown(secret, url, rest);
    if (sentence !== undefined) return { result: 'failed', subject, sentence };
  }
  return { result: 'passed', subject, sentence: `the API server shows none of the ${secrets.length} to this pod.` };
}

/** Returns `undefined` if it is not shown. Never reads the body of the answer. */
async function whyShown(
  secret: string,
  api: URL,
  { ca, caller, makeCall }: Pick<ApiServerCheck, 'ca' | 'caller' | 'makeCall'>,
): Promise<string | undefined> {
  const [namespace = '', name = ''] = secret.split('/');
  const url = new URL(`/api/v1/namespaces/${namespace}/secrets/${name}`, api);
  const result = await makeCall({ method: 'GET', url, bearer: caller, ca });
  if (result.kind === 'unreached') {
    // A pod without a connection can read nothing either. A connection to another host proves nothing.
    const remedy = certificateFault(result) ?? "See whether the ConfigMap kube-root-ca.crt is the cluster's.";
    return result.why === 'untrusted'
      ? `The API server's certificate is not trusted (${result.code}), so nothing was asked of it. ${remedy}`
      : undefined;
  }
  const { status } = result;
  if (status === 401 || status === 403) return undefined;
  if (status === 200 || status === 404) {
    return `The API server lets this pod read the Secret ${secret} (${status}): find the Role or ClusterRole that allows it, with kubectl auth can-i get secrets, and remove it.`;
  }
  return `The API server answered ${status} for the Secret ${secret}, which proves nothing: run the test again.`;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Links are not followed, and what cannot be read is nobody's way to a credential. */
function fileBelow(root: string, names: ReadonlySet<string>, skipped: ReadonlySet<string>): string | undefined {
  const waiting = [root];
  let seen = 0;
  for (let folder = waiting.pop(); folder !== undefined && seen < MOST_ENTRIES; folder = waiting.pop()) {
    for (const entry of entriesOf(folder)) {
      seen += 1;
      const path = join(folder, entry.name);
      if (skipped.has(path)) continue;
      if (entry.isDirectory()) waiting.push(path);
      else if (names.has(entry.name)) return path;
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
