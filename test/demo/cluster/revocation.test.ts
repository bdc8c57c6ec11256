import type { Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { askForRevocation, serveRevocation } from '../../../src/demo/cluster/revocation.ts';
import { closeServer } from '../../../src/demo/listener.ts';
import { startHttpServer } from '../../support/loopback-server.ts';

let server: Server | undefined;

async function serve(revoke: () => Promise<string | undefined>): Promise<string> {
  const served = await serveRevocation(revoke, 0);
  server = served.server;
  return served.url;
}

afterEach(async () => {
  if (server !== undefined) await closeServer(server);
  server = undefined;
});

describe('a revocation on demand', () => {
  it('revokes once for each call', async () => {
    let revoked = 0;
    const url = await serve(async () => {
      revoked += 1;
      return `0a1b2c3${revoked}`;
    });
    expect(await askForRevocation(url)).toBe('Revoked 1 access token, the newest. Its SHA-256 begins with 0a1b2c31.');
    expect(await askForRevocation(url)).toContain('0a1b2c32');
    expect(revoked).toBe(2);
  });

  it('says that no token is in force, and when there is one again', async () => {
    const url = await serve(async () => undefined);
    await expect(askForRevocation(url)).rejects.toThrow(
      /^No token was revoked, because none is in force: .* Try again in a second\.$/,
    );
  });

  it('says which other answer came', async () => {
    const served = await startHttpServer((_request, response) => response.writeHead(500).end());
    await expect(askForRevocation(served.url)).rejects.toThrow('the authorization server answered 500.');
    await served.stop();
  });

  it('says that nobody answers', async () => {
    await expect(askForRevocation('http://127.0.0.1:9')).rejects.toThrow(/ECONNREFUSED/);
  });

  it.each([
    ['GET', '/revoke'],
    ['POST', '/'],
    ['POST', '/revoke/'],
  ])('is none by %s %s', async (method, path) => {
    const url = await serve(async () => {
      throw new Error('Nothing was to be revoked.');
    });
    expect((await fetch(`${url}${path}`, { method })).status).toBe(404);
  });

  it('listens on loopback', async () => {
    expect(new URL(await serve(async () => '0a1b2c3d')).hostname).toBe('127.0.0.1');
  });
});
