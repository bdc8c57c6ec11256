import { readFileSync, writeFileSync } from 'node:fs';
import { accessTokenSpecSchema, RESOURCE } from '../adapters/kubernetes/resources/access-token-object.ts';
import { createSystemClock } from '../adapters/node/system-clock.ts';
import { createLog } from '../adapters/telemetry/log.ts';
import { createLogger } from '../adapters/telemetry/logger.ts';
import { createMetrics } from '../adapters/telemetry/metrics.ts';
import { generatedDocuments } from './documents.ts';
import type { LogLine, OpenLog } from './log-reference.ts';

const openLog: OpenLog = (write) => {
  const logger = createLogger({ write: (line) => write(JSON.parse(line) as LogLine) }, 'debug');
  // The documents need no line that is written later.
  return createLog(logger, { wait: () => new Promise(() => undefined) });
};

/** Writes the generated parts of the documents anew: `npm run docs`. A test fails if they are not up to date. */
const metrics = createMetrics(createSystemClock()).describe();
const accessTokens = { ...RESOURCE, spec: accessTokenSpecSchema };
for (const { path, renew } of generatedDocuments({ metrics, openLog, accessTokens })) {
  const file = new URL(`../../${path}`, import.meta.url);
  writeFileSync(file, renew(readFileSync(file, 'utf8')));
  process.stdout.write(`${path}\n`);
}
