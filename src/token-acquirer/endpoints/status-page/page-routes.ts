import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { FROM_ANOTHER_SITE, isFromAnotherSite, PAGE_HEADERS } from '../../../page/answers.ts';
import type { Asset } from '../../../page/assets.ts';
import { isLocal, pathOf } from '../listener.ts';
import { sendProblem } from '../problem.ts';
import type { PageFeed } from './page-feed.ts';
import { PAGE_BASE, readPageFiles } from './page-files.ts';

export interface PageRoutesDependencies {
  /** Whether the configuration has the page. */
  readonly isOn: () => boolean;
  readonly feed: PageFeed;
}

/** Adds the status page, which only this machine may read. While it is off, there is nothing at its paths. */
export function addPageRoutes(app: FastifyInstance, { isOn, feed }: PageRoutesDependencies): void {
  let files: ReadonlyMap<string, Asset> | undefined;
  const answerFile = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    if (await isRejected(request, reply, isOn)) return reply;
    files ??= readPageFiles();
    const file = files.get(pathOf(request));
    if (file === undefined) {
      reply.callNotFound();
      return reply;
    }
    return reply.headers(PAGE_HEADERS).type(file.type).send(file.content);
  };
  app.get('/', answerFile);
  app.get(`${PAGE_BASE}:file`, answerFile);
  app.get(`${PAGE_BASE}events`, { exposeHeadRoute: false }, async (request, reply) => {
    if (await isRejected(request, reply, isOn)) return reply;
    if (feed.full) {
      const detail = 'Too many status pages are open. Close one of them.';
      return sendProblem(reply.header('retry-after', '5'), { status: 503, detail });
    }
    reply.hijack();
    reply.raw.writeHead(200, { ...PAGE_HEADERS, 'content-type': 'text/event-stream' });
    reply.raw.flushHeaders();
    await feed.follow(reply.raw);
    return reply;
  });
}

async function isRejected(request: FastifyRequest, reply: FastifyReply, isOn: () => boolean): Promise<boolean> {
  if (!isOn()) {
    reply.callNotFound();
    return true;
  }
  const why = rejectionOf(request);
  if (why === undefined) return false;
  await sendProblem(reply, { status: 403, detail: why });
  return true;
}

function rejectionOf(request: FastifyRequest): string | undefined {
  if (!isLocal(request))
    return 'The status page is for the loopback address only. Use kubectl port-forward and 127.0.0.1.';
  return isFromAnotherSite(request.raw) ? FROM_ANOTHER_SITE : undefined;
}
