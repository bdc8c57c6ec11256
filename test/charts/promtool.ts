import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { installPrometheus } from '../real/install/prometheus.ts';
import { run } from '../real/install/run.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { find, minimal, openChart } from './chart.ts';

/** An alert as the chart renders it. */
export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
}

export type Labels = Readonly<Record<string, string>>;

/** A series in promtool's notation: a sample each 30 s, `_` for none, `stale` for the end. */
export interface Series {
  readonly metric: string;
  readonly labels: Labels;
  readonly values: string;
}

/** Labels of the alerts that fire, by alert. */
export type Firing = Readonly<Record<string, readonly Labels[]>>;

export interface Situation {
  readonly series: readonly Series[];
  /** Moments, such as `5m`, with the alerts that fire then. No other alert may fire. */
  readonly moments: Readonly<Record<string, Firing>>;
}

export interface Promtool {
  readonly rules: readonly Rule[];
  /** Checks the rules. Throws CommandFailed with their errors. */
  checkRules(): Promise<string>;
  /** Checks that Prometheus accepts these queries. Throws CommandFailed with the errors. */
  checkQueries(queries: readonly string[]): Promise<string>;
  /** Tries the rules on a situation. Throws CommandFailed if other alerts fire than expected. */
  test(situation: Situation): Promise<string>;
  stop(): Promise<void>;
}

/** Opens promtool with the rules of the chart. Throws NotAvailable. */
export async function openPromtool(namespace: string): Promise<Promtool> {
  const { promtool } = await installPrometheus();
  const rules = await renderedRules(namespace);
  const folder = temporaryDirectory();
  const file = join(folder.path, 'rules.yaml');
  writeFileSync(file, stringify({ groups: [{ name: 'token-acquirer', rules }] }));
  const tool = (...args: string[]): Promise<string> => run({ label: 'promtool', command: promtool, args });
  let tests = 0;
  return {
    rules,
    checkRules: () => tool('check', 'rules', file),
    checkQueries(queries) {
      const name = join(folder.path, 'queries.yaml');
      const recorded = queries.map((expr, index) => ({ record: `query_${index}`, expr }));
      writeFileSync(name, stringify({ groups: [{ name: 'queries', rules: recorded }] }));
      return tool('check', 'rules', name);
    },
    test(situation) {
      tests += 1;
      const name = join(folder.path, `test-${tests}.yaml`);
      writeFileSync(name, stringify(unitTest(rules, situation)));
      return tool('test', 'rules', name);
    },
    stop: () => Promise.resolve(folder.remove()),
  };
}

/** Returns the rules of a release in this namespace, with further values of `metrics.prometheusRule`. */
export async function renderedRules(namespace: string, further: object = {}): Promise<readonly Rule[]> {
  const chart = await openChart('helm 4');
  const values = minimal({ metrics: { prometheusRule: { enabled: true, renderMode: 'alwaysRender', ...further } } });
  const { spec } = find(await chart.objects(values, { namespace }), 'PrometheusRule/token-acquirer');
  const { groups } = spec as unknown as { groups: readonly { rules: readonly Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

function unitTest(rules: readonly Rule[], { series, moments }: Situation): object {
  return {
    rule_files: ['rules.yaml'],
    evaluation_interval: '30s',
    tests: [
      {
        interval: '30s',
        input_series: series.map(({ metric, labels, values }) => ({ series: `${metric}${notation(labels)}`, values })),
        alert_rule_test: Object.entries(moments).flatMap(([moment, firing]) =>
          rules.map((rule) => ({
            eval_time: moment,
            alertname: rule.alert,
            exp_alerts: (firing[rule.alert] ?? []).map((labels) => expected(rule, labels)),
          })),
        ),
      },
    ],
  };
}

function notation(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `{${pairs.join(', ')}}`;
}

/** A text that depends on the value of a label. */
const CHOICE = /\{\{ if eq \$labels\.(\w+) "(\w+)" \}\}(.*?)\{\{ else \}\}(.*?)\{\{ end \}\}/g;

function expected(rule: Rule, labels: Labels): object {
  const filled = (text: string): string =>
    text
      .replaceAll(CHOICE, (_, name: string, value: string, one: string, other: string) =>
        labels[name] === value ? one : other,
      )
      .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, name: string) => labels[name] ?? '');
  const annotations = Object.entries(rule.annotations).map(([name, text]) => [name, filled(text)]);
  return { exp_labels: { ...labels, ...rule.labels }, exp_annotations: Object.fromEntries(annotations) as object };
}
