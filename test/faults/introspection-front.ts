import { buffer } from 'node:stream/consumers';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';

/** Starts an introspection endpoint before another one, that calls some tokens inactive, or others active. */
export function startIntrospectionFront(
  target: string,
  judge: (token: string, active: boolean) => boolean,
): Promise<LoopbackServer> {
  return startHttpServer((request, response) => {
    const answer = async (): Promise<void> => {
      const body = await buffer(request);
      const { authorization = '' } = request.headers;
      const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
      const given = await fetch(target, { method: 'POST', headers, body });
      const fields = (await given.json()) as { active: boolean };
      const active = judge(new URLSearchParams(body.toString()).get('token') ?? '', fields.active);
      response.writeHead(given.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ token_type: 'Bearer', ...fields, active }));
    };
    void answer().catch(() => response.destroy());
  });
}
