import { EventEmitter, once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type ConnectionLimits, Connections } from '../../src/token-acquirer/endpoints/connections.ts';
import { createListener, listen } from '../../src/token-acquirer/endpoints/listener.ts';
import { until } from '../support/until.ts';

class FakeSocket extends EventEmitter {
  destroyed = false;
  readonly remoteAddress: string;
  readonly remotePort: number;

  constructor(remoteAddress: string, remotePort: number) {
    super();
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  /** Emits the end only later, as a real one does. */
  destroy(): void {
    this.destroyed = true;
    setImmediate(() => this.emit('close'));
  }
}

interface Held {
  readonly connections: Connections;
  /** Opens another connection from this address. */
  open(address: string): FakeSocket;
  openMany(address: string, count: number): FakeSocket[];
  /** Begins to answer a request. The result ends the answer. */
  answer(socket: FakeSocket): () => void;
}

function held(limits: ConnectionLimits): Held {
  const server = new EventEmitter();
  const connections = new Connections(server as Server, limits);
  let port = 1024;
  const open = (address: string): FakeSocket => {
    port += 1;
    const socket = new FakeSocket(address, port);
    server.emit('connection', socket);
    return socket;
  };
  return {
    connections,
    open,
    openMany: (address, count) => Array.from({ length: count }, () => open(address)),
    answer: (socket) => {
      const response = new EventEmitter();
      server.emit('request', { socket: new FakeSocket(socket.remoteAddress, socket.remotePort) }, response);
      return () => void response.emit('close');
    },
  };
}

const alive = (sockets: readonly FakeSocket[]): number => sockets.filter(({ destroyed }) => !destroyed).length;

describe('the connections of one address', () => {
  it('are never more than its share, so that a new one replaces the longest idle one', () => {
    const { openMany, connections } = held({ most: 100, share: 4 });
    const sockets = openMany('10.0.0.7', 10);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([
      ...Array<boolean>(6).fill(true),
      false,
      false,
      false,
      false,
    ]);
    expect(connections.size).toBe(4);
  });

  it('give way in the order of their last answer', () => {
    const { open, openMany, answer } = held({ most: 100, share: 3 });
    const [first, second] = openMany('10.0.0.7', 3);
    if (first !== undefined) answer(first)();
    open('10.0.0.7');
    expect([first?.destroyed, second?.destroyed]).toEqual([false, true]);
  });

  it('continue during an answer, also beyond the share, while there is room', () => {
    const { openMany, open, answer, connections } = held({ most: 6, share: 2 });
    const sockets: FakeSocket[] = [];
    for (let count = 0; count < 5; count += 1) {
      const socket = open('10.0.0.7');
      answer(socket);
      sockets.push(socket);
    }
    expect(alive(sockets)).toBe(5);
    const idle = openMany('10.0.0.7', 3);
    expect(idle.map(({ destroyed }) => destroyed)).toEqual([true, true, false]);
    expect(connections.size).toBe(6);
  });

  it('count as one, written as IPv4 or as IPv4 within IPv6', () => {
    const { open, connections } = held({ most: 100, share: 2 });
    for (const address of ['10.0.0.7', '::ffff:10.0.0.7', '::FFFF:10.0.0.7']) open(address);
    expect(connections.size).toBe(2);
  });

  it('cost no other address a connection', () => {
    const { openMany } = held({ most: 100, share: 4 });
    const others = ['10.0.0.1', '10.0.0.2', 'fd00::1'].flatMap((address) => openMany(address, 4));
    openMany('10.0.0.7', 4000);
    expect(alive(others)).toBe(12);
  });
});

describe('a server that is full', () => {
  const addresses = (network: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${network}${index + 1}`);

  it('ends a connection of the address that holds most', () => {
    const { open, openMany, connections } = held({ most: 10, share: 8 });
    const few = openMany('10.0.0.1', 2);
    const many = openMany('10.0.0.7', 8);
    const fresh = open('10.0.0.2');
    expect([alive(few), alive(many), alive([fresh])]).toEqual([2, 7, 1]);
    expect(many[0]?.destroyed).toBe(true);
    expect(connections.size).toBe(10);
  });

  it('lets no network that has many addresses take the place of another', () => {
    const { open, openMany, connections } = held({ most: 50, share: 4 });
    const clients = addresses('fd00:0:0:1::', 10).flatMap((address) => openMany(address, 1));
    for (const address of addresses('fd00:0:0:2::', 500)) open(address);
    expect(alive(clients)).toBe(clients.length);
    const fresh = open('fd00:0:0:3::1');
    expect(fresh.destroyed).toBe(false);
    expect(alive(clients)).toBe(clients.length);
    expect(connections.size).toBe(50);
  });

  it('lets an address with many connections take none from its neighbors in the network', () => {
    const { openMany } = held({ most: 20, share: 15 });
    const neighbors = addresses('fd00:0:0:1::', 10).flatMap((address) => openMany(address, 1));
    openMany('fd00:0:0:1::ffff', 500);
    expect(alive(neighbors)).toBe(10);
  });

  it('rejects a new connection if others hold less and everything else is being answered', () => {
    const { open, openMany, answer } = held({ most: 4, share: 4 });
    const [idle] = openMany('10.0.0.1', 1);
    for (const socket of openMany('10.0.0.7', 3)) answer(socket);
    expect(open('10.0.0.7').destroyed).toBe(true);
    expect(idle?.destroyed).toBe(false);
  });

  it('ends an answer only to an address above its share, for one below', () => {
    const { open, answer, connections } = held({ most: 6, share: 2 });
    const greedy = Array.from({ length: 6 }, () => {
      const socket = open('10.0.0.7');
      answer(socket);
      return socket;
    });
    const fresh = open('10.0.0.1');
    expect([alive(greedy), fresh.destroyed]).toEqual([5, false]);
    expect(open('10.0.0.7').destroyed).toBe(true);
    expect(connections.size).toBe(6);
  });

  it('ends no answer if no address is above its share', () => {
    const { open, openMany, answer } = held({ most: 4, share: 2 });
    const busy = [...openMany('10.0.0.1', 2), ...openMany('10.0.0.2', 2)];
    for (const socket of busy) answer(socket);
    expect(open('10.0.0.3').destroyed).toBe(true);
    expect(alive(busy)).toBe(4);
  });
});

describe('connections of a real server', () => {
  it('stay within the limits, which no option of the server does for them', async () => {
    const app = createListener(undefined);
    app.get('/', (_request, reply) => reply.send('ok'));
    const connections = new Connections(app.server, { most: 20, share: 5 });
    const { port } = new URL(await listen(app, { host: '127.0.0.1', port: 0 }, '--listen'));
    const flood: Socket[] = [];
    try {
      for (let count = 0; count < 200; count += 1) {
        const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: '127.0.0.2' });
        socket.on('error', () => undefined);
        flood.push(socket.resume());
        await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
      }
      await until('The end of those that are too many', () => flood.filter(({ closed }) => !closed).length === 5, 5000);
      expect(connections.size).toBe(5);
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
      expect(flood.filter(({ closed }) => !closed)).toHaveLength(5);
    } finally {
      for (const socket of flood) socket.destroy();
      await app.close();
    }
  });
});
