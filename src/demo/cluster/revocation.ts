import { createServer, request as requestHttp, type Server } from 'node:http';
import { LIMITS, listen } from '../listener.ts';
import { refuse } from '../problem.ts';

/** On loopback of the authorization server's own container: whoever may `kubectl exec` into it. */
export const REVOCATION_PORT = 9091;

/** Serves `POST /revoke`: the newest access token goes out of force. Resolves with the server and its URL. */
export async function serveRevocation(
  revoke: () => Promise<boolean>,
  port: number = REVOCATION_PORT,
): Promise<{ server: Server; url: string }> {
  const server = createServer(LIMITS, (request, response) => {
    request.resume();
    if (request.method !== 'POST' || request.url !== '/revoke') {
      refuse(response, 404, 'There is only POST /revoke here.');
      return;
    }
    void revoke().then((revoked) => {
      if (revoked) response.writeHead(204).end();
      else refuse(response, 409, 'There is no access token in force.');
    });
  });
  return { server, url: await listen(server, { port }) };
}

/** Has the newest access token revoked. Throws an Error that says why it was not. */
export function askForRevocation(url = `http://127.0.0.1:${REVOCATION_PORT}`): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = requestHttp(`${url}/revoke`, { method: 'POST', agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      response.resume();
      if (response.statusCode === 204) resolve();
      else reject(new Error(`No token was revoked: the authorization server answered ${response.statusCode}.`));
    });
    request.end();
  });
}
