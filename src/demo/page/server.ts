import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Ms } from '../../core/token.ts';
import { PAGE_HEADERS } from '../../page/answers.ts';
import { type Asset, readAssets } from '../../page/assets.ts';
import { Streams } from '../../page/streams.ts';
import type { Clock } from '../../ports/clock.ts';
import { closeServer, LIMITS, listenOnLoopback } from '../listener.ts';
import { sendProblem } from '../problem.ts';
import { ACTS, type PageStage } from './acts.ts';
import type { Feed } from './feed.ts';
import { rejectionOf } from './guard.ts';
import { readJson } from './json-body.ts';

export interface PageOptions {
  readonly feed: Feed;
  readonly clock: Clock;
  /** Called after each act that was done. */
  readonly acted?: () => void;
}

export interface Page {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** From now on the buttons work. */
  open(stage: PageStage): void;
  stop(): Promise<void>;
}

const LOOK_EVERY: Ms = 1000;
const LARGEST_BODY = 1024;

const FILES = new URL('./static/', import.meta.url);
const STREAMS = { most: 32, mostUnread: 1024 * 1024 } as const;

/** Serves the page of the demo on a free port of loopback, with a stream of events and the acts of its buttons. */
export async function startPage(options: PageOptions): Promise<Page> {
  const site = new Site(options);
  const server = createServer(LIMITS, (request, response) => void site.answer(request, response, url));
  const url = await listenOnLoopback(server);
  const stopping = new AbortController();
  void site.keepLooking(stopping.signal);
  return {
    url,
    open: (stage) => site.open(stage),
    stop: async () => {
      stopping.abort();
      await closeServer(server);
    },
  };
}

class Site {
  readonly #options: PageOptions;
  readonly #assets: ReadonlyMap<string, Asset> = readAssets(FILES, '/');
  readonly #streams = new Streams(STREAMS);
  #stage: PageStage | undefined;
  /** One act after the other, in the order of the requests. */
  #acting: Promise<unknown> = Promise.resolve();

  constructor(options: PageOptions) {
    this.#options = options;
    options.feed.subscribe({
      messages: (messages) => this.#streams.send('messages', messages),
      state: (state) => this.#streams.send('state', state),
    });
  }

  open(stage: PageStage): void {
    this.#stage = stage;
    this.#options.feed.setButtons('on');
  }

  async keepLooking(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.wait(LOOK_EVERY, signal);
      if (this.#streams.size === 0) continue;
      this.#options.feed.look();
      this.#streams.beat();
    }
  }

  async answer(request: IncomingMessage, response: ServerResponse, url: string): Promise<void> {
    const path = request.url?.split('?', 1)[0] ?? '';
    const rejection = rejectionOf(request, url);
    if (rejection !== undefined) return sendProblem(response, 403, rejection, { connection: 'close' });
    if (ACTS.has(path)) return this.#answerAct(path, request, response);
    const asset = this.#assets.get(path);
    if (asset === undefined && path !== '/events') return sendProblem(response, 404, 'There is no such page.');
    if (request.method !== 'GET') return sendProblem(response, 405, 'This can only be read.', { allow: 'GET' });
    if (asset === undefined) return this.#stream(response);
    response.writeHead(200, { ...PAGE_HEADERS, 'content-type': asset.type }).end(asset.content);
  }

  #stream(response: ServerResponse): void {
    const { feed, clock } = this.#options;
    if (this.#streams.full) return sendProblem(response, 503, 'Too many pages are open.', { 'retry-after': '5' });
    response.writeHead(200, { ...PAGE_HEADERS, 'content-type': 'text/event-stream' });
    this.#streams.add(response, 'snapshot', feed.snapshot(clock.now()));
  }

  async #answerAct(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') return sendProblem(response, 405, 'Acts are POST requests.', { allow: 'POST' });
    const body = await readJson(request, LARGEST_BODY);
    if (body.kind === 'rejected') return sendProblem(response, body.status, body.detail, { connection: 'close' });
    const act = ACTS.get(path)?.(body.value) ?? 'There is no such act.';
    if (typeof act === 'string') return sendProblem(response, 400, act);
    const stage = this.#stage;
    if (stage === undefined) return sendProblem(response, 409, 'The buttons do not work now.');
    const acted = this.#acting.then(() => act(stage));
    this.#acting = acted.catch(() => {});
    try {
      await acted;
      this.#options.acted?.();
      response.writeHead(204, PAGE_HEADERS).end();
    } catch (error) {
      sendProblem(response, 502, error instanceof Error ? error.message : 'It could not be done.');
    }
  }
}
