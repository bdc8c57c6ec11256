// A service that answers each request with 1 kB, and says of which token the request was.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { servePart } from './part.ts';

const BODY = Buffer.alloc(1000, 'y');
/** The end of a token distinguishes it from the others of the benchmark. */
const DIGITS = 8;

servePart<object, object>(async () => {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('x-token', request.headers.authorization?.slice(-DIGITS) ?? '');
    response.end(BODY);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { ready: { url: `http://127.0.0.1:${port}` }, answer: () => undefined };
});
