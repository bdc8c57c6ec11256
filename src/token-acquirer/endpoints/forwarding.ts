import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CallFacts } from '../../core/events.ts';
import { FORWARDED_BY_HEADER, FORWARDED_TO_HEADER, forwardedTo } from '../../core/forwarded-call.ts';
import type { Redacted } from '../../core/redacted.ts';
import { decideReissueRoute, type ForwardedTo, type ReissueRoute } from '../../core/reissue-route.ts';
import { TEST_HEADER } from '../../core/test-call.ts';
import type { Ms, TokenIdentity } from '../../core/token.ts';
import { formatTraceparent, TRACE_HEADER } from '../../core/trace-context.ts';
import type { ReplicaAnswer, ReplicaCaller, ReplicaPlace } from '../../ports/replica-caller.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Leader, Leadership } from '../leadership/leadership.ts';
import type { TokenSpecification } from '../token/specification.ts';
import type { Manner } from '../token/stand-in.ts';
import { sendProblem } from './problem.ts';

/** The shard of this replica, and where the replicas of the others are. */
export interface ShardPlaces {
  readonly own: number;
  /** Returns the shard that still works on a token of this one. */
  formerOwnerOf(identity: TokenIdentity): number | undefined;
  placeOf(shard: number): ReplicaPlace;
}

export interface ForwardingDependencies {
  readonly leadership: Leadership;
  /** `undefined` where no other replica can be reached. */
  readonly replicas: ReplicaCaller | undefined;
  readonly shards: ShardPlaces;
  /** The name of this pod. */
  readonly pod: string;
  readonly telemetry: Pick<Telemetry, 'process'>;
}

/** A call of an admitted caller. */
export interface Forwardable {
  readonly identity: TokenIdentity;
  readonly specification: Pick<TokenSpecification, 'rotates' | 'delivery' | 'shard'>;
  readonly call: CallFacts;
  readonly bearer: Redacted;
  /** As it came. */
  readonly body?: string | undefined;
}

/** As for a token request, and the time that a store has to answer. */
const ANSWER_WITHIN: Ms = 15_000;
const LONGEST_ANSWER = 64 * 1024;
const AGAIN: Ms = 5000;
/** Of the answer of a replica. Another header would be about its connection. */
const KEPT_HEADERS = ['content-type', 'retry-after', 'cache-control', 'www-authenticate', 'x-request-id'] as const;
/** The leader may have changed since the first attempt. */
const LEADERS_TRIED = 2;

export const LEADER_UNAVAILABLE =
  'The replica that leads does not answer, and no other one may request this token. Another one takes over within a minute.';
const SHARD_UNAVAILABLE = 'No replica of the shard that owns this token answers; ask again.';
const MISDIRECTED = 'This replica does not lead. Answer the call there, where it came from.';

/** Finds the replica that answers a call, and forwards the call to it. */
export class Forwarding {
  readonly #dependencies: ForwardingDependencies;
  /** Ends the calls that wait for a leader that hangs. */
  readonly #waiting = new Map<string, AbortController>();

  constructor(dependencies: ForwardingDependencies) {
    this.#dependencies = dependencies;
  }

  /** Answers the call if it is not answered here. Otherwise returns how to answer it. */
  async settle(request: FastifyRequest, reply: FastifyReply, asked: Forwardable): Promise<Manner | undefined> {
    let isShardSilent = false;
    for (let tried = 0; ; tried += 1) {
      const leader = tried < LEADERS_TRIED ? this.#dependencies.leadership.leader : undefined;
      const route = this.#decide(request, asked, { leader, isShardSilent });
      if (route.kind === 'owner') return { standsIn: false, mayRequest: route.mayRequest };
      if (route.kind === 'stand-in') return { standsIn: true, mayRequest: route.mayRequest };
      if (route.kind !== 'forward') {
        reject(reply, route);
        return undefined;
      }
      const answer = await this.#forward(request, asked, { route, leader });
      if (answer !== undefined) {
        send(reply, answer);
        return undefined;
      }
      isShardSilent = route.to === 'shard';
    }
  }

  #decide(
    request: FastifyRequest,
    { identity, specification }: Forwardable,
    { leader, isShardSilent }: { leader: Leader | undefined; isShardSilent: boolean },
  ): ReissueRoute {
    const { leadership, replicas, shards } = this.#dependencies;
    return decideReissueRoute({
      role: leadership.role,
      leader: leader !== undefined && replicas !== undefined,
      ownShard: shards.own,
      shard: shards.formerOwnerOf(identity) ?? specification.shard,
      isShardSilent,
      forwardedTo: forwardedTo(request.headers),
      rotates: specification.rotates,
      delivery: specification.delivery,
    });
  }

  /** Returns the answer; `undefined` where the other replica gave none that counts. */
  async #forward(
    request: FastifyRequest,
    asked: Forwardable,
    { route, leader }: { route: ReissueRoute & { kind: 'forward' }; leader: Leader | undefined },
  ): Promise<Given | undefined> {
    const { replicas, shards, telemetry } = this.#dependencies;
    const place: ReplicaPlace | undefined =
      route.to === 'shard' ? shards.placeOf(route.shard) : leader && { kind: 'address', address: leader.address };
    if (place === undefined || replicas === undefined) return undefined;
    const waiting = leader === undefined || route.to === 'shard' ? undefined : this.#waitingFor(leader);
    const answer = await replicas.call(place, this.#callOf(request, asked, { to: route.to, signal: waiting?.signal }));
    const given = counted(answer);
    const { identity, call } = asked;
    const result = given === undefined ? 'unanswered' : 'answered';
    telemetry.process({ kind: 'call-forwarded', identity, call, to: route.to, result, status: given?.status });
    if (given === undefined && route.to === 'leader' && leader !== undefined) this.#doubt(leader, whyOf(answer));
    return given;
  }

  #callOf(request: FastifyRequest, { bearer, body, call }: Forwardable, { to, signal }: Step) {
    const headers = {
      [FORWARDED_TO_HEADER]: to,
      [FORWARDED_BY_HEADER]: this.#dependencies.pod,
      ...(call.test === true && { [TEST_HEADER]: String(request.headers[TEST_HEADER]) }),
      ...(call.trace !== undefined && { [TRACE_HEADER]: formatTraceparent(call.trace) }),
    };
    const method = request.method === 'POST' ? 'POST' : 'GET';
    return {
      method,
      path: request.url,
      bearer,
      headers,
      body,
      bodyLimit: LONGEST_ANSWER,
      timeout: ANSWER_WITHIN,
      signal,
    } as const;
  }

  #waitingFor({ address }: Leader): AbortController {
    const waiting = this.#waiting.get(address) ?? new AbortController();
    this.#waiting.set(address, waiting);
    return waiting;
  }

  /** What one call shows counts for all that wait for this leader. */
  #doubt(leader: Leader, why: string): void {
    const { leadership, telemetry } = this.#dependencies;
    const isNews = leadership.leader?.address === leader.address;
    leadership.doubt(leader);
    this.#waiting.get(leader.address)?.abort();
    this.#waiting.delete(leader.address);
    if (!isNews) return;
    const message = `The leader ${leader.pod} at ${leader.address} does not answer: ${why}. This replica answers instead until the leader renews its Lease.`;
    telemetry.process({ kind: 'warning', message });
  }
}

/** Answers what only the leader knows. */
export function sendNoLeader(reply: FastifyReply, detail = LEADER_UNAVAILABLE): FastifyReply {
  return sendProblem(reply, { status: 503, detail, code: 'leader_unavailable', retryAfter: AGAIN });
}

function reject(reply: FastifyReply, route: ReissueRoute & { kind: 'misdirected' | 'unavailable' }): void {
  if (route.kind === 'misdirected') void sendProblem(reply, { status: 421, detail: MISDIRECTED, code: 'not_leader' });
  else sendNoLeader(reply, route.who === 'shard' ? SHARD_UNAVAILABLE : LEADER_UNAVAILABLE);
}

interface Step {
  readonly to: ForwardedTo;
  readonly signal: AbortSignal | undefined;
}

type Given = ReplicaAnswer & { readonly kind: 'answered' };

/** An answer counts if a token-acquirer gave it that could answer: not one that is closing, and nothing in between. */
function counted(answer: ReplicaAnswer): Given | undefined {
  if (answer.kind !== 'answered' || answer.status === 421) return undefined;
  return answer.headers['x-request-id'] === undefined ? undefined : answer;
}

function whyOf(answer: ReplicaAnswer): string {
  return answer.kind === 'silent' ? answer.why : `it answered HTTP ${answer.status}`;
}

function send(reply: FastifyReply, { status, headers, body }: Given): void {
  for (const name of KEPT_HEADERS) {
    const value = headers[name];
    if (value !== undefined) void reply.header(name, value);
  }
  void reply.code(status).send(body);
}
