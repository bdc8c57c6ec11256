import { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { connectToAny, interleaved, UnreachableError } from '../../../src/adapters/http/connection-attempts.ts';
import { failure } from '../../support/failure.ts';

/** The result of an attempt and its delay in milliseconds. The result `undefined` never comes. */
type Fate = { readonly after: number; readonly code?: string } | undefined;

interface Begun {
  readonly address: string;
  readonly at: number;
  readonly socket: Socket;
}

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A host with these addresses. No attempt opens a connection; each one ends with its given result. */
function hostWith(fates: Readonly<Record<string, Fate>>) {
  const begun: Begun[] = [];
  const start = performance.now();
  const cancel = new AbortController();
  function openSocket(address: string, port: number): Socket {
    expect(port).toBe(443);
    const socket = new Socket();
    sockets.push(socket);
    begun.push({ address, at: performance.now() - start, socket });
    const fate = fates[address];
    if (fate === undefined) return socket;
    const meet = (): void => {
      if (fate.code === undefined) socket.emit('connect');
      else socket.destroy(Object.assign(new Error('quotes what is not to be shown'), { code: fate.code }));
    };
    setTimeout(() => void (socket.destroyed || meet()), fate.after);
    return socket;
  }
  const connected = (): Promise<Socket> =>
    connectToAny(Object.keys(fates), { port: 443, signal: cancel.signal, openSocket });
  const to = (address: string): Begun | undefined => begun.find((attempt) => attempt.address === address);
  return { begun, cancel, connected, to };
}

describe('a connection to a host with several addresses', () => {
  it('uses the first address if it answers soon, and tries no other', async () => {
    const { begun, connected, to } = hostWith({ '10.0.0.1': { after: 50 }, '10.0.0.2': { after: 0 } });
    expect(await connected()).toBe(to('10.0.0.1')?.socket);
    await pause(300);
    expect(begun.map(({ address }) => address)).toEqual(['10.0.0.1']);
  });

  it('begins the next attempt after 250 ms, and uses the address that answers first', async () => {
    const { connected, to } = hostWith({ '10.0.0.1': undefined, '10.0.0.2': undefined, '10.0.0.3': { after: 0 } });
    expect(await connected()).toBe(to('10.0.0.3')?.socket);
    expect(to('10.0.0.2')?.at).toBeGreaterThan(240);
    expect(to('10.0.0.3')?.at).toBeGreaterThan(490);
    expect([to('10.0.0.1')?.socket.destroyed, to('10.0.0.2')?.socket.destroyed]).toEqual([true, true]);
  });

  it('begins the next attempt immediately when one fails', async () => {
    const { connected, to } = hostWith({ '10.0.0.1': { after: 0, code: 'ECONNREFUSED' }, '10.0.0.2': { after: 0 } });
    expect(await connected()).toBe(to('10.0.0.2')?.socket);
    expect(to('10.0.0.2')?.at).toBeLessThan(200);
  });

  it('waits for a slow attempt though all later ones failed', async () => {
    const { connected, to } = hostWith({
      '10.0.0.1': { after: 900 },
      '10.0.0.2': { after: 0, code: 'ECONNREFUSED' },
      '10.0.0.3': { after: 0, code: 'EHOSTUNREACH' },
    });
    expect(await connected()).toBe(to('10.0.0.1')?.socket);
    expect(to('10.0.0.1')?.socket.destroyed).toBe(false);
  });

  it('fails with the code of all addresses, or with that of each', async () => {
    const refused = { after: 0, code: 'ECONNREFUSED' };
    const alike = await failure(hostWith({ '10.0.0.1': refused, 'fd00::1': refused }).connected());
    expect(alike).toBeInstanceOf(UnreachableError);
    expect(alike).toMatchObject({ code: 'ECONNREFUSED', message: 'ECONNREFUSED' });
    const unlike = hostWith({ '10.0.0.1': { after: 400, code: 'EHOSTUNREACH' }, 'fd00::1': refused }).connected();
    expect(await failure(unlike)).toMatchObject({
      code: 'EHOSTUNREACH',
      message: '10.0.0.1: EHOSTUNREACH, fd00::1: ECONNREFUSED',
    });
  });

  it('fails without an address', async () => {
    expect(await failure(hostWith({}).connected())).toMatchObject({ code: 'ENOTFOUND' });
  });

  it('ends all attempts when it is canceled, and begins no other', async () => {
    const { begun, cancel, connected } = hostWith({
      '10.0.0.1': undefined,
      '10.0.0.2': undefined,
      '10.0.0.3': undefined,
    });
    const reason = new Error('enough');
    setTimeout(() => cancel.abort(reason), 300);
    expect(await failure(connected())).toBe(reason);
    await pause(300);
    expect(begun.map(({ socket }) => socket.destroyed)).toEqual([true, true]);
    expect(await failure(connected())).toBe(reason);
    expect(begun.length).toBe(2);
  });

  it('survives an error of a connection that nobody uses yet, and of one that came too late', async () => {
    const { connected, to } = hostWith({ '10.0.0.1': undefined, '10.0.0.2': { after: 0 } });
    const socket = await connected();
    to('10.0.0.1')?.socket.emit('error', new Error('late'));
    socket.emit('error', new Error('early'));
    expect(socket).toBe(to('10.0.0.2')?.socket);
  });
});

describe('the order of addresses', () => {
  it.each<[addresses: string[], order: string[]]>([
    [[], []],
    [
      ['fd00::1', 'fd00::2', '10.0.0.1', '10.0.0.2'],
      ['fd00::1', '10.0.0.1', 'fd00::2', '10.0.0.2'],
    ],
    [
      ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1'],
      ['10.0.0.1', 'fd00::1', '10.0.0.2', '10.0.0.3'],
    ],
    [
      ['10.0.0.1', '10.0.0.1', 'fd00::1', '10.0.0.2'],
      ['10.0.0.1', 'fd00::1', '10.0.0.2'],
    ],
  ])('turns %j into %j', (addresses, order) => {
    expect(interleaved(addresses)).toEqual(order);
  });

  it('contains each address once and begins with the first', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.ipV4(), fc.ipV6())), (addresses) => {
        const order = interleaved(addresses);
        expect(order.toSorted()).toEqual([...new Set(addresses)].toSorted());
        expect(order[0]).toBe(addresses[0]);
      }),
    );
  });
});
