import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { APPS, type App } from './cast.ts';
import { closeServer, LIMITS, listenOnLoopback } from './listener.ts';
import { sendProblem } from './problem.ts';
import type { Stage } from './scenes/scene.ts';

type Act = (stage: Stage) => void | Promise<void>;

/** Path → the effect of a POST to it. */
function acts(): ReadonlyMap<string, Act> {
  const forApp = (app: App): [string, Act][] => [
    [`/revoke/${app.name}`, (stage) => stage.revoke(app)],
    [`/stop/${app.name}`, (stage) => stage.stopApp(app)],
    [`/start/${app.name}`, (stage) => stage.startApp(app)],
  ];
  return new Map<string, Act>([
    ...APPS.flatMap(forApp),
    ['/outage/on', (stage) => stage.setAuthorizationServerDown(true)],
    ['/outage/off', (stage) => stage.setAuthorizationServerDown(false)],
  ]);
}

export const CONTROL_PATHS: readonly string[] = [...acts().keys()];

/**
 * Lets the user of this machine act on the demo: `curl -X POST URL/revoke/billing-app`. Pages of a browser cannot:
 * their requests carry an Origin or another Host.
 */
export async function startControl(stage: Stage): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const known = acts();
  const server = createServer(LIMITS, (request, response) => void answer(request, response));
  const url = await listenOnLoopback(server);
  const { host } = new URL(url);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const foreign = request.headers.origin !== undefined || request.headers.host !== host;
    if (foreign) return sendProblem(response, 403, 'Only this machine may act on the demo, and no page in a browser.');
    const act = known.get(request.url ?? '');
    if (act === undefined) return sendProblem(response, 404, `There is POST to ${CONTROL_PATHS.join(', ')}.`);
    if (request.method !== 'POST') return sendProblem(response, 405, 'Acts are POST requests.', { allow: 'POST' });
    try {
      await act(stage);
      response.writeHead(204).end();
    } catch (error) {
      sendProblem(response, 502, error instanceof Error ? error.message : 'The act failed.');
    }
  }

  return { url, stop: () => closeServer(server) };
}
