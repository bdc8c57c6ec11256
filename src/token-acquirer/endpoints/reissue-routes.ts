import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { clientConditions } from '../../core/conditions.ts';
import { messageOf, StoreError } from '../../core/errors.ts';
import type { CallFacts, ReissueEvent, ReissueResult } from '../../core/events.ts';
import { Redacted } from '../../core/redacted.ts';
import type { Token, TokenIdentity } from '../../core/token.ts';
import { headerMember } from '../../core/token-header.ts';
import { documentOf } from '../../core/token-volume.ts';
import type { Caller, CallerAuthenticator } from '../../ports/caller-authenticator.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Acquirer, Acquisition } from '../token/acquirer.ts';
import type { HeldToken } from '../token/held-token.ts';
import type { Reissue } from '../token/reissues.ts';
import type { Admission } from '../token/token-requests.ts';
import type { Calls } from './calls.ts';
import { pathOf } from './listener.ts';
import { sendProblem } from './problem.ts';
import { withoutRepetition } from './repeated-sentences.ts';
import { conditionReport } from './status-report.ts';

/** Token requests that one caller may start a minute; calls that start none are free. */
export const STARTS_A_MINUTE = 60;

const TOKEN_PATH = '/v1/namespaces/:namespace/secrets/:secret/tokens/:name';
const bodySchema = z.object({
  // As many digits as the status shows are enough.
  rejected_sha256: z.string().regex(/^(?:[0-9a-f]{8}|[0-9a-f]{64})$/),
  error: z.string().max(100).optional(),
  // What a later version may add is like nothing: the pauses are then the longer ones.
  cause: z.enum(['revoked', 'never_accepted', 'expired']).optional().catch(undefined),
  // How far the caller's volume is behind. It is only for a metric, so a strange value is no reason to reject the call.
  volume: z.object({ generation: z.int(), seen_at: z.iso.datetime() }).optional().catch(undefined),
});

export interface RoutesDependencies {
  readonly acquirer: Acquirer;
  readonly callers: CallerAuthenticator;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly calls: Calls;
}

/** Who calls, and for what: settled before the body is read. */
interface Admitted {
  readonly caller: Caller;
  readonly call: CallFacts;
  readonly identity: TokenIdentity;
  readonly acquisition: Acquisition;
}

/** The reissue endpoint. */
export async function addReissueRoutes(app: FastifyInstance, dependencies: RoutesDependencies): Promise<void> {
  const { telemetry, clock, calls } = dependencies;
  const admitted = new WeakMap<FastifyRequest, Admitted>();
  await app.register(rateLimit, {
    global: false,
    max: STARTS_A_MINUTE,
    timeWindow: 60_000,
    keyGenerator: (request) => bucketOf(admitted.get(request)?.caller),
  });
  const countStart = app.createRateLimit();
  const warn = withoutRepetition(clock, (message) => telemetry.process({ kind: 'warning', message }));
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url?.startsWith('/v1/') !== true) return;
    const call = await admit(request, reply, { ...dependencies, warn });
    if (call !== undefined) admitted.set(request, call);
  });

  app.post(`${TOKEN_PATH}/reissue`, async (request, reply) => {
    const admittance = admitted.get(request);
    const body = bodySchema.safeParse(request.body);
    if (admittance === undefined || !body.success) {
      const { identity } = admittance ?? {};
      telemetry.process({
        kind: 'call-refused',
        status: 400,
        path: pathOf(request),
        call: calls.of(request),
        identity,
      });
      const detail =
        'The body must be {"rejected_sha256": "<lower-case hexadecimal SHA-256 of the rejected token>", "error": "invalid_token"}.';
      return sendProblem(reply, { status: 400, detail });
    }
    // The body may have come slowly, and the configuration may have changed in the meantime.
    if (!isAllowed(admittance, dependencies)) return refuse(request, reply, { ...dependencies, asked: admittance });
    const { volume, cause } = body.data;
    const { acquisition, identity, call } = admittance;
    if (volume !== undefined) acquisition.cycle.sighted(volume.generation, Date.parse(volume.seen_at));
    const started = clock.monotonic();
    await acquisition.cycle.adopted;
    const held = acquisition.cycle.held.token?.sha256;
    const current = held?.startsWith(body.data.rejected_sha256) === true;
    const rejected = current ? held : body.data.rejected_sha256;
    const admission: Admission = async () => {
      const limit = await countStart(request);
      return !limit.isAllowed && limit.isExceeded ? { retryAfter: limit.ttl } : undefined;
    };
    const reissue = await acquisition.reissues.reissue(rejected, admission, { cause, test: call.test === true });
    const sent = sendReissue(reply, reissue, admittance);
    const took = clock.monotonic() - started;
    const server = acquisition.cycle.specification.authorizationServer;
    telemetry.process({ kind: 'reissue', identity, server, call, ...sent, rejected, current, took });
    return reply;
  });
  addReadRoute(app, admitted, dependencies);
  addConditionsRoute(app, admitted, dependencies);
}

/** Gives the token to a client without a volume. */
function addReadRoute(
  app: FastifyInstance,
  admitted: WeakMap<FastifyRequest, Admitted>,
  dependencies: RoutesDependencies,
): void {
  const { telemetry } = dependencies;
  app.get(TOKEN_PATH, async (request, reply) => {
    const admittance = admitted.get(request);
    const { specification, held } = admittance?.acquisition.cycle ?? {};
    if (admittance === undefined || specification?.delivery !== 'endpoint')
      return refuse(request, reply, { ...dependencies, asked: admittance });
    const { identity, call } = admittance;
    if (held?.token === undefined || !held.isLive()) {
      telemetry.process({ kind: 'token-read', identity, call, result: 'unavailable' });
      return sendProblem(reply, {
        status: 503,
        detail: 'There is no valid token at the moment; ask again.',
        retryAfter: 1000,
      });
    }
    telemetry.process({ kind: 'token-read', identity, call, result: 'given' });
    return reply
      .type('application/json')
      .header('cache-control', 'no-store')
      .send({ ...documentOf(held.token, specification), expires_in: expiresIn(held) });
  });
}

/** Shows a client what is known of its pods. Nothing else of the status is in it. */
function addConditionsRoute(
  app: FastifyInstance,
  admitted: WeakMap<FastifyRequest, Admitted>,
  dependencies: RoutesDependencies,
): void {
  app.get(`${TOKEN_PATH}/conditions`, async (request, reply) => {
    const admittance = admitted.get(request);
    if (admittance === undefined) return refuse(request, reply, dependencies);
    const { cycle } = admittance.acquisition;
    await cycle.adopted;
    const conditions = clientConditions(cycle.clientApp()).map(conditionReport);
    const { clientApp } = cycle.specification;
    const selector = clientApp !== undefined && 'selector' in clientApp ? clientApp.selector : undefined;
    return reply.header('cache-control', 'no-store').send({ selector, conditions });
  });
}

async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  { acquirer, callers, telemetry, calls, warn }: RoutesDependencies & { readonly warn: (message: string) => void },
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
  if (caller === undefined) {
    telemetry.process({ kind: 'call-refused', status: 401, path: pathOf(request), call: calls.of(request) });
    await sendProblem(reply, { status: 401, detail: "Send the caller's own token as Authorization: Bearer." });
    return undefined;
  }
  const call = calls.identify(request, caller);
  const acquisition = acquirer.find(request.params as TokenIdentity);
  const found = acquisition && { caller, call, identity: acquisition.cycle.specification.identity, acquisition };
  if (found !== undefined && isAllowed(found, { acquirer })) return found;
  await refuse(request, reply, { telemetry, calls, asked: found });
  return undefined;
}

/** Each pod has its own bucket. */
function bucketOf(caller: Caller | undefined): string {
  return caller === undefined ? '' : `${caller.name} ${caller.instance ?? ''}`;
}

/** Whether the configuration in force lets this caller ask for this token. */
function isAllowed({ caller, identity, acquisition }: Admitted, { acquirer }: Pick<RoutesDependencies, 'acquirer'>) {
  if (caller.stranger === true) return false;
  return acquirer.find(identity) === acquisition && acquisition.cycle.specification.clients.includes(caller.name);
}

interface Refusing extends Pick<RoutesDependencies, 'telemetry' | 'calls'> {
  /** Left out where the token is not configured. */
  readonly asked?: Admitted | undefined;
}

/** What does not exist and what belongs to others look the same from outside. */
function refuse(request: FastifyRequest, reply: FastifyReply, { telemetry, calls, asked }: Refusing): FastifyReply {
  const identity = asked?.identity;
  telemetry.process({ kind: 'call-refused', status: 403, path: pathOf(request), call: calls.of(request), identity });
  // `helm test` calls as a stranger to see the 403.
  if (asked !== undefined && asked.call.test !== true) asked.acquisition.cycle.refused(asked.caller.name);
  return sendProblem(reply, {
    status: 403,
    detail: 'This caller may not ask for this token, or there is no such token.',
  });
}

function bearerOf(request: FastifyRequest): Redacted | undefined {
  const match = /^Bearer +([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '');
  return match?.[1] === undefined ? undefined : new Redacted(match[1]);
}

/** Whole seconds from now until the held token expires: what a client whose clock is wrong counts by. */
function expiresIn(held: HeldToken): number {
  return Math.floor(held.remaining() / 1000);
}

/** Answers, and returns what the answer was. */
function sendReissue(
  reply: FastifyReply,
  reissue: Reissue,
  { acquisition }: Admitted,
): Pick<ReissueEvent, 'result' | 'given'> {
  if (!('token' in reissue)) return { result: sendNoToken(reply, reissue), given: false };
  const { result, token, stored } = reissue;
  const { held, specification } = acquisition.cycle;
  const { respondWith, delivery, header } = specification;
  const withToken = respondWith === 'token' || delivery === 'endpoint';
  if (!stored && !withToken) {
    const detail =
      'A new token was obtained, but the token store cannot be reached; it is written as soon as that is back.';
    void sendProblem(reply, { status: 503, detail, code: 'store_unavailable', retryAfter: 1000 });
    return { result: 'store_unavailable', given: false };
  }
  const answer = {
    outcome: result,
    stored,
    generation: token.generation,
    issued_at: new Date(token.issuedAt).toISOString(),
    expires_at: new Date(token.expiresAt).toISOString(),
    expires_in: expiresIn(held),
    ...(withToken && { access_token: token.accessToken.reveal(), ...headerMember(header) }),
  };
  void reply.header('cache-control', 'no-store').send(answer);
  return { result, given: withToken };
}

const UNCHECKED = 'The API server cannot be asked who calls; ask again.';
const PAUSED =
  'The token that the last reissue gave was itself rejected immediately. No other token is requested before the pause is over.';
const STOPPING = 'The token-acquirer is stopping, or the token is no longer configured; ask again.';
const RATE_LIMITED = 'This caller has started too many token requests; it may start the next one later.';

function sendNoToken(reply: FastifyReply, reissue: Exclude<Reissue, { token: Token }>): ReissueResult {
  const { result, retryAfter } = reissue;
  if (result === 'failed') {
    const code = reissue.error?.code ?? 'server_error';
    const detail = `No new token was obtained: ${code}. The token-acquirer's status and log say more.`;
    void sendProblem(reply, { status: 502, detail, code, retryAfter });
  } else if (result === 'stopping') {
    void sendProblem(reply, { status: 503, detail: STOPPING, code: result, retryAfter });
  } else {
    const detail = result === 'paused' ? PAUSED : RATE_LIMITED;
    void sendProblem(reply, { status: 429, detail, code: result, retryAfter });
  }
  return result;
}
