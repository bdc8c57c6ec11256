import { connect, isIPv6, type Socket } from 'node:net';
import { systemCode } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';

/** Opens a connection to one address. */
export type OpenSocket = (address: string, port: number) => Socket;

export interface AttemptOptions {
  readonly port: number;
  /** Ends all attempts. */
  readonly signal: AbortSignal;
  /** By default a TCP connection. */
  readonly openSocket?: OpenSocket | undefined;
}

/** No address of a host could be connected to. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
  /** Of the first address. */
  readonly code: string;

  constructor(failures: ReadonlyMap<string, string>) {
    const [code = 'ENOTFOUND'] = failures.values();
    const alike = new Set(failures.values()).size <= 1;
    super(alike ? code : [...failures].map(([address, reason]) => `${address}: ${reason}`).join(', '));
    this.code = code;
  }
}

/** The Connection Attempt Delay of RFC 8305 section 5. */
const NEXT_ATTEMPT: Ms = 250;

/**
 * Connects to the first of a host's addresses that answers (RFC 8305 sections 4 and 5, "Happy Eyeballs"). The next
 * attempt begins 250 ms after the one before it, or when that one fails; no attempt ends another except by success.
 * Node's own `autoSelectFamily` ends an attempt when the next one begins, so a slow first address is never reached.
 *
 * Rejects with UnreachableError, or with the signal's reason.
 */
export function connectToAny(addresses: readonly string[], options: AttemptOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    new Attempts(interleaved(addresses), options, { resolve, reject }).begin();
  });
}

/** Returns each address once, and the families in turn, so that one that is broken costs 250 ms. */
export function interleaved(addresses: readonly string[]): readonly string[] {
  const unique = [...new Set(addresses)];
  const [first = ''] = unique;
  const preferred = unique.filter((address) => isIPv6(address) === isIPv6(first));
  const other = unique.filter((address) => isIPv6(address) !== isIPv6(first));
  const turns = Math.max(preferred.length, other.length);
  return Array.from({ length: turns }, (_, turn) => [
    ...preferred.slice(turn, turn + 1),
    ...other.slice(turn, turn + 1),
  ]).flat();
}

interface Outcome {
  readonly resolve: (socket: Socket) => void;
  readonly reject: (error: unknown) => void;
}

class Attempts {
  readonly #addresses: readonly string[];
  readonly #options: AttemptOptions;
  readonly #outcome: Outcome;
  readonly #sockets = new Set<Socket>();
  readonly #failures = new Map<string, string>();
  readonly #cancel = (): void => this.#fail(this.#options.signal.reason);
  #begun = 0;
  #next: NodeJS.Timeout | undefined;

  constructor(addresses: readonly string[], options: AttemptOptions, outcome: Outcome) {
    this.#addresses = addresses;
    this.#options = options;
    this.#outcome = outcome;
  }

  begin(): void {
    const { signal } = this.#options;
    if (signal.aborted) return this.#cancel();
    signal.addEventListener('abort', this.#cancel, { once: true });
    return this.#attempt();
  }

  #attempt(): void {
    clearTimeout(this.#next);
    const address = this.#addresses[this.#begun];
    if (address === undefined) {
      if (this.#sockets.size === 0) this.#fail(new UnreachableError(this.#inOrder()));
      return;
    }
    this.#begun += 1;
    if (this.#begun < this.#addresses.length) this.#next = setTimeout(() => this.#attempt(), NEXT_ATTEMPT);
    const { port, openSocket = openTcp } = this.#options;
    const socket = openSocket(address, port);
    this.#sockets.add(socket);
    // The listener stays: an error of a socket that nobody waits for any more would end the process.
    socket.on('error', (error) => this.#failed(socket, address, error)).once('connect', () => this.#succeed(socket));
  }

  #failed(socket: Socket, address: string, error: Error): void {
    if (!this.#sockets.delete(socket)) return;
    this.#failures.set(address, systemCode(error) ?? 'UNKNOWN');
    this.#attempt();
  }

  #succeed(socket: Socket): void {
    if (!this.#sockets.delete(socket)) return;
    this.#end();
    this.#outcome.resolve(socket);
  }

  #fail(error: unknown): void {
    this.#end();
    this.#outcome.reject(error);
  }

  #end(): void {
    clearTimeout(this.#next);
    this.#options.signal.removeEventListener('abort', this.#cancel);
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** The failures in the order of the addresses, not of time. */
  #inOrder(): ReadonlyMap<string, string> {
    return new Map(this.#addresses.map((address) => [address, this.#failures.get(address) ?? 'UNKNOWN']));
  }
}

function openTcp(address: string, port: number): Socket {
  return connect({ host: address, port });
}
