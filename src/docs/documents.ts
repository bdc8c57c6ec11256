import { readFileSync } from 'node:fs';
import type { MetricDescription } from '../ports/telemetry.ts';
import { chartReference, chartSchema } from './chart-schema.ts';
import { configurationReference } from './configuration-reference.ts';
import { errorReference } from './error-reference.ts';
import { withGenerated } from './generated.ts';
import { metricsReference } from './metrics-reference.ts';

/** A document with parts that are generated, or that is generated as a whole. */
export interface GeneratedDocument {
  /** Relative to the project's folder. */
  readonly path: string;
  /** The document as it should be, from the document as it is. */
  renew(text: string): string;
}

const inChart = (file: string): string =>
  readFileSync(new URL(`../../charts/token-acquirer/${file}`, import.meta.url), 'utf8');

export function generatedDocuments(metrics: readonly MetricDescription[]): readonly GeneratedDocument[] {
  return [
    {
      path: 'charts/token-acquirer/values.schema.json',
      renew: () => chartSchema(inChart('values.yaml'), inChart('renamed.yaml')),
    },
    {
      path: 'charts/token-acquirer/README.md',
      renew: (text) => withGenerated(text, 'values', chartReference(inChart('values.yaml'))),
    },
    { path: 'README.md', renew: (text) => withGenerated(text, 'configuration', configurationReference()) },
    {
      path: 'docs/operate/status-and-cli.md',
      renew: (text) =>
        withGenerated(withGenerated(text, 'errors', errorReference()), 'metrics', metricsReference(metrics)),
    },
  ];
}
