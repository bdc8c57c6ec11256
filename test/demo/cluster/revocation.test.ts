import type { Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { askForRevocation, serveRevocation } from '../../../src/demo/cluster/revocation.ts';
import { closeServer } from '../../../src/demo/listener.ts';

let server: Server | undefined;

async function serve(revoke: () => Promise<boolean>): Promise<string> {
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
      return true;
    });
    await askForRevocation(url);
    await askForRevocation(url);
    expect(revoked).toBe(2);
  });

  it('says that there was no token', async () => {
    const url = await serve(async () => false);
    await expect(askForRevocation(url)).rejects.toThrow('No token was revoked: the authorization server answered 409.');
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
    expect(new URL(await serve(async () => true)).hostname).toBe('127.0.0.1');
  });
});
