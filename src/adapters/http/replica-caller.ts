import { Agent, type ClientRequest, type ClientRequestArgs, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemCode } from '../../core/errors.ts';
import { type Ms, sha256 } from '../../core/token.ts';
import type {
  ReplicaAnswer,
  ReplicaCall,
  ReplicaCaller,
  ReplicaPlace,
  ReplicaTrust,
} from '../../ports/replica-caller.ts';
import { checkedResolve, type Resolve, resolveBySystem } from './addresses.ts';
import { CallTurns } from './call-turns.ts';
import type { OpenSocket } from './connection-attempts.ts';
import { handOver, type Opened } from './kept-connections.ts';
import { type Destination, directly, openConnection } from './open-connection.ts';
import { parseReplicaAddress } from './replica-address.ts';

export interface ReplicaCallerOptions {
  /** Asked at each call; `undefined` while nothing is known that they can be trusted by. */
  readonly trust: () => ReplicaTrust | undefined;
  /** The port of the Services. */
  readonly port: number;
  /** How long a replica may take to show that it is alive; 500 ms by default. */
  readonly aliveWithin?: Ms;
  readonly resolve?: Resolve;
  readonly openSocket?: OpenSocket;
}

/** How long a replica may take to show that it is alive, which needs some milliseconds; and twice as long to connect. */
const ALIVE_WITHIN = 500;
/** The last part of that time begins when the rest is over, so that events which came while this process hung are seen first. */
const LAST_LOOK = 100;
/** Calls of one replica together, and of those the calls with one path: 1,000 reports of one token must not delay another token. */
const LIMITS = { together: 256, alike: 16 } as const;
/** Handshakes together: many would take so long that none is in time. */
const OPENED_TOGETHER = { together: 4, alike: 4 } as const;
/** Addresses change with each pod. */
const MOST_PLACES = 16;

/**
 * Calls other replicas over connections that are kept. Each request, one without content too, expects `100 Continue`, which
 * distinguishes a replica that is busy with the call from one that hangs.
 */
export function createReplicaCaller({ aliveWithin = ALIVE_WITHIN, ...options }: ReplicaCallerOptions): ReplicaCaller {
  const known = new Map<string, Replica>();
  const resolve = checkedResolve(options.resolve ?? resolveBySystem, { loopbackOnly: false });
  const openTransport = directly({ resolve, openSocket: options.openSocket });

  function replicaAt(place: ReplicaPlace): Replica | string {
    const trust = options.trust();
    if (trust === undefined) return 'the CA of the reissue endpoint is not known yet';
    const { ca, serverName, plain } = trust;
    const at = place.kind === 'service' ? { host: place.name, port: options.port } : addressIn(place.address, plain);
    if (at === undefined) return 'the Lease names an address that no replica can have';
    const key = `${at.host} ${at.port} ${serverName} ${sha256(ca ?? '')}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const destination: Destination = { ...at, ...(!plain && { tls: { ca, servername: serverName } }) };
    const open = (signal: AbortSignal): Promise<Duplex> => openConnection(destination, signal, openTransport);
    const made = new Replica(serverName, open, aliveWithin);
    known.set(key, made);
    for (const [old, replica] of [...known].slice(0, -MOST_PLACES)) {
      known.delete(old);
      replica.close();
    }
    return made;
  }

  return {
    async call(place, call) {
      const replica = replicaAt(place);
      return typeof replica === 'string' ? silent(replica) : replica.call(call);
    },
    close() {
      for (const replica of known.values()) replica.close();
    },
  };
}

function addressIn(address: string, plain: boolean) {
  return parseReplicaAddress(address, { loopback: plain });
}

class Replica {
  readonly #host: string;
  readonly #connections: ReplicaConnections;
  readonly #aliveWithin: Ms;
  readonly #turns = new CallTurns(LIMITS);

  constructor(host: string, open: (signal: AbortSignal) => Promise<Duplex>, aliveWithin: Ms) {
    this.#host = host;
    this.#connections = new ReplicaConnections(open, 2 * aliveWithin);
    this.#aliveWithin = aliveWithin;
  }

  async call(call: ReplicaCall): Promise<ReplicaAnswer> {
    const release = await this.#turns.take(call.path);
    try {
      const first = await this.#attempt(call);
      // A kept connection may have been closed by the other side at that moment, before it read anything.
      return first === 'closed-before' ? asSilent(await this.#attempt(call)) : first;
    } finally {
      release();
    }
  }

  close(): void {
    this.#connections.destroy();
  }

  #attempt(call: ReplicaCall): Promise<ReplicaAnswer | 'closed-before'> {
    if (call.signal?.aborted === true) return Promise.resolve(silent('the call was given up'));
    return new Attempt(call, this.#connections, { host: this.#host, aliveWithin: this.#aliveWithin }).run();
  }
}

/** node:http opens and keeps the connections. Each is verified before it is used. */
class ReplicaConnections extends Agent {
  readonly #open: (signal: AbortSignal) => Promise<Duplex>;
  readonly #openWithin: Ms;
  readonly #turns = new CallTurns(OPENED_TOGETHER);

  constructor(open: (signal: AbortSignal) => Promise<Duplex>, openWithin: Ms) {
    super({ keepAlive: true, maxFreeSockets: LIMITS.alike });
    this.#open = open;
    this.#openWithin = openWithin;
  }

  override createConnection(_options: ClientRequestArgs, callback?: Opened): undefined {
    handOver(this.#opened(), callback);
    return undefined;
  }

  async #opened(): Promise<Duplex> {
    const release = await this.#turns.take('');
    const late = new AbortController();
    const stop = after(this.#openWithin, () => late.abort(new LateError()));
    try {
      return await this.#open(late.signal);
    } finally {
      stop();
      release();
    }
  }
}

/** A connection was not open in time. */
class LateError extends Error {
  readonly code = 'ETIMEDOUT';
}

/** Calls back when a replica should have shown something. The result stops that. */
function after(time: Ms, callback: () => void): () => void {
  let timer = setTimeout(() => {
    timer = setTimeout(callback, LAST_LOOK);
  }, time - LAST_LOOK);
  return () => clearTimeout(timer);
}

class Attempt {
  readonly #call: ReplicaCall;
  readonly #outcome = Promise.withResolvers<ReplicaAnswer | 'closed-before'>();
  readonly #request: ClientRequest;
  readonly #aliveWithin: Ms;
  #isAlive = false;
  #stopWaiting: () => void = () => undefined;

  constructor(call: ReplicaCall, agent: Agent, { host, aliveWithin }: { host: string; aliveWithin: Ms }) {
    this.#call = call;
    this.#aliveWithin = aliveWithin;
    const { method, path, bearer, body, signal } = call;
    const headers = {
      ...call.headers,
      host,
      expect: '100-continue',
      'accept-encoding': 'identity',
      authorization: `Bearer ${bearer.reveal()}`,
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    this.#request = request({ method, path, headers, agent, signal })
      .once('socket', () => this.#awaitAlive())
      .on('continue', () => this.#continue(body))
      .on('response', (response) => void this.#receive(response))
      .on('error', (error) => this.#broken(error));
    if (body === undefined) this.#request.end();
  }

  async run(): Promise<ReplicaAnswer | 'closed-before'> {
    try {
      return await this.#outcome.promise;
    } finally {
      this.#stopWaiting();
    }
  }

  #awaitAlive(): void {
    if (this.#isAlive) return;
    this.#stopWaiting = after(this.#aliveWithin, () => this.#end('it did not show in time that it is alive'));
  }

  #continue(body: string | undefined): void {
    this.#showAlive();
    if (body !== undefined) this.#request.end(body);
  }

  #showAlive(): void {
    if (this.#isAlive) return;
    this.#isAlive = true;
    this.#stopWaiting();
    const timer = setTimeout(() => this.#end('its answer took too long'), this.#call.timeout);
    this.#stopWaiting = () => clearTimeout(timer);
  }

  async #receive(response: IncomingMessage): Promise<void> {
    this.#showAlive();
    const { statusCode: status = 0, headersDistinct } = response;
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > this.#call.bodyLimit) return this.#end('its answer is too long');
        chunks.push(chunk);
      }
    } catch (error) {
      return this.#broken(error);
    }
    // Without its body the request cannot be followed by another on this connection.
    if (!this.#request.writableEnded) this.#request.destroy();
    const headers = Object.entries(headersDistinct).map(([name, values = []]) => [name, values.join(', ')] as const);
    this.#outcome.resolve({
      kind: 'answered',
      status,
      headers: Object.fromEntries(headers),
      body: Buffer.concat(chunks),
    });
    return undefined;
  }

  #broken(error: unknown): void {
    if (this.#request.reusedSocket && !this.#isAlive && this.#call.signal?.aborted !== true)
      this.#outcome.resolve('closed-before');
    else this.#end(`the connection failed (${systemCode(error) ?? 'UNKNOWN'})`);
  }

  #end(why: string): void {
    this.#outcome.resolve(silent(why));
    this.#request.destroy();
  }
}

function asSilent(answer: ReplicaAnswer | 'closed-before'): ReplicaAnswer {
  return answer === 'closed-before' ? silent('the connection was closed') : answer;
}

function silent(why: string): ReplicaAnswer {
  return { kind: 'silent', why };
}
