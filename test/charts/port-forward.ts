import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { PortForward } from '@kubernetes/client-node';
import type { TestCluster } from '../cluster/cluster.ts';

export interface ForwardedPod {
  /** `127.0.0.1:PORT`, by the pod's port. */
  readonly addresses: ReadonlyMap<number, string>;
  stop(): Promise<void>;
}

/** What `kubectl port-forward pod/NAME :PORT …` does. */
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
      forward.portForward(namespace, pod, [port], socket, null, socket).catch(() => socket.destroy());
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
