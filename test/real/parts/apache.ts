import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/free-port.ts';
import { keepText } from '../../support/outputs.ts';
import { secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import type { ApacheInstallation } from '../install/apache.ts';
import type { RealGateway } from './envoy.ts';
import { startPart } from './part.ts';

export interface ApacheSettings {
  /** https, because mod_auth_openidc takes nothing else. */
  readonly introspectionEndpoint: string;
  /** PEM. */
  readonly ca: string;
  /** Of the client `gateway`, which introspects. */
  readonly gatewaySecret: string;
  /** Of the service behind it. */
  readonly service: string;
  /** `OIDCOAuthTokenIntrospectionInterval`: -1 asks at every call; 0, its own default, once for each token. */
  readonly interval?: number;
}

const CONFIGURATION = join(import.meta.dirname, 'apache.conf');
const START_WITHIN = 30_000;

/** Starts Apache with `apache.conf` on a free port of loopback. */
export async function startApache(installation: ApacheInstallation, settings: ApacheSettings): Promise<RealGateway> {
  const port = await freePort();
  const folder = temporaryDirectory();
  // Started by root, it drops to its own user, who must get to the files.
  chmodSync(folder.path, 0o711);
  const caFile = join(folder.path, 'ca.crt');
  writeFileSync(caFile, settings.ca);
  const part = startPart({
    label: 'Apache',
    command: installation.program,
    args: ['-f', CONFIGURATION, '-DFOREGROUND'],
    env: environmentOf(installation, settings, { folder: folder.path, caFile, port }),
  });
  const errorLog = join(folder.path, 'error.log');
  const stop = async (): Promise<void> => {
    await part.stop();
    if (existsSync(errorLog)) keepText('error.log of Apache', readFileSync(errorLog, 'utf8'));
    folder.remove();
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await part.until('the start of Apache', () => statusOf(url), START_WITHIN);
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Apache puts these into its configuration itself, so that no secret is written to a file. */
function environmentOf(
  { modules }: ApacheInstallation,
  settings: ApacheSettings,
  { folder, caFile, port }: { folder: string; caFile: string; port: number },
): Record<string, string> {
  const { introspectionEndpoint, gatewaySecret, service, interval = -1 } = settings;
  return {
    PORT: String(port),
    FOLDER: folder,
    MODULES: modules,
    INTROSPECTION_ENDPOINT: introspectionEndpoint,
    CA_FILE: caFile,
    GATEWAY_SECRET: gatewaySecret,
    PASSPHRASE: secret('cache-passphrase'),
    INTERVAL: String(interval),
    SERVICE: service,
  };
}

async function statusOf(url: string): Promise<number | undefined> {
  try {
    return (await fetch(url)).status;
  } catch {
    return undefined;
  }
}
