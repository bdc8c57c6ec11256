import { accessTokenSpecSchema, RESOURCE } from '../../src/adapters/kubernetes/resources/access-token-object.ts';
import { createLog } from '../../src/adapters/telemetry/log.ts';
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import { createMetrics } from '../../src/adapters/telemetry/metrics.ts';
import type { DocumentSources } from '../../src/docs/documents.ts';
import type { LogLine, OpenLog } from '../../src/docs/log-reference.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';

/** Opens a log whose lines go to `write`, as `npm run docs` does. */
export const openLog: OpenLog = (write) =>
  createLog(createLogger({ write: (line) => write(JSON.parse(line) as LogLine) }, 'debug'), createFakeClock());

/** Returns the sources of the generated documents. */
export function documentSources(): DocumentSources {
  const accessTokens = { ...RESOURCE, spec: accessTokenSpecSchema };
  return { metrics: createMetrics(createFakeClock()).describe(), openLog, accessTokens };
}
