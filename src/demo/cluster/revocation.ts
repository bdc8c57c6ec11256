import { createServer, request as requestHttp, type Server } from 'node:http';
import { LIMITS, listen } from '../listener.ts';
import { sendProblem } from '../problem.ts';

/** On loopback of the authorization server's own container: for those who may `kubectl exec` into it. */
export const REVOCATION_PORT = 9091;

/**
 * Serves `POST /revoke`: the newest access token goes out of force. `revoke` resolves with the first digits of its hash, or
 * with `undefined` where none is in force. Resolves with the server and its URL.
 */
export async function serveRevocation(
  revoke: () => Promise<string | undefined>,
  port: number = REVOCATION_PORT,
): Promise<{ server: Server; url: string }> {
  const server = createServer(LIMITS, (request, response) => {
    request.resume();
    if (request.method !== 'POST' || request.url !== '/revoke') {
      sendProblem(response, 404, 'There is only POST /revoke here.');
      return;
    }
    void revoke().then((sha256) => {
      if (sha256 === undefined) sendProblem(response, 409, 'There is no current access token.');
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ sha256 }));
    });
  });
  return { server, url: await listen(server, { port }) };
}

const NONE_IN_FORCE =
  'No token was revoked, because none is in force: the newest one was revoked already or has expired, or there was none yet. The next call of the client app, or the next renewal, brings another one. Try again in a second.';

/** Revokes the newest access token. Resolves with a sentence about the result. Throws an Error with the reason. */
export async function askForRevocation(url = `http://127.0.0.1:${REVOCATION_PORT}`): Promise<string> {
  const { status, body } = await post(`${url}/revoke`);
  if (status === 409) throw new Error(NONE_IN_FORCE);
  if (status !== 200) throw new Error(`No token was revoked: the authorization server answered ${status}.`);
  const { sha256 } = JSON.parse(body) as { sha256: string };
  return `Revoked 1 access token, the newest. Its SHA-256 begins with ${sha256}.`;
}

function post(url: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const request = requestHttp(url, { method: 'POST', agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (body += part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    request.end();
  });
}
