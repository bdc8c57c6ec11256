import { join } from 'node:path';
import { installOnce } from './cache.ts';
import { NotAvailable } from './not-available.ts';
import { aloud } from './progress.ts';
import { CommandFailed, run } from './run.ts';

export const ENVOY_GATEWAY_VERSION = '1.9.1';

const PART = `Envoy Gateway ${ENVOY_GATEWAY_VERSION}`;
const SOURCE = `github.com/envoyproxy/gateway/cmd/envoy-gateway@v${ENVOY_GATEWAY_VERSION}`;
/** Two thousand packages, which share the cores with all other tests. */
export const BUILDING = 40 * 60_000;

/** The path of the program, which is compiled once. Throws NotAvailable. */
export async function installEnvoyGateway(): Promise<string> {
  const name = `envoy-gateway-${ENVOY_GATEWAY_VERSION}-${process.arch}-1`;
  return join(await installOnce({ name, build }), 'envoy-gateway');
}

async function build(folder: string): Promise<void> {
  // Without its debug information, which is half of it.
  const args = ['-n', '10', 'go', 'install', '-ldflags=-s -w', SOURCE];
  const env = { GOBIN: folder };
  try {
    await aloud(`Building ${PART} with Go, once (5 min)`, async () => {
      await run({ label: 'go install', command: 'nice', args, env }, BUILDING);
    });
  } catch (error) {
    if (error instanceof CommandFailed) throw new NotAvailable(PART, error.message, `go install ${SOURCE}`);
    throw error;
  }
}
