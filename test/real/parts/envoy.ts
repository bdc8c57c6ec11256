import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../../support/temporary.ts';
import { answerOf, type Part, startPart } from './part.ts';

export interface EnvoySettings {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly audience: string;
  /** Of the service behind it. */
  readonly service: string;
  /** In seconds; `default` leaves the setting out. */
  readonly clockSkew?: number | 'default';
  /** How long it keeps the authorization server's keys, in seconds; Envoy's own default is 10 minutes. */
  readonly jwksCache?: number;
}

/** A gateway before the service. */
export interface RealGateway {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  stop(): Promise<void>;
}

const TEMPLATE = join(import.meta.dirname, 'envoy.yaml');
const START_WITHIN = 60_000;

/** Starts Envoy with `envoy.yaml` on a free port of loopback. */
export async function startEnvoy(program: string, settings: EnvoySettings): Promise<RealGateway> {
  const folder = temporaryDirectory();
  const configuration = join(folder.path, 'envoy.yaml');
  const addressFile = join(folder.path, 'admin');
  writeFileSync(configuration, filled(readFileSync(TEMPLATE, 'utf8'), settings));
  const part = startPart({
    label: 'Envoy',
    command: program,
    args: [
      '-c',
      configuration,
      '--admin-address-path',
      addressFile,
      '--concurrency',
      '1',
      '--disable-hot-restart',
      '-l',
      'warning',
    ],
  });
  const stop = async (): Promise<void> => {
    await part.stop();
    folder.remove();
  };
  try {
    return { url: await listener(part, addressFile), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function filled(template: string, settings: EnvoySettings): string {
  const { issuer, jwksUri, audience, service, clockSkew = 1, jwksCache = 1 } = settings;
  const values: Readonly<Record<string, string>> = {
    ISSUER: issuer,
    JWKS_URI: jwksUri,
    AUDIENCE: audience,
    CLOCK_SKEW: String(clockSkew),
    JWKS_CACHE: `${jwksCache}s`,
    SERVICE_PORT: new URL(service).port,
    ISSUER_PORT: new URL(issuer).port,
  };
  const shown = clockSkew === 'default' ? template.replace(/^.*\$\{CLOCK_SKEW\}\n/m, '') : template;
  return shown.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`envoy.yaml wants a value ${name}, and there is none.`);
    return value;
  });
}

/** Envoy chose both ports: that of the administration is in a file, which shows the other. */
async function listener(part: Part, addressFile: string): Promise<string> {
  const look = async (): Promise<string | undefined> => {
    const admin = contentOf(addressFile);
    if (admin === undefined || (await answerOf(`http://${admin}/ready`)) === undefined) return undefined;
    const listeners = await answerOf(`http://${admin}/listeners`);
    const address = /^gateway::(.*)$/m.exec(listeners ?? '')?.[1];
    return address === undefined ? undefined : `http://${address.trim()}`;
  };
  return part.until('the start of Envoy', look, START_WITHIN);
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
