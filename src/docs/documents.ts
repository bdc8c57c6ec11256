import type { MetricDescription } from '../ports/telemetry.ts';
import { configurationReference } from './configuration-reference.ts';
import { errorReference } from './error-reference.ts';
import { withGenerated } from './generated.ts';
import { metricsReference } from './metrics-reference.ts';

/** A document with parts that are generated. */
export interface GeneratedDocument {
  /** Relative to the project's folder. */
  readonly path: string;
  /** The document as it should be, from the document as it is. */
  renew(text: string): string;
}

export function generatedDocuments(metrics: readonly MetricDescription[]): readonly GeneratedDocument[] {
  return [
    { path: 'README.md', renew: (text) => withGenerated(text, 'configuration', configurationReference()) },
    {
      path: 'docs/operations.md',
      renew: (text) =>
        withGenerated(withGenerated(text, 'errors', errorReference()), 'metrics', metricsReference(metrics)),
    },
  ];
}
