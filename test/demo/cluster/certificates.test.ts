import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { messageOf } from '../../../src/core/errors.ts';
import { createCertificates } from '../../../src/demo/cluster/certificates.ts';
import { closeServer, type KeyPair } from '../../../src/demo/listener.ts';

import { registerSecret } from '../../support/secrets.ts';

const NAMES = ['one.example-services.svc', 'two.example-services.svc'] as const;
const NOW = Date.now();
const { ca, servers } = await createCertificates(NAMES, NOW);
for (const { key } of servers.values()) registerSecret(key, 'key');

function pairOf(name: string): KeyPair {
  const pair = servers.get(name);
  if (pair === undefined) throw new Error(`There is no certificate for ${name}.`);
  return pair;
}

/** How a client that trusts `ca` and looks for `servername` finds a server that has this certificate. */
async function verdict(pair: KeyPair, trusted: string, servername: string): Promise<string> {
  const server = createServer(pair);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const socket = connect({ host: '127.0.0.1', port, ca: trusted, servername });
    await once(socket, 'secureConnect');
    socket.destroy();
    return 'accepted';
  } catch (error) {
    return messageOf(error);
  } finally {
    await closeServer(server);
  }
}

describe('the certificates of the example', () => {
  it.each(NAMES)('are accepted for %s', async (name) => {
    expect(await verdict(pairOf(name), ca, name)).toBe('accepted');
  });

  it('are not accepted for another name', async () => {
    expect(await verdict(pairOf(NAMES[0]), ca, NAMES[1])).toMatch(/does not match certificate's altnames/);
  });

  it('are not accepted by anyone who trusts another CA, of the same name', async () => {
    const other = await createCertificates([], NOW);
    expect(await verdict(pairOf(NAMES[0]), other.ca, NAMES[0])).toMatch(/certificate|verify|signature/);
  });

  it.each([
    ['the CA', () => ca],
    ['a server', () => pairOf(NAMES[0]).cert],
  ])('of %s are valid for ten years, on clocks that are behind, too', (_, pem) => {
    const { validFromDate, validToDate } = new X509Certificate(pem());
    expect(validFromDate.getTime()).toBeLessThan(NOW - 30 * 60_000);
    expect(validToDate.getTime()).toBeGreaterThan(NOW + 3640 * 86_400_000);
  });

  it('name a CA that may sign, and servers that may not', () => {
    expect(new X509Certificate(ca).ca).toBe(true);
    expect(NAMES.map((name) => new X509Certificate(pairOf(name).cert).ca)).toEqual([false, false]);
  });

  it('have their own keys and serial numbers', () => {
    const serials = [ca, ...NAMES.map((name) => pairOf(name).cert)].map((pem) => new X509Certificate(pem).serialNumber);
    expect(new Set(serials).size).toBe(3);
    expect(new Set(NAMES.map((name) => pairOf(name).key)).size).toBe(2);
  });
});
