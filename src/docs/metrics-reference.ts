import type { MetricDescription } from '../ports/telemetry.ts';
import { LABEL_VALUES } from './label-values.ts';
import { code, codes, table } from './markdown.ts';

/** The metrics as a Markdown table, made from the registry that exposes them. */
export function metricsReference(metrics: readonly MetricDescription[]): string {
  const rows = metrics.map(({ name, type, labels, help }) => [code(name), type, codes(labels), help]);
  return table(['metric', 'type', 'labels', 'meaning'], rows);
}

/** The values of the labels that have a fixed set of them. */
export function labelReference(): string {
  const rows = LABEL_VALUES.flatMap(({ metric, label, values }) =>
    Object.entries(values).map(([value, meaning]) => [code(metric), code(label), code(value), meaning]),
  );
  return table(['metric', 'label', 'value', 'meaning'], rows);
}
