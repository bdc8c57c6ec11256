import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
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

/** Ends the connection to the API server with the socket: the library does so only at the end of the input. */
async function forwardSocket(
  forward: PortForward,
  { namespace, pod, port }: { readonly namespace: string; readonly pod: string; readonly port: number },
  socket: Socket,
): Promise<void> {
  try {
    // A WebSocket, whose types are not among the dependencies.
    const connection: unknown = await forward.portForward(namespace, pod, [port], socket, null, socket);
    const { terminate } = connection as { terminate(): void };
    const end = (): void => {
      terminate.call(connection);
    };
    if (socket.closed) end();
    else socket.once('close', end);
  } catch {
    socket.destroy();
  }
}
