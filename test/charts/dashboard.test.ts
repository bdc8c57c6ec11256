import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/adapters/telemetry/metrics.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { realParts, stopAll } from '../real/real-parts.ts';
import { until } from '../support/until.ts';
import { interpolated, panelQueries, readDashboard, variablesOf, withoutZero } from './dashboard.ts';
import { openExposed } from './exposition.ts';
import { type Prometheus, type Sample, startPrometheus } from './prometheus.ts';

const PATIENCE = 60_000;
const dashboard = readDashboard();
const queries = panelQueries(dashboard);
/** As Grafana sets them for all namespaces. Its interval is at least four scrapes long. */
const VALUES = { job: 'token-acquirer', namespace: '.*', __rate_interval: '30s' };

/** What is in the series of the running token-acquirer that the dashboard shows. */
const SHOWN: readonly (readonly [panel: string, series: readonly Readonly<Record<string, string>>[]])[] = [
  ['Time to expiry', [{ namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' }]],
  ['Renewals a minute', [{ outcome: 'renewed' }, { outcome: 'failed' }]],
  [
    'Failed token requests a minute',
    [
      { authorization_server: 'corporate', result: 'credential_unreadable' },
      { authorization_server: 'corporate', result: 'unreachable' },
    ],
  ],
  ['Reissues a minute', [{ outcome: 'reissued' }, { outcome: 'failed' }]],
  ['Duration of token requests', [{ authorization_server: 'corporate' }]],
  ['Writes to the store a minute', [{ namespace: 'billing', secret: 'archive-tokens' }]],
  [
    'Unhealthy conditions',
    [
      { type: 'Stored', reason: 'StoreRefused' },
      { type: 'PodsFollow', reason: 'PodsLeftBehind' },
      { type: 'ConfigurationInForce' },
    ],
  ],
  ['Leader of each shard', [{ shard: '0' }]],
  ['Tokens of shards that nobody works on', [{ shard: '0' }]],
  ['Credentials that expire', [{ credential: 'dynamics' }]],
];

describe("the chart's dashboard", () => {
  it('has panels that do not overlap, each with a title, a description and the chosen data source', () => {
    const cells = new Set<string>();
    let size = 0;
    for (const { title, description, datasource, gridPos, targets } of dashboard.panels) {
      expect(title).not.toBe('');
      expect(description).toMatch(/\.$/);
      for (const { uid } of [datasource, ...targets.map((target) => target.datasource)])
        expect(uid).toBe(`\${datasource}`);
      const { x, y, w, h } = gridPos;
      expect(x + w).toBeLessThanOrEqual(24);
      size += w * h;
      for (let column = x; column < x + w; column += 1)
        for (let row = y; row < y + h; row += 1) cells.add(`${column} ${row}`);
    }
    expect(cells.size).toBe(size);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    expect(new Set(dashboard.panels.map(({ title }) => title)).size).toBe(dashboard.panels.length);
  });

  it('lets its reader choose the data source, the job and the namespaces', () => {
    expect(dashboard.templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['job', 'query'],
      ['namespace', 'query'],
    ]);
  });

  it('asks only for the chosen job, by metrics that exist', () => {
    const known = new Set(
      createMetrics(createFakeClock())
        .describe()
        .map(({ name }) => name),
    );
    for (const { expr } of queries) {
      const selectors = [...expr.matchAll(/(\w+)\{([^}]*)\}/g)];
      expect(selectors.length).toBeGreaterThan(0);
      for (const [, metric = '', labels = ''] of selectors) {
        expect([...known]).toContain(metric.replace(/_bucket$/, ''));
        expect(labels).toMatch(/^job="\$job"/);
      }
    }
  });

  it('limits what it shows of tokens to the chosen namespaces', () => {
    const perToken = createMetrics(createFakeClock())
      .describe()
      .filter(({ labels }) => labels.includes('namespace'))
      .map(({ name }) => name);
    for (const { expr } of queries)
      for (const [, metric = '', labels = ''] of expr.matchAll(/(\w+)\{([^}]*)\}/g))
        expect([metric, labels.includes('namespace=~"$namespace"')]).toEqual([metric, perToken.includes(metric)]);
  });

  it('shows each state, all credentials, and the process', () => {
    const titles = dashboard.panels.map(({ title }) => title);
    expect(titles).toEqual(expect.arrayContaining(['Tokens by state', 'CPU', 'Memory', 'Event loop']));
    for (const [panel] of SHOWN) expect(titles).toContain(panel);
  });
});

describe('the dashboard on a real Prometheus that scrapes a real token-acquirer', () => {
  const running = realParts(async () => {
    const started = Promise.withResolvers<Prometheus>();
    const exposed = await openExposed({}, async (metrics) => {
      started.resolve(await startPrometheus([metrics]));
      await (await started.promise).scraped();
    });
    const prometheus = await started.promise;
    return { prometheus, stop: () => stopAll([exposed, prometheus]) };
  });

  /** Returns what the query gives as soon as it gives a number. */
  async function dataOf(expr: string): Promise<readonly Sample[]> {
    let samples: readonly Sample[] = [];
    const hasData = async (): Promise<boolean> => {
      samples = await running().prometheus.query(expr);
      return samples.some(({ value }) => Number.isFinite(value));
    };
    await until(expr, hasData, PATIENCE);
    return samples;
  }

  it.each(queries)('has data for "$panel", $legend', async ({ expr, legend }) => {
    const [first] = await dataOf(withoutZero(interpolated(expr, VALUES)));
    for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) expect(first?.metric).toHaveProperty(label);
  });

  it.each(SHOWN)('shows in "%s" each series that there is', async (panel, series) => {
    const ofPanel = queries.filter((query) => query.panel === panel);
    const shown = async (): Promise<Sample['metric'][]> => {
      const answers = ofPanel.map(({ expr }) => running().prometheus.query(interpolated(expr, VALUES)));
      return (await Promise.all(answers)).flat().map(({ metric }) => metric);
    };
    for (const labels of series) {
      const isShown = (metric: Sample['metric']): boolean =>
        Object.entries(labels).every(([name, value]) => metric[name] === value);
      await until(`${panel} ${JSON.stringify(labels)}`, async () => (await shown()).some(isShown), PATIENCE);
    }
  });

  it.each([
    ['Valid', 1],
    ['Suspended', 1],
    ['No valid token', 1],
  ])('counts tokens that are %s', async (legend, least) => {
    const expr = queries.find((query) => query.panel === 'Tokens by state' && query.legend === legend)?.expr ?? '';
    const [counted] = await dataOf(interpolated(expr, VALUES));
    expect(counted?.value).toBeGreaterThanOrEqual(least);
  });

  it('shows no token of another namespace than the chosen one, and counts none', async () => {
    for (const { panel, expr } of queries.filter((query) => query.expr.includes('$namespace'))) {
      const samples = await running().prometheus.query(interpolated(expr, { ...VALUES, namespace: 'elsewhere' }));
      expect([panel, samples.filter(({ value }) => value !== 0)]).toEqual([panel, []]);
    }
  });

  it('offers the job and the namespaces to choose from', async () => {
    const offered = variablesOf(dashboard).map(async ({ name, selector, label }) => [
      name,
      await running().prometheus.labelValues(interpolated(selector, VALUES), label),
    ]);
    expect(await Promise.all(offered)).toEqual([
      ['job', ['token-acquirer']],
      ['namespace', ['billing']],
    ]);
  });

  it('notices a query that Prometheus rejects', async () => {
    await expect(running().prometheus.query('sum(up')).rejects.toThrow('Prometheus rejects');
    expect(await running().prometheus.query('token_acquirer_that_is_not_there')).toEqual([]);
  });
});
