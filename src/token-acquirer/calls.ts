import type { FastifyRequest } from 'fastify';
import type { CallFacts } from '../core/events.ts';
import { plainAddress } from '../core/remote-address.ts';
import type { Caller } from '../ports/caller-authenticator.ts';

/** Who made which request, for the audit. */
export class Calls {
  readonly #facts = new WeakMap<FastifyRequest, CallFacts>();

  /** Notes who makes this request. The address is read now: a connection that has ended has none. */
  identify(request: FastifyRequest, caller: Caller): CallFacts {
    const facts = { ...this.of(request), caller: caller.name, pod: caller.instance };
    this.#facts.set(request, facts);
    return facts;
  }

  of(request: FastifyRequest): CallFacts {
    const known = this.#facts.get(request);
    if (known !== undefined) return known;
    return { id: request.id, remote: plainAddress(request.socket.remoteAddress), caller: undefined, pod: undefined };
  }
}
