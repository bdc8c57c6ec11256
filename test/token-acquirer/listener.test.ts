import { once } from 'node:events';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createListener, listen, parseAddress } from '../../src/token-acquirer/endpoints/listener.ts';

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

function listener(): FastifyInstance {
  app = createListener(undefined);
  app.get('/', (_request, reply) => reply.send('ok'));
  return app;
}

/** The address that a server listens on, and its port. */
async function listening(text: string, refusing?: string): Promise<{ address: string; port: number; url: URL }> {
  const server = listener();
  const real = server.listen.bind(server) as (options: { host: string }) => Promise<string>;
  if (refusing !== undefined) {
    const fails = async (options: { host: string }): Promise<string> => {
      if (options.host.includes(':')) throw Object.assign(new Error(`listen ${refusing}`), { code: refusing });
      return real(options);
    };
    Object.assign(server, { listen: fails });
  }
  const url = new URL(await listen(server, parseAddress(text, '--listen'), '--listen'));
  const at = server.server.address();
  if (at === null || typeof at === 'string') throw new Error('It listens nowhere.');
  return { address: at.address, port: at.port, url };
}

describe('an address without a host', () => {
  it.each([
    ['IPv4', '127.0.0.1'],
    ['IPv6', '[::1]'],
  ])('is reached over %s', async (_family, host) => {
    const { port, address } = await listening(':0');
    expect(address).toBe('::');
    expect((await fetch(`http://${host}:${port}/`)).status).toBe(200);
  });

  it('has a URL of that address, which a client of this machine reaches, too', async () => {
    const { url, port } = await listening(':0');
    expect(url.host).toBe(`[::]:${port}`);
    expect((await fetch(url)).status).toBe(200);
  });

  it.each(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'])(
    'is every IPv4 address if the kernel has no IPv6 (%s)',
    async (code) => {
      const { port, address, url } = await listening(':0', code);
      expect(address).toBe('0.0.0.0');
      expect(url.host).toBe(`0.0.0.0:${port}`);
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    },
  );

  it('is not tried again if the port is in use', async () => {
    await expect(listening(':0', 'EADDRINUSE')).rejects.toThrow('the port is in use');
  });
});

describe('an address with a host', () => {
  it.each([
    ['127.0.0.1:0', '127.0.0.1'],
    ['localhost:0', '127.0.0.1'],
    ['[::1]:0', '[::1]'],
    ['0.0.0.0:0', '0.0.0.0'],
  ])('has its own URL for %s', async (text, host) => {
    const { url, port } = await listening(text);
    expect(url.href).toBe(`http://${host}:${port}/`);
  });

  it('is not replaced by another if the kernel has no IPv6', async () => {
    await expect(listening('[::1]:0', 'EADDRNOTAVAIL')).rejects.toThrow(
      'Cannot listen on ::1:0: this machine has no such address. Choose another address with --listen.',
    );
  });
});

describe('a slow peer', () => {
  it.each([
    ['nothing', '', 5000],
    ['half its headers', 'GET / HTTP/1.1\r\nhost: x\r\n', 5000],
    ['nothing more after an answer', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n', 8000],
  ])(
    'is disconnected if it sends %s',
    async (_sentence, text, within) => {
      const { port } = await listening('127.0.0.1:0');
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(text);
      const began = performance.now();
      await once(socket, 'close');
      expect(performance.now() - began).toBeLessThan(within);
    },
    20_000,
  );
});
