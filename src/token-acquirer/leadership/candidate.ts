import { type Candidate, identityOf } from '../../core/lease.ts';

/** What a process knows of the place where it runs. */
export interface CandidatePlace {
  /** Variables that the manifests set by the downward API. */
  readonly environment: { readonly POD_NAME?: string | undefined; readonly POD_IP?: string | undefined };
  /** Of the machine, for a process outside a pod. */
  readonly hostname: string;
  /** Address and port that the reissue endpoint listens at, such as `:8443`. */
  readonly listen: string;
  readonly deployment: string;
  /** Which shards the process acts on at its start. */
  readonly assignment: string;
  /** ∈ [0, 1). */
  readonly fraction: number;
}

/** Returns by which name this process takes the Lease, and where the others reach it then. */
export function candidateOf({ environment, hostname, listen, fraction, ...of }: CandidatePlace): Candidate {
  const { POD_NAME: pod = '', POD_IP: ip = '' } = environment;
  const port = listen.slice(listen.lastIndexOf(':') + 1);
  const host = ip.includes(':') ? `[${ip}]` : ip;
  return {
    identity: identityOf(pod || hostname, fraction),
    isPod: pod !== '',
    address: ip === '' ? undefined : `${host}:${port}`,
    deployment: of.deployment,
    assignment: of.assignment,
  };
}
