import { join } from 'node:path';
import { installOnce } from './cache.ts';
import { NotAvailable } from './not-available.ts';
import { aloud } from './progress.ts';
import { CommandFailed, isOnPath, run } from './run.ts';

export const COLLECTOR_VERSION = '0.165.0';

const PART = `the OpenTelemetry Collector ${COLLECTOR_VERSION}`;
const SOURCES = join(import.meta.dirname, '../parts/collector');
const COMMAND = 'install Go 1.25 or later from https://go.dev/dl';
const PATIENCE = 15 * 60_000;

/** The path of a collector with the receiver, exporter and extension of the documents. Throws NotAvailable. */
export async function installCollector(): Promise<string> {
  if (!(await isOnPath('go'))) throw new NotAvailable(PART, 'go is missing', COMMAND);
  return join(await installOnce({ name: `collector-${COLLECTOR_VERSION}-${process.arch}-1`, build }), 'collector');
}

async function build(folder: string): Promise<void> {
  // From a proxy, a version of a module is never fetched from its repository.
  const known = (await run({ label: 'go env', command: 'go', args: ['env', 'GOPROXY'] })).trim();
  const env = { CGO_ENABLED: '0', GOPROXY: known.replace(/[,|]direct$/, '') };
  const args = ['-n', '10', 'go', 'build', '-trimpath', '-ldflags=-s -w', '-o', join(folder, 'collector'), '.'];
  try {
    await aloud(`Compiling ${PART} from its Go modules, once`, () =>
      run({ label: 'go build', command: 'nice', args, cwd: SOURCES, env }, PATIENCE),
    );
  } catch (error) {
    if (error instanceof CommandFailed) throw new NotAvailable(PART, error.message, COMMAND);
    throw error;
  }
}
