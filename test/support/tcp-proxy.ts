import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What becomes of connections. `refuse`: nothing listens. `hang`: they are accepted, and nothing goes through before
 * the mode is `pass` again. `drip`: a byte of the answer at a time. `reset`: they break at the first byte of a request.
 * `half-close`: at the first byte of a request the proxy says that it has nothing more to say, and goes on listening.
 */
export type ProxyMode = 'pass' | 'refuse' | 'hang' | 'drip' | 'reset' | 'half-close';

export interface TcpProxy {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** The data that clients sent through the proxy, one text per connection. */
  readonly requests: readonly string[];
  /** The numbers of connections so far, and of open ones. */
  readonly connections: { opened: number; readonly open: ReadonlySet<Socket> };
  /** Sets the mode. Resolves when it is in force, also for open connections. */
  set(mode: ProxyMode): Promise<void>;
  stop(): Promise<void>;
}

const DRIP_EVERY = 100;

/** Starts a proxy on loopback between a client and a server, which misbehaves according to its mode. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const proxy = new Proxy(target);
  await proxy.listen(0);
  return proxy;
}

class Proxy implements TcpProxy {
  readonly requests: string[] = [];
  readonly #open = new Set<Socket>();
  readonly connections = { opened: 0, open: this.#open };
  readonly #target: number;
  readonly #resume = new Set<() => void>();
  #mode: ProxyMode = 'pass';
  #server: Server | undefined;
  #port = 0;

  constructor(target: number) {
    this.#target = target;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async listen(port: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server = server;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
  }

  async set(mode: ProxyMode): Promise<void> {
    this.#mode = mode;
    if (mode === 'refuse') return this.stop();
    if (this.#server === undefined) await this.listen(this.#port);
    if (mode === 'pass') for (const resume of Array.from(this.#resume)) resume();
    return undefined;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.connections.opened += 1;
    this.#open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#open.delete(socket));
    if (this.#mode === 'reset') this.#note(socket).once('data', () => socket.resetAndDestroy());
    else if (this.#mode === 'half-close') this.#note(socket).once('data', () => socket.end());
    else if (this.#mode === 'hang') this.#hold(socket);
    else this.#connect(socket);
  }

  /** Keeps what the client sends. */
  #note(client: Socket): Socket {
    const index = this.requests.push('') - 1;
    return client.on('data', (part) => {
      this.requests[index] += part.toString('latin1');
    });
  }

  /** Reads in the meantime, because otherwise it would not notice that the other side has closed. */
  #hold(socket: Socket): void {
    const held: Buffer[] = [];
    const keep = (part: Buffer): void => void held.push(part);
    const leave = (): void => void socket.destroy();
    const resume = (): void => {
      this.#resume.delete(resume);
      socket.off('data', keep).off('end', leave);
      this.#connect(socket, Buffer.concat(held));
    };
    this.#resume.add(resume);
    socket.on('data', keep).on('end', leave);
    socket.on('close', () => this.#resume.delete(resume));
  }

  #connect(client: Socket, first = Buffer.alloc(0)): void {
    if (client.destroyed) return;
    const server = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true });
    server.on('error', () => client.destroy());
    server.on('close', () => client.destroySoon());
    client.on('close', () => server.destroy());
    const index = this.requests.length;
    this.#note(client);
    this.requests[index] = first.toString('latin1');
    server.write(first);
    client.pipe(server);
    if (this.#mode === 'drip') drip(server, client);
    else server.pipe(client);
  }
}

function drip(from: Socket, to: Socket): void {
  const waiting: number[] = [];
  from.on('data', (part: Buffer) => waiting.push(...part));
  const timer = setInterval(() => {
    const byte = waiting.shift();
    if (byte !== undefined && to.writable) to.write(Buffer.of(byte));
  }, DRIP_EVERY);
  to.on('close', () => clearInterval(timer));
}
