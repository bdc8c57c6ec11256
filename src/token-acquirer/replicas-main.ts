import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { createReplicaCaller } from '../adapters/http/replica-caller.ts';
import { readProjectedToken } from '../adapters/kubernetes/callers/projected-token.ts';
import { systemCode } from '../core/errors.ts';
import { Redacted } from '../core/redacted.ts';
import type { ReplicaAccess } from './adapters.ts';
import type { OwnAccount } from './endpoints/leader-calls.ts';

/** Of the Services of shards. */
const PORT = 8443;

export interface ReplicaAccessOptions {
  /** The token of the own ServiceAccount for the audience of callers; left out where nothing projects it. */
  readonly replicaToken?: string | undefined;
}

/** Wires the way to the other replicas of a cluster. `undefined` without a cluster. */
export function createReplicaAccess(
  cluster: { readonly namespace: string } | undefined,
  { replicaToken }: ReplicaAccessOptions,
): ReplicaAccess | undefined {
  if (cluster === undefined) return undefined;
  return {
    pod: process.env['POD_NAME'] ?? hostname(),
    namespace: cluster.namespace,
    connect: (trust) => createReplicaCaller({ trust, port: PORT }),
    account: () => accountIn(replicaToken),
  };
}

/** Returns the names that may call at all: those of the configuration, and this process itself. */
export function withOwnName(names: ReadonlySet<string>, replicas: ReplicaAccess | undefined): ReadonlySet<string> {
  const account = replicas?.account();
  return account === undefined || typeof account === 'string' ? names : new Set([...names, account.name]);
}

/** The kubelet replaces the file before the token in it expires. */
function accountIn(file: string | undefined): OwnAccount | string {
  if (file === undefined) return 'This replica has no token to call another one with: start it with --replica-token.';
  try {
    const text = readFileSync(file, 'utf8').trim();
    const token = readProjectedToken(text);
    if (token === undefined) return `The file ${file} (--replica-token) holds no ServiceAccount token.`;
    return { name: token.caller.name, bearer: new Redacted(text) };
  } catch (error) {
    return `The file ${file} (--replica-token) cannot be read (${systemCode(error) ?? 'failed'}).`;
  }
}
