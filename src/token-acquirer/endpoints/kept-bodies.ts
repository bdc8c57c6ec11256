import type { FastifyInstance, FastifyRequest } from 'fastify';

/** The bodies of calls, as they came. */
export interface KeptBodies {
  of(request: FastifyRequest): string | undefined;
}

/** Keeps the text of each JSON body with its request, so that another replica can be sent the same. */
export function keepBodies(app: FastifyInstance): KeptBodies {
  const bodies = new WeakMap<FastifyRequest, string>();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body.toString();
    bodies.set(request, text);
    void parse(request, text, done);
  });
  return { of: (request) => bodies.get(request) };
}
