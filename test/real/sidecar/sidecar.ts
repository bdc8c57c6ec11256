import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { helmBinaries } from '../../charts/helm.ts';
import { onThisMachine, openSidecarChart, type SidecarChart } from '../../charts/sidecar-rendering.ts';
import { freePort } from '../../support/free-port.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { startPart } from '../parts/part.ts';

const START_WITHIN = 60_000;

/** The name by which the rendering knows the reissue endpoint. Its certificate must have it. */
export const REISSUE_HOST = 'token-acquirer.token-acquirer.svc';

export interface SidecarRoute {
  readonly name: string;
  /** Scheme, host and port. */
  readonly upstream: string;
  /** Other keys of a route in the values. */
  readonly [key: string]: unknown;
}

export interface SidecarSettings {
  readonly tokenDirectory: string;
  readonly callerTokenDirectory: string;
  /** Of the reissue endpoint. Without it, the sidecar only reads its files. */
  readonly reissuePort?: number;
  /** Whether the CA of the reissue endpoint is in the folder of the caller token, rather than in the token Secret. */
  readonly ownCa?: boolean;
  /** Of the CA of the upstreams. */
  readonly caFile?: string;
  readonly routes: readonly SidecarRoute[];
  /** Further keys of the sidecar. */
  readonly more?: object;
  /** The path of Envoy. */
  readonly program: string;
}

export interface Sidecar {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly probePort: number;
  readonly pid: number;
  /** The last of what it wrote. */
  said(): string;
  stop(): Promise<void>;
}

/** One of helm, and the application's chart, for all sidecars of a file. */
let opened: Promise<SidecarChart> | undefined;

/** Starts Envoy as the library chart configures it, with loopback in place of the cluster. Throws NotAvailable. */
export async function startSidecar(settings: SidecarSettings): Promise<Sidecar> {
  const [port, probePort] = [await freePort(), await freePort()];
  opened ??= openChart();
  const pod = await (await opened).pod(valuesOf(settings, { port, probePort }));
  const folder = temporaryDirectory();
  const reissuer = (host: string, number: number | undefined): string => `address: "${host}", port_value: ${number}`;
  const instead = { [reissuer(REISSUE_HOST, 8443)]: reissuer('127.0.0.1', settings.reissuePort) };
  const { args, env } = onThisMachine(pod, { folder: folder.path, instead });
  if (settings.caFile !== undefined) cpSync(settings.caFile, join(folder.path, 'ca.service.crt'));
  const part = startPart({ label: 'the Envoy sidecar', command: settings.program, args, env });
  const stop = async (): Promise<void> => {
    await part.stop();
    folder.remove();
  };
  try {
    await part.until('the start of Envoy', () => isOpen(port), START_WITHIN);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${port}`, port, probePort, pid: part.pid, said: part.said, stop };
}

async function openChart(): Promise<SidecarChart> {
  const binary = (await helmBinaries()).at(-1);
  if (binary === undefined) throw new Error('The tests know no helm.');
  const chart = await openSidecarChart(binary);
  process.once('exit', () => void chart.stop());
  return chart;
}

function valuesOf(settings: SidecarSettings, ports: { readonly port: number; readonly probePort: number }): object {
  const { tokenDirectory, callerTokenDirectory, routes, reissuePort, ownCa, more } = settings;
  return {
    secret: 'billing-tokens',
    tokens: ['dynamics'],
    tokenDirectory,
    callerTokenDirectory,
    reissue: reissuePort !== undefined,
    ...(ownCa === true && { certificateAuthority: { configMap: 'acquirer-ca' } }),
    sidecar: { image: 'envoy', routes: routes.map((route) => ({ token: 'dynamics', ...route })), ...ports, ...more },
  };
}

async function isOpen(port: number): Promise<true | undefined> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
