import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import type { Ms } from '../../../core/token.ts';
import { type DirectOptions, directly, openConnection } from '../../http/open-connection.ts';
import type { TlsSettings } from '../../http/tls-connection.ts';

export interface ApiConnectorOptions {
  readonly tls: TlsSettings;
  readonly timeout: Ms;
  /** Ends what is being opened. */
  readonly closing: AbortSignal;
  readonly direct?: DirectOptions | undefined;
}

/** After this long without traffic the kernel asks whether the other side still exists: a watch may be silent. */
const KEEP_ALIVE: Ms = 60_000;

/** How undici opens a connection to the API server: as all of ours are, in place of its own way. */
export function apiConnector({ tls, timeout, closing, direct }: ApiConnectorOptions): buildConnector.connector {
  const openTransport = directly(direct);
  const connect = async (to: buildConnector.Options, callback: buildConnector.Callback): Promise<void> => {
    const isSecure = to.protocol === 'https:';
    const port = Number(to.port) || (isSecure ? 443 : 80);
    const destination = { host: to.hostname, port, tls: isSecure ? tls : undefined };
    const signal = AbortSignal.any([AbortSignal.timeout(timeout), closing]);
    let socket: Socket;
    try {
      socket = await openConnection(destination, signal, openTransport);
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    callback(null, socket.setKeepAlive(true, KEEP_ALIVE).setNoDelay(true));
  };
  return (to, callback) => void connect(to, callback);
}
