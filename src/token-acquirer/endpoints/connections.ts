import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf, plainAddress } from '../../core/remote-address.ts';

/** How many connections a server holds. What is too many ends as soon as one more is made. */
export interface ConnectionLimits {
  readonly most: number;
  /** Of one remote address. Connections that are being answered may exceed it while there is room. */
  readonly share: number;
}

interface Connection {
  readonly socket: Socket;
  readonly address: string;
  readonly network: string;
  /** Requests that are being answered on it. */
  answering: number;
}

/** How much an address and its network hold: the network counts first. */
type Weight = readonly [network: number, address: number];

/**
 * The connections of a server, and what is being answered on them. A new connection is always served where that is
 * possible: it takes the place of the longest idle one, of its own address first. No address can take the place of
 * another that holds fewer, so a flood costs nobody else a connection.
 */
export class Connections {
  readonly #limits: ConnectionLimits;
  /** The longest idle first. */
  readonly #open = new Set<Connection>();
  readonly #byPeer = new Map<string, Connection>();
  readonly #addresses = new Counts();
  readonly #networks = new Counts();
  #answering = 0;
  #quiet: (() => void)[] = [];
  #cut = false;

  constructor(server: Server, limits: ConnectionLimits) {
    this.#limits = limits;
    server.on('connection', (socket: Socket) => this.#opened(socket));
    server.on('request', ({ socket }, response) => {
      const connection = this.#byPeer.get(peerOf(socket));
      this.#answering += 1;
      if (connection !== undefined) connection.answering += 1;
      response.once('close', () => {
        this.#answering -= 1;
        if (connection !== undefined) this.#answered(connection);
        if (this.#answering === 0) for (const resolve of this.#quiet.splice(0)) resolve();
      });
    });
  }

  get size(): number {
    return this.#open.size;
  }

  /** Resolves as soon as nothing is being answered. */
  async quiet(): Promise<void> {
    if (this.#answering > 0) await new Promise<void>((resolve) => this.#quiet.push(resolve));
  }

  /** Ends all connections, and each one that is made from now on. */
  cut(): void {
    this.#cut = true;
    for (const { socket } of this.#open) socket.destroy();
  }

  /** With TLS this is the socket below it, so that a connection counts from before its handshake. */
  #opened(socket: Socket): void {
    if (this.#cut) {
      socket.destroy();
      return;
    }
    const address = plainAddress(socket.remoteAddress);
    const connection: Connection = { socket, address, network: networkOf(address), answering: 0 };
    const peer = peerOf(socket);
    this.#open.add(connection);
    this.#byPeer.set(peer, connection);
    this.#addresses.add(connection.address, 1);
    this.#networks.add(connection.network, 1);
    socket.once('close', () => {
      this.#forget(connection);
      if (this.#byPeer.get(peer) === connection) this.#byPeer.delete(peer);
    });
    const last = this.#oneTooMany(connection);
    if (last === undefined) return;
    // The event `close` comes later, and further connections may come before it.
    this.#forget(last);
    last.socket.destroy();
  }

  #forget(connection: Connection): void {
    if (!this.#open.delete(connection)) return;
    this.#addresses.add(connection.address, -1);
    this.#networks.add(connection.network, -1);
  }

  #answered(connection: Connection): void {
    connection.answering -= 1;
    if (connection.answering > 0 || !this.#open.delete(connection)) return;
    this.#open.add(connection);
  }

  /** The connection that has to end because this one was made: it may be this one. */
  #oneTooMany(made: Connection): Connection | undefined {
    const { most, share } = this.#limits;
    const isIdle = ({ answering }: Connection): boolean => answering === 0;
    const beyondShare = this.#addresses.of(made.address) > share;
    if (beyondShare) {
      const own = this.#heaviest(made, (other) => isIdle(other) && other.address === made.address);
      if (own !== undefined) return own;
    }
    if (this.#open.size <= most) return undefined;
    const idle = this.#heaviest(made, isIdle);
    if (idle !== undefined && compared(this.#weightOf(idle), this.#weightOf(made)) >= 0) return idle;
    if (beyondShare) return made;
    // All that is left is being answered: an address that holds more than its share gives way.
    return this.#heaviest(made, ({ address }) => this.#addresses.of(address) > share) ?? made;
  }

  #weightOf({ network, address }: Connection): Weight {
    return [this.#networks.of(network), this.#addresses.of(address)];
  }

  /** Of those that may go, other than `made`, the longest idle one of the address that holds most. */
  #heaviest(made: Connection, mayGo: (connection: Connection) => boolean): Connection | undefined {
    let heaviest: Connection | undefined;
    let weight: Weight = [0, 0];
    for (const other of this.#open) {
      if (other === made || !mayGo(other) || compared(this.#weightOf(other), weight) <= 0) continue;
      heaviest = other;
      weight = this.#weightOf(other);
    }
    return heaviest;
  }
}

class Counts {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, more: number): void {
    const count = this.of(key) + more;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}

function compared(one: Weight, other: Weight): number {
  return one[0] - other[0] || one[1] - other[1];
}

/** The same for a TLS socket and for the one below it. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
