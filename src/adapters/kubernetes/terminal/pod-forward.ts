import { type EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { type KubeConfig, PortForward } from '@kubernetes/client-node';
import { StoreError } from '../../../core/errors.ts';

/** A port of a pod. */
export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

/** Of what the API server says about a pod, in characters. */
const LONGEST_ERROR = 300;

/**
 * Calls `use` with the address on loopback, `127.0.0.1:PORT`, from which connections go to the port of the pod. It ends with
 * that call. Throws what `use` throws, or a StoreError where the port cannot be reached.
 */
export async function throughForward<Result>(
  config: KubeConfig,
  to: PodPort,
  use: (address: string) => Promise<Result>,
): Promise<Result> {
  const forward = new PortForward(config);
  const sockets = new Set<Socket>();
  let failure: StoreError | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    void connect(forward, to, socket).catch((error: unknown) => {
      failure ??= error instanceof StoreError ? error : forwardFailure(to, error);
      socket.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } catch (error) {
    throw failure ?? error;
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** Rejects where the pod or the API server reports an error. Each side ends with the other: the library ends neither. */
async function connect(forward: PortForward, { namespace, pod, port }: PodPort, socket: Socket): Promise<void> {
  const failed = Promise.withResolvers<never>();
  // It may be rejected before the connection is open, and nobody waits for it then.
  failed.promise.catch(() => undefined);
  const errors = new Writable({
    write(chunk: Buffer, _encoding, done) {
      // The stream begins with the number of the port, of which nothing is left here.
      if (chunk.length > 0) failed.reject(podFailure({ namespace, pod, port }, chunk.toString('utf8')));
      done();
    },
  });
  // A WebSocket, whose types are not among the dependencies.
  const opened: unknown = await forward.portForward(namespace, pod, [port], socket, errors, socket);
  const connection = opened as EventEmitter & { terminate(): void };
  const ended = Promise.race([once(connection, 'close'), failed.promise]);
  if (socket.closed) connection.terminate();
  else socket.once('close', () => connection.terminate());
  await ended;
  socket.end();
}

function podFailure({ namespace, pod, port }: PodPort, text: string): StoreError {
  const said = text.replaceAll(/\s+/g, ' ').trim().slice(0, LONGEST_ERROR);
  return new StoreError(`The port ${port} of the pod ${namespace}/${pod} cannot be reached (${said}).`);
}

/** What `ws` throws where the API server does not open the connection has its status in a sentence. */
function forwardFailure({ namespace, pod }: PodPort, error: unknown): StoreError {
  const text = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : '';
  const [, code] = /^Unexpected server response: (\d{3})$/.exec(text) ?? [];
  const head = `No port forward to the pod ${namespace}/${pod} can be opened`;
  if (code === '403') {
    const role = `Ask for a Role in the namespace ${namespace} with the verbs get and create on pods/portforward.`;
    const check = `kubectl auth can-i create pods/portforward --namespace ${namespace}`;
    return new StoreError(`${head}: you lack the permission (403). ${role} Try: ${check}.`, { permanent: true });
  }
  if (code === '404') return new StoreError(`${head}: it does not exist any more (404). Try again.`);
  const why = code === undefined ? 'the API server did not open it' : `the API server answered ${code}`;
  return new StoreError(`${head}: ${why}. Try: kubectl -n ${namespace} port-forward pod/${pod} :9090.`);
}
