import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { clientConditions } from '../../core/conditions.ts';
import type { ReissueEvent, ReissueResult } from '../../core/events.ts';
import type { Token } from '../../core/token.ts';
import { headerMember } from '../../core/token-header.ts';
import { documentOf } from '../../core/token-volume.ts';
import type { HeldToken } from '../token/held-token.ts';
import type { Reissue } from '../token/reissues.ts';
import {
  type Admitted,
  admissionOf,
  admit,
  bucketOf,
  isAllowed,
  type RoutesDependencies,
  refuse,
  rejectedSha256,
  TOKEN_PATH,
} from './admission.ts';
import { pathOf } from './listener.ts';
import { sendProblem } from './problem.ts';
import { addRejectionRoute, REJECTIONS_PATH } from './rejection-route.ts';
import { withoutRepetition } from './repeated-sentences.ts';
import { conditionReport } from './status-report.ts';

/** Token requests that one caller may start a minute; calls that start none are free. */
export const STARTS_A_MINUTE = 60;

const bodySchema = z.object({
  rejected_sha256: rejectedSha256,
  error: z.string().max(100).optional(),
  // What a later version may add is like nothing: the pauses are then the longer ones.
  cause: z.enum(['revoked', 'never_accepted', 'expired']).optional().catch(undefined),
  // How far the caller's volume is behind. It is only for a metric, so a strange value is no reason to reject the call.
  volume: z.object({ generation: z.int(), seen_at: z.iso.datetime() }).optional().catch(undefined),
});

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
    const role = request.routeOptions.url === REJECTIONS_PATH ? 'reporter' : 'client';
    const call = await admit(request, reply, { ...dependencies, warn, role });
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
    if (!isAllowed(admittance, dependencies, 'client'))
      return refuse(request, reply, { ...dependencies, asked: admittance });
    const { volume, cause } = body.data;
    const { acquisition, identity, call } = admittance;
    if (volume !== undefined) acquisition.cycle.sighted(volume.generation, Date.parse(volume.seen_at));
    const started = clock.monotonic();
    await acquisition.cycle.adopted;
    const held = acquisition.cycle.held.token?.sha256;
    const current = held?.startsWith(body.data.rejected_sha256) === true;
    const rejected = current ? held : body.data.rejected_sha256;
    const admission = admissionOf(request, countStart);
    const reissue = await acquisition.reissues.reissue(rejected, admission, { cause, test: call.test === true });
    const sent = sendReissue(reply, reissue, admittance);
    const took = clock.monotonic() - started;
    const server = acquisition.cycle.specification.authorizationServer;
    telemetry.process({ kind: 'reissue', identity, server, call, ...sent, rejected, current, took });
    return reply;
  });
  addReadRoute(app, admitted, dependencies);
  addConditionsRoute(app, admitted, dependencies);
  addRejectionRoute(app, { ...dependencies, admitted, countStart });
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
