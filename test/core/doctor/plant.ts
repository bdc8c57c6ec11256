import type { Finding } from '../../../src/core/doctor/finding.ts';
import type {
  Observed,
  ObservedAcquirer,
  ObservedCluster,
  ObservedCredential,
  ObservedPod,
  ObservedSecret,
  Reach,
  SecretUse,
} from '../../../src/core/doctor/observed.ts';
import {
  DEPLOYMENT,
  healthyInstallation,
  POD,
  SECRET,
  SERVER,
  STORED,
  TOKEN,
} from '../../support/healthy-installation.ts';

export type When = 'before' | 'after';

/** One thing that is wrong with an installation, and what the doctor says about it. */
export interface Plant {
  readonly what: string;
  readonly seen: Observed;
  readonly check: string;
  /** Of the subject and the message. */
  readonly says: RegExp;
  /** Of the remedy. */
  readonly fix: RegExp;
  readonly when?: When;
  readonly severity?: Finding['severity'];
}

export const inCluster = (cluster: Partial<ObservedCluster>): Observed => healthyInstallation({ cluster });
export const withDeployment = (difference: Partial<ObservedAcquirer>): Observed =>
  inCluster({ acquirers: [{ ...DEPLOYMENT, ...difference }] });
export const withCredential = (difference: Partial<ObservedCredential>): Observed => {
  const usual = { isMounted: true, secret: 'dynamics-credentials', keys: TOKEN.neededKeys, keyIn: {} };
  return inCluster({ credentials: { dynamics: { ...usual, ...difference } } });
};
export const withSecret = (difference: Partial<ObservedSecret>): Observed =>
  inCluster({ secrets: { [SECRET]: { ...STORED, ...difference } } });
export const withPod = (difference: Partial<ObservedPod>): Observed =>
  inCluster({ pods: { billing: [{ ...POD, ...difference }] } });
export const withUse = (use: Omit<SecretUse, 'secret' | 'container'>): Observed =>
  withPod({ uses: [{ secret: 'billing-tokens', container: 'app', ...use }] });
export const reaching = (reach: Reach): Observed => healthyInstallation({ servers: [{ ...SERVER, reach }] });
export const failing = (
  failure: 'name' | 'connection' | 'certificate' | 'address' | 'answer',
  message: string,
): Observed => reaching({ kind: 'failed', failure, message });
