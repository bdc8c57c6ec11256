import { type EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { PortForward } from '@kubernetes/client-node';
import type { TestCluster } from '../cluster/cluster.ts';

export interface ForwardedPod {
  /** `127.0.0.1:PORT`, by the pod's port. */
  readonly addresses: ReadonlyMap<number, string>;
  stop(): Promise<void>;
}

/** Forwards ports to a pod, as `kubectl port-forward pod/NAME :PORT …` does. */
export async function forwardPorts(
  cluster: TestCluster,
  { namespace, pod, ports }: { readonly namespace: string; readonly pod: string; readonly ports: readonly number[] },
): Promise<ForwardedPod> {
  const forward = new PortForward(cluster.api);
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const addresses = new Map<number, string>();
  for (const port of ports) {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      void forwardSocket(forward, { namespace, pod, port }, socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    addresses.set(port, `127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
  return {
    addresses,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

/** Each side ends with the other, and with an error of the pod. The library ends neither. */
async function forwardSocket(
  forward: PortForward,
  { namespace, pod, port }: { readonly namespace: string; readonly pod: string; readonly port: number },
  socket: Socket,
): Promise<void> {
  const errors = new Writable({
    write(chunk: Buffer, _encoding, done) {
      // The stream begins with the number of the port, of which nothing is left here.
      if (chunk.length > 0) socket.destroy();
      done();
    },
  });
  try {
    // A WebSocket, whose types are not among the dependencies.
    const connection: unknown = await forward.portForward(namespace, pod, [port], socket, errors, socket);
    const { terminate } = connection as { terminate(): void };
    const end = (): void => {
      terminate.call(connection);
    };
    (connection as EventEmitter).once('close', () => socket.end());
    if (socket.closed) end();
    else socket.once('close', end);
  } catch {
    socket.destroy();
  }
}
