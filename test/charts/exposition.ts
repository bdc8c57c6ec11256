import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { AcquirerProcess } from '../e2e/acquirer-process.ts';
import { stages } from '../e2e/stage.ts';
import { startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { podObject, podPath } from '../support/pods.ts';
import { until } from '../support/until.ts';
import type { Labels, Series } from './promtool.ts';

/**
 * The Secrets of tokens with the name `dynamics`: healthy and reported as rejected; healthy; without a credential; of a
 * stopped client app; impossible to store; used by a pod that the selector misses; read by a pod into its environment.
 */
export const SECRETS = {
  healthy: 'billing-tokens',
  other: 'shipping-tokens',
  missing: 'crm-tokens',
  stopped: 'nightly-tokens',
  unstored: 'archive-tokens',
  unselected: 'payroll-tokens',
  frozen: 'reports-tokens',
} as const;

const KINDS = ['suspended', 'store-failed', 'token-request-failed', 'pods-not-selected', 'pods-left-behind'];

/** A running token-acquirer with a series for each alert. */
export interface Exposed {
  readonly acquirer: AcquirerProcess;
  /** Requests a reissue that cannot succeed. */
  failReissue(): Promise<void>;
  stop(): Promise<void>;
}

/** Returns the metrics of a running token-acquirer, with a series for each alert. */
export async function exposition(): Promise<string> {
  const exposed = await openExposed();
  try {
    return await exposed.acquirer.metrics();
  } finally {
    await exposed.stop();
  }
}

export interface ExposedOptions {
  /** Of the tokens, in seconds. */
  readonly lifetime?: number;
  /** Of the credential. */
  readonly expiresAt?: string;
}

/** Opens it. `started` is called with the address of the metrics before anything is rejected or unavailable. */
export async function openExposed(
  { lifetime = 60, expiresAt = '2099-01-31' }: ExposedOptions = {},
  started: (metrics: URL) => Promise<void> = async () => {},
): Promise<Exposed> {
  const opened = stages();
  const api = await startKubernetesApi();
  const stop = async (): Promise<void> => {
    await opened.closeAll();
    await api.stop();
  };
  try {
    const stage = await opened.open({ secrets: Object.values(SECRETS), lifetime });
    const { workplace } = stage;
    const pidFile = join(workplace.root, 'client-app.pid');
    writeFileSync(pidFile, '999999999\n');
    const { tokens, ...rest } = stage.configuration() as { tokens: { secret: { name: string } }[] };
    const differing: Readonly<Record<string, object>> = {
      [SECRETS.missing]: { credential: 'missing' },
      [SECRETS.stopped]: { clientApp: { pidFile } },
      [SECRETS.unselected]: { clientApp: { namespace: 'billing', selector: 'app=misspelt' } },
      [SECRETS.frozen]: { clientApp: { namespace: 'billing', selector: 'app=reports' } },
    };
    workplace.credential('dynamics', { expires_at: expiresAt });
    workplace.configure({ ...rest, tokens: tokens.map((token) => ({ ...token, ...differing[token.secret.name] })) });
    mkdirSync(join(workplace.tokens, 'billing'));
    // Where its folder would be.
    writeFileSync(workplace.volume(SECRETS.unstored), '');
    const envFrom = [{ secretRef: { name: SECRETS.frozen } }];
    api.objects.put(podPath('billing', 'payroll'), podObject({ name: 'payroll', mounts: [SECRETS.unselected] }));
    const reports = podObject({ name: 'reports', app: 'reports', container: { name: 'app', envFrom } });
    api.objects.put(podPath('billing', 'reports'), reports);
    const acquirer = stage.acquirer(['--kubeconfig', api.kubeconfig]);
    const { source, call } = await stage.source(acquirer);
    await started(new URL('/metrics', await acquirer.url('status')));
    // Tokens are not issued twice within a second.
    await pause(1000);
    await stage.revoke(source.current().accessToken.reveal());
    await call(`${stage.gateway.url}/incidents`);
    await Promise.all(KINDS.map((kind) => acquirer.logged(kind)));
    writeFileSync(workplace.config, 'tokens: [');
    await acquirer.logged('configuration-refused');
    await stage.outage();
    const { sha256 } = source.current();
    const url = await acquirer.url('reissue');
    const fail = (): Promise<void> => failReissue(url, workplace.callerToken, sha256);
    await fail();
    return { acquirer, failReissue: fail, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Requests a reissue that cannot succeed. */
async function failReissue(url: string, callerToken: string, rejected: string): Promise<void> {
  const path = `/v1/namespaces/billing/secrets/${SECRETS.healthy}/tokens/dynamics/reissue`;
  const headers = {
    authorization: `Bearer ${readFileSync(callerToken, 'utf8').trim()}`,
    'content-type': 'application/json',
  };
  const body = JSON.stringify({ rejected_sha256: rejected });
  await until(
    'A failed reissue',
    async () => (await fetch(`${url}${path}`, { method: 'POST', headers, body })).status === 502,
    20_000,
  );
}

/** Reads the label sets of Prometheus' text format. */
export function labelSets(text: string): readonly { readonly metric: string; readonly labels: Labels }[] {
  return [...text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)].map(([, metric = '', pairs = '']) => ({
    metric,
    labels: Object.fromEntries(
      [...pairs.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
    ),
  }));
}

/** Makes series of one target: with its labels, and those of the exposition, which win as with `honorLabels`. */
export function scraping(text: string, target: Labels): (metric: string, own: Labels, values: string) => Series {
  const sets = labelSets(text);
  return (metric, own, values) => {
    if (metric === 'up') return { metric, labels: target, values };
    const found = sets.find(
      (set) => set.metric === metric && Object.entries(own).every(([name, value]) => set.labels[name] === value),
    );
    if (found === undefined) throw new Error(`No ${metric} with ${JSON.stringify(own)} is exposed.`);
    return { metric, labels: { ...target, ...found.labels }, values };
  };
}
