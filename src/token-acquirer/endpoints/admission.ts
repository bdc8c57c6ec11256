import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { messageOf, StoreError } from '../../core/errors.ts';
import type { CallFacts } from '../../core/events.ts';
import { Redacted } from '../../core/redacted.ts';
import type { Ms, TokenIdentity } from '../../core/token.ts';
import type { Caller, CallerAuthenticator } from '../../ports/caller-authenticator.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Acquirer, Acquisition } from '../token/acquirer.ts';
import type { TokenSpecification } from '../token/specification.ts';
import { type Manner, OWNER } from '../token/stand-in.ts';
import type { Admission } from '../token/token-requests.ts';
import type { Calls } from './calls.ts';
import { type Forwarding, sendNoLeader } from './forwarding.ts';
import type { KeptBodies } from './kept-bodies.ts';
import { pathOf } from './listener.ts';
import { sendProblem } from './problem.ts';

export const TOKEN_PATH = '/v1/namespaces/:namespace/secrets/:secret/tokens/:name';

/** As many digits as the status shows are enough. */
export const rejectedSha256 = z.string().regex(/^(?:[0-9a-f]{8}|[0-9a-f]{64})$/);

export interface RoutesDependencies {
  readonly acquirer: Acquirer;
  readonly callers: CallerAuthenticator;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly calls: Calls;
  /** Left out: there is only this replica. */
  readonly forwarding?: Forwarding | undefined;
}

/** Who calls, and for what: settled before the body is read. */
export interface Admitted {
  readonly caller: Caller;
  readonly bearer: Redacted;
  readonly call: CallFacts;
  readonly identity: TokenIdentity;
  readonly specification: TokenSpecification;
  /** `undefined` for a token that another shard owns. */
  readonly acquisition: Acquisition | undefined;
}

/** What the routes share. */
export interface RouteDependencies extends RoutesDependencies {
  readonly admitted: WeakMap<FastifyRequest, Admitted>;
  readonly countStart: CountStart;
  readonly bodies: KeptBodies;
}

/** What a caller may do: get the token, or report that it was rejected. */
export type Role = 'client' | 'reporter';

interface Admitting extends RoutesDependencies {
  readonly warn: (message: string) => void;
  readonly role: Role;
}

/** Counts a call in the bucket of its caller. */
export type CountStart = (
  request: FastifyRequest,
) => Promise<
  { readonly isAllowed: true } | { readonly isAllowed: false; readonly isExceeded: boolean; readonly ttl: Ms }
>;

const UNCHECKED = 'The API server cannot be asked who calls; ask again.';

/** Finds out who calls for which token, and answers where the caller may not. */
export async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  { acquirer, callers, telemetry, calls, warn, role }: Admitting,
): Promise<Admitted | undefined> {
  const bearer = bearerOf(request);
  let caller: Caller | undefined;
  try {
    caller = bearer && (await callers.authenticate(bearer));
  } catch (error) {
    // Nobody is let in whom nobody has checked.
    if (!(error instanceof StoreError)) throw error;
    warn(messageOf(error));
    telemetry.process({ kind: 'call-refused', status: 503, path: pathOf(request), call: calls.of(request) });
    await sendProblem(reply, { status: 503, detail: UNCHECKED, code: 'callers_unavailable', retryAfter: 1000 });
    return undefined;
  }
  if (bearer === undefined || caller === undefined) {
    telemetry.process({ kind: 'call-refused', status: 401, path: pathOf(request), call: calls.of(request) });
    await sendProblem(reply, { status: 401, detail: "Send the caller's own token as Authorization: Bearer." });
    return undefined;
  }
  const call = calls.identify(request, caller);
  const asked = request.params as TokenIdentity;
  const acquisition = acquirer.find(asked);
  const specification = acquisition?.cycle.specification ?? acquirer.elsewhere(asked);
  const found = specification && {
    caller,
    bearer,
    call,
    identity: specification.identity,
    specification,
    acquisition,
  };
  if (found !== undefined && isAllowed(found, { acquirer }, role)) return found;
  await refuse(request, reply, { telemetry, calls, asked: found, role });
  return undefined;
}

/** Each pod has its own bucket. */
export function bucketOf(caller: Caller | undefined): string {
  return caller === undefined ? '' : `${caller.name} ${caller.instance ?? ''}`;
}

/** Whether the configuration in force lets this caller ask for this token. */
export function isAllowed(
  { caller, identity, acquisition }: Admitted,
  { acquirer }: Pick<RoutesDependencies, 'acquirer'>,
  role: Role,
): boolean {
  if (caller.stranger === true || acquirer.find(identity) !== acquisition) return false;
  const { clients = [], evidence } = acquisition?.cycle.specification ?? acquirer.elsewhere(identity) ?? {};
  return (role === 'client' ? clients : (evidence?.reporters ?? [])).includes(caller.name);
}

/** How a call is answered here, and from what. */
export interface Settled {
  readonly manner: Manner;
  readonly acquisition: Acquisition;
}

/** Answers the call if another replica answers it. Otherwise returns how to answer it here. `body`: as it came. */
export async function settle(
  request: FastifyRequest,
  reply: FastifyReply,
  { acquirer, forwarding }: Pick<RoutesDependencies, 'acquirer' | 'forwarding'>,
  asked: Admitted & { readonly body?: string | undefined },
): Promise<Settled | undefined> {
  const manner = forwarding === undefined ? OWNER : await forwarding.settle(request, reply, asked);
  if (manner === undefined) return undefined;
  const acquisition = asked.acquisition ?? acquirer.visit(asked.identity);
  if (acquisition !== undefined) return { manner, acquisition };
  // The configuration has just given the token to this shard.
  sendNoLeader(reply);
  return undefined;
}

/** Whole seconds until a token expires: what a client whose clock is wrong counts by. */
export function inSeconds(remaining: Ms): number {
  return Math.floor(remaining / 1000);
}

/** Counts each token request that a caller starts in its bucket. */
export function admissionOf(request: FastifyRequest, countStart: CountStart): Admission {
  return async () => {
    const limit = await countStart(request);
    return !limit.isAllowed && limit.isExceeded ? { retryAfter: limit.ttl } : undefined;
  };
}

interface Refusing extends Pick<RoutesDependencies, 'telemetry' | 'calls'> {
  /** Left out where the token is not configured. */
  readonly asked?: Admitted | undefined;
  /** Left out: a client. */
  readonly role?: Role;
}

/** Answers a call whose body has another form than `form`. */
export function refuseBody(
  request: FastifyRequest,
  reply: FastifyReply,
  { telemetry, calls, asked, form }: Refusing & { readonly form: string },
): FastifyReply {
  const identity = asked?.identity;
  telemetry.process({ kind: 'call-refused', status: 400, path: pathOf(request), call: calls.of(request), identity });
  return sendProblem(reply, { status: 400, detail: `The body must be ${form}.` });
}

/** What does not exist and what belongs to others look the same from outside. */
export function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  { telemetry, calls, asked, role }: Refusing,
): FastifyReply {
  const identity = asked?.identity;
  telemetry.process({ kind: 'call-refused', status: 403, path: pathOf(request), call: calls.of(request), identity });
  // `helm test` calls as a stranger to see the 403.
  if (asked !== undefined && role !== 'reporter' && asked.call.test !== true)
    asked.acquisition?.cycle.refused(asked.caller.name);
  return sendProblem(reply, {
    status: 403,
    detail: 'This caller may not ask for this token, or there is no such token.',
  });
}

/** Returns the bearer of a call; `undefined` for one without. */
export function bearerOf(request: FastifyRequest): Redacted | undefined {
  const match = /^Bearer +([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '');
  return match?.[1] === undefined ? undefined : new Redacted(match[1]);
}
