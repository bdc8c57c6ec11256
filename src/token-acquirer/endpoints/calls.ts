import type { FastifyRequest } from 'fastify';
import type { CallFacts } from '../../core/events.ts';
import { forwardedBy } from '../../core/forwarded-call.ts';
import { plainAddress } from '../../core/remote-address.ts';
import { TEST_HEADER, TEST_VALUE } from '../../core/test-call.ts';
import { parseTraceparent, TRACE_HEADER } from '../../core/trace-context.ts';
import type { Caller } from '../../ports/caller-authenticator.ts';

/** Who made which request, for the audit. */
export class Calls {
  readonly #facts = new WeakMap<FastifyRequest, CallFacts>();
  readonly #traces: boolean;

  /** `traces`: whether calls are known by their trace, too. Left out: they are not. */
  constructor({ traces = false }: { readonly traces?: boolean | undefined } = {}) {
    this.#traces = traces;
  }

  /** Notes who makes this request. The address is read now: a connection that has ended has none. */
  identify(request: FastifyRequest, caller: Caller): CallFacts {
    const facts = { ...this.of(request), caller: caller.name, pod: caller.instance };
    this.#facts.set(request, facts);
    return facts;
  }

  of(request: FastifyRequest): CallFacts {
    const known = this.#facts.get(request);
    if (known !== undefined) return known;
    const remote = plainAddress(request.socket.remoteAddress);
    const test = request.headers[TEST_HEADER] === TEST_VALUE;
    const by = forwardedBy(request.headers);
    const forwarded = by !== undefined && { forwardedBy: by };
    const trace = this.#traces ? parseTraceparent(request.headers[TRACE_HEADER]) : undefined;
    const traced = trace !== undefined && { trace };
    return {
      id: request.id,
      remote,
      caller: undefined,
      pod: undefined,
      ...(test && { test }),
      ...forwarded,
      ...traced,
    };
  }
}
