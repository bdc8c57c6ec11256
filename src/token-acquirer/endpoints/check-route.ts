import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CredentialChecks } from '../token/credential-checks.ts';
import { sendProblem } from './problem.ts';

const checkSchema = z.object({ name: z.string().min(1).max(1000) });
const CHECK_FORM = 'The body must be {"name": "<a credential, or namespace/secret/name of a token>"}.';

/** Tries a credential now. No answer holds anything secret. */
export async function answerCheck(
  request: FastifyRequest,
  reply: FastifyReply,
  checks: Pick<CredentialChecks, 'check' | 'credentials'>,
): Promise<FastifyReply> {
  const name = checkedName(request);
  if (name === undefined) return sendProblem(reply, { status: 400, detail: CHECK_FORM });
  const results = await checks.check(name);
  if (results.length > 0) return reply.send({ checks: results });
  const names = checks.credentials.join(', ') || 'none';
  const detail = `No token uses a credential of this name, and none is called so. Credentials: ${names}.`;
  return sendProblem(reply, { status: 404, detail });
}

/** Returns the name that is to be checked; `undefined` for a malformed body. */
export function checkedName({ body }: Pick<FastifyRequest, 'body'>): string | undefined {
  return checkSchema.safeParse(body).data?.name;
}
