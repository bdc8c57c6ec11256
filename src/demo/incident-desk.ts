import type { IncomingMessage, ServerResponse } from 'node:http';
import { closeServer, createDemoServer, type ListenAddress, listen } from './listener.ts';
import { sendProblem } from './problem.ts';

export interface Incident {
  readonly id: number;
  readonly title: string;
  readonly status: 'open' | 'closed';
}

export interface IncidentDesk {
  /** `http://127.0.0.1:PORT`, by default. */
  readonly url: string;
  stop(): Promise<void>;
}

const BODY_LIMIT = 16 * 1024;
const MOST_INCIDENTS = 1000;

const FIRST: readonly Incident[] = [
  { id: 1, title: 'Invoices of March are missing', status: 'open' },
  { id: 2, title: 'The printer on the second floor prints blank pages', status: 'closed' },
  { id: 3, title: 'Payment reminders arrive twice', status: 'open' },
];

/**
 * Starts the external service that the client apps call: `GET /incidents` lists, `POST /incidents` with
 * `{"title": "…"}` adds. It trusts every caller, because the gateway is in front of it. Forgets everything when it stops.
 */
export async function startIncidentDesk(address: ListenAddress = {}): Promise<IncidentDesk> {
  const incidents = [...FIRST];
  const server = createDemoServer(undefined, (request, response) => void answer(incidents, request, response));
  const url = await listen(server, address);
  return { url, stop: () => closeServer(server) };
}

async function answer(incidents: Incident[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url?.split('?', 1)[0];
  if (path !== '/incidents') sendProblem(response, 404, 'There is only /incidents here.');
  else if (request.method === 'GET') send(response, 200, { incidents });
  else if (request.method === 'POST') await add(incidents, request, response);
  else sendProblem(response, 405, 'Incidents can be listed with GET and added with POST.', { allow: 'GET, POST' });
}

async function add(incidents: Incident[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  if (body === undefined) return sendProblem(response, 413, `At most ${BODY_LIMIT} bytes.`, { connection: 'close' });
  const title = titleIn(body);
  if (title === undefined) return sendProblem(response, 400, 'An incident is JSON: {"title": "what is wrong"}.');
  if (incidents.length >= MOST_INCIDENTS) return sendProblem(response, 507, 'The desk is full.');
  const incident: Incident = { id: incidents.length + 1, title, status: 'open' };
  incidents.push(incident);
  send(response, 201, incident);
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > BODY_LIMIT) return undefined;
      chunks.push(chunk);
    }
  } catch {
    // The caller has disconnected.
  }
  return Buffer.concat(chunks).toString('utf8');
}

function titleIn(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    const title = (parsed as { title?: unknown } | null)?.title;
    return typeof title === 'string' && title.trim() !== '' ? title.trim() : undefined;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
