import type { MetricDescription } from '../ports/telemetry.ts';

/** The metrics as a Markdown table, made from the registry that exposes them. */
export function metricsReference(metrics: readonly MetricDescription[]): string {
  const rows = metrics.map(({ name, type, labels, help }) => {
    const labelText = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${labelText} | ${help} |`;
  });
  return ['| metric | type | labels | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
