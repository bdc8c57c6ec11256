import { Agent, type ClientRequestArgs } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Ms } from '../../core/token.ts';

/** How long a connection may be idle. Servers close idle ones after 5 s or more. */
const IDLE: Ms = 1000;
/** After which age a connection takes no further request, so that another address, certificate or CA counts soon. */
const OLDEST: Ms = 10_000;
/** Idle connections for one use. */
const MOST_IDLE = 20;

/** What a request adds for the connection that it needs. */
export interface ConnectionRequest {
  /** Connections of one use are interchangeable: of the same origin, opened with the same CAs. */
  readonly use: string;
  /** Opens another one. */
  readonly open: () => Promise<Socket>;
}

/** What an Agent calls when a connection is open, or could not be opened. */
export type Opened = (error: Error | null, socket: Duplex) => void;

/** Gives a connection to the Agent that asked for it. */
export function handOver(opening: Promise<Duplex>, callback: Opened | undefined): void {
  // The types leave out that there is no socket where there is an error.
  const opened = callback as ((error: unknown, socket?: Duplex) => void) | undefined;
  opening.then(
    (socket) => opened?.(null, socket),
    (error: unknown) => opened?.(error),
  );
}

type Options = ClientRequestArgs & Partial<ConnectionRequest>;

/** Keeps the connections of a burst of requests, to one authorization server, for the rest of the burst. */
export class KeptConnections extends Agent {
  readonly #openedAt = new WeakMap<Duplex, Ms>();
  #ca: string | undefined;
  #cas = 0;

  constructor() {
    super({ keepAlive: true, timeout: IDLE, maxFreeSockets: MOST_IDLE });
  }

  /** Returns the use of connections to this origin while these CAs are trusted. */
  useFor(origin: string, ca: string | undefined): string {
    if (ca !== this.#ca) this.#cas += 1;
    this.#ca = ca;
    return `${origin} ${this.#cas}`;
  }

  override getName({ use = '' }: Options = {}): string {
    return use;
  }

  override createConnection({ open }: Options, callback?: Opened): undefined {
    if (open !== undefined) handOver(this.#open(open), callback);
    return undefined;
  }

  async #open(open: () => Promise<Socket>): Promise<Socket> {
    const socket = await open();
    this.#openedAt.set(socket, performance.now());
    return socket;
  }

  override keepSocketAlive(socket: Duplex): boolean {
    const age = performance.now() - (this.#openedAt.get(socket) ?? Number.NEGATIVE_INFINITY);
    // The types leave out the result. Node also reads here how long the server keeps it.
    return age < OLDEST && (super.keepSocketAlive(socket) as unknown as boolean);
  }
}
