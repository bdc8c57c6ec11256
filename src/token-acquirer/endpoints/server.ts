import type { FastifyInstance } from 'fastify';
import type { Connections } from './connections.ts';

/** A server that listens, with the connections that it holds. */
export interface Server {
  readonly app: FastifyInstance;
  readonly connections: Connections;
}

/** Takes no further calls, answers those that have come, and ends the connections that are idle. */
export async function closeInTime({ app, connections }: Server): Promise<void> {
  const closed = app.close();
  await connections.quiet();
  connections.cut();
  await closed;
}
