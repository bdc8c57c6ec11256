import { readFileSync, writeFileSync } from 'node:fs';
import { createSystemClock } from '../adapters/node/system-clock.ts';
import { createMetrics } from '../adapters/telemetry/metrics.ts';
import { generatedDocuments } from './documents.ts';

/** Writes the generated parts of the documents anew: `npm run docs`. A test fails where they are not up to date. */
for (const { path, renew } of generatedDocuments(createMetrics(createSystemClock()).describe())) {
  const file = new URL(`../../${path}`, import.meta.url);
  writeFileSync(file, renew(readFileSync(file, 'utf8')));
  process.stdout.write(`${path}\n`);
}
