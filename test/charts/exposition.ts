import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stages } from '../e2e/stage.ts';
import type { Labels, Series } from './promtool.ts';

/** The Secrets whose token `dynamics` is: well and reported as rejected; well; without a credential; of a stopped client app; not to be stored. */
export const SECRETS = {
  well: 'billing-tokens',
  other: 'shipping-tokens',
  never: 'crm-tokens',
  stopped: 'nightly-tokens',
  unstored: 'archive-tokens',
} as const;

/** What a running token-acquirer says at /metrics, once with each thing that an alert looks at. */
export async function exposition(): Promise<string> {
  const opened = stages();
  try {
    const stage = await opened.open({ secrets: Object.values(SECRETS) });
    const { workplace } = stage;
    const pidFile = join(workplace.root, 'client-app.pid');
    writeFileSync(pidFile, '999999999\n');
    const { tokens, ...rest } = stage.configuration() as { tokens: { secret: { name: string } }[] };
    const differing: Readonly<Record<string, object>> = {
      [SECRETS.never]: { credential: 'missing' },
      [SECRETS.stopped]: { clientApp: { pidFile } },
    };
    workplace.configure({ ...rest, tokens: tokens.map((token) => ({ ...token, ...differing[token.secret.name] })) });
    mkdirSync(join(workplace.tokens, 'billing'));
    // Where its folder would be.
    writeFileSync(workplace.volume(SECRETS.unstored), '');
    const acquirer = stage.acquirer();
    const { source, call } = await stage.source(acquirer);
    // Tokens are not issued twice within a second.
    await pause(1000);
    await stage.revoke(source.current().accessToken.reveal());
    await call(`${stage.gateway.url}/incidents`);
    await Promise.all(['suspended', 'store-failed', 'token-request-failed'].map((kind) => acquirer.logged(kind)));
    writeFileSync(workplace.config, 'tokens: [');
    await acquirer.logged('configuration-refused');
    return await acquirer.metrics();
  } finally {
    await opened.closeAll();
  }
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
