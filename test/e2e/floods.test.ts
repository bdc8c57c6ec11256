import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bundlePrograms, NODE_FLAGS } from '../../src/build.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { createMemoryLimit, type MemoryLimit } from '../support/memory-limit.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import type { AcquirerProcess } from './acquirer-process.ts';
import { type Stage, stages } from './stage.ts';

/** Of the chart, in `values.yaml`. */
const LIMIT = 192 * 1024 * 1024;
const FLOOD = 4000;
/** Handshakes of many addresses, which cost both sides time. */
const WIDE_FLOOD = 1500;
/** Connections that one flood makes at a time. */
const AT_ONCE = 100;
const PATH = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics/reissue';

vi.setConfig({ testTimeout: 180_000 });

const { open, closeAll } = stages();
const program = temporaryDirectory();
let authority: CertificateAuthority;
let limit: MemoryLimit | undefined;
let stage: Stage;
let running: AcquirerProcess;

beforeAll(async () => {
  await bundlePrograms(program.path);
  authority = createCertificateAuthority();
  limit = createMemoryLimit(LIMIT);
  stage = await open();
  const at = (name: string): string => join(stage.workplace.root, name);
  const { cert, key } = authority.issue();
  writeFileSync(at('tls.crt'), cert);
  writeFileSync(at('tls.key'), key, { mode: 0o600 });
  const endpoint = { certificateFile: at('tls.crt'), privateKeyFile: at('tls.key') };
  stage.workplace.configure(stage.configuration({ beside: { endpoint } }));
  // As in a pod: the bundle, with Node's options of the image, on every address.
  running = stage.acquirer(['--listen', ':0', '--status-listen', ':0', '--probe-listen', ':0'], {
    main: join(program.path, 'token-acquirer.cjs'),
    node: NODE_FLAGS,
    launcher: limit?.launcher ?? [],
  });
  await running.logged('token-issued');
}, 120_000);

afterAll(async () => {
  await closeAll();
  await limit?.remove();
  authority.remove();
  program.remove();
});

interface Place {
  readonly port: number;
  readonly tls: boolean;
}

async function placeOf(endpoint: 'reissue' | 'status' | 'probe', tls = endpoint === 'reissue'): Promise<Place> {
  return { port: Number(new URL(await running.url(endpoint)).port), tls };
}

/** The status of an answer over its own connection; 0 where there is none within 15 s: this machine also makes the flood. */
async function ask({ port, tls }: Place, from: string, options: RequestOptions, body = ''): Promise<number> {
  const whereto = {
    host: '127.0.0.1',
    port,
    localAddress: from,
    agent: false as const,
    signal: AbortSignal.timeout(15_000),
  };
  const request = tls
    ? requestTls({ ...whereto, ...options, ca: authority.ca })
    : requestPlain({ ...whereto, ...options });
  try {
    request.end(body);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    await once(answer.resume(), 'end');
    return answer.statusCode ?? 0;
  } catch {
    return 0;
  }
}

/** Goes on until `stopped`, and counts the answers by their status. */
async function steadily(every: number, stopped: AbortSignal, act: () => Promise<number>): Promise<Map<number, number>> {
  const answers = new Map<number, number>();
  while (!stopped.aborted) {
    const status = await act();
    answers.set(status, (answers.get(status) ?? 0) + 1);
    await pause(every);
  }
  return answers;
}

/** Connections that say nothing, from these addresses in turn; `held` are those that the server has not ended. */
class Flood {
  readonly #sockets: Socket[] = [];

  get held(): number {
    return this.#sockets.filter(({ closed }) => !closed).length;
  }

  async make({ port, tls }: Place, from: readonly string[]): Promise<void> {
    const opened = async (_: unknown, index: number): Promise<void> => {
      const localAddress = from[index % from.length] ?? '127.0.0.2';
      const socket = tls
        ? connectTls({ port, host: '127.0.0.1', localAddress, rejectUnauthorized: false } as object)
        : connect({ port, host: '127.0.0.1', localAddress });
      socket.on('error', () => undefined);
      this.#sockets.push(socket.resume());
      await Promise.race([once(socket, tls ? 'secureConnect' : 'connect'), once(socket, 'close'), pause(5000)]).catch(
        () => undefined,
      );
    };
    const most = from.length === 1 ? FLOOD : WIDE_FLOOD;
    while (this.#sockets.length < most) await Promise.all(Array.from({ length: AT_ONCE }, opened));
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function anonymousMegabytes(): number {
  const status = readFileSync(`/proc/${running.child.pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

describe(`${FLOOD} idle connections, within the memory limit of the chart`, () => {
  it.each<[string, 'reissue' | 'status' | 'probe', boolean, readonly string[]]>([
    ['with TLS, of one address', 'reissue', true, ['127.0.0.2']],
    ['without a handshake, of one address', 'reissue', false, ['127.0.0.2']],
    ['at the status address, of one address', 'status', false, ['127.0.0.2']],
    ['at the address of the probes, of one address', 'probe', false, ['127.0.0.2']],
    ['with TLS, of 50 addresses', 'reissue', true, Array.from({ length: 50 }, (_, index) => `127.0.1.${index + 1}`)],
  ])(
    '%s fail no probe and no call of others',
    async (_sentence, endpoint, tls, from) => {
      const [reissue, probe, status] = await Promise.all([placeOf('reissue'), placeOf('probe'), placeOf('status')]);
      const ended = new AbortController();
      const caller = readFileSync(stage.workplace.callerToken, 'utf8').trim();
      const headers = { authorization: `Bearer ${caller}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ rejected_sha256: 'f'.repeat(64) });
      const call = (): Promise<number> => ask(reissue, '127.0.0.3', { method: 'POST', path: PATH, headers }, body);
      const others = [
        steadily(50, ended.signal, () => ask(probe, '127.0.0.1', { path: '/livez' })),
        steadily(50, ended.signal, () => ask(probe, '127.0.0.1', { path: '/readyz' })),
        steadily(50, ended.signal, call),
        steadily(200, ended.signal, () => ask(status, '127.0.0.1', { path: '/status' })),
        steadily(200, ended.signal, () => ask(status, '127.0.0.4', { path: '/metrics' })),
      ];
      const flood = new Flood();
      try {
        await flood.make(await placeOf(endpoint, tls), from);
        await until('The end of those that are too many', () => flood.held <= 64 * from.length, 2000);
        await pause(200);
      } finally {
        ended.abort();
        flood.end();
      }
      const answers = await Promise.all(others);
      expect(answers.map((each) => [...each.keys()])).toEqual([[200], [200], [200], [200], [200]]);
      expect(running.child.exitCode).toBe(null);
      expect(running.child.signalCode).toBe(null);
      if (limit === undefined) expect(anonymousMegabytes()).toBeLessThan(LIMIT / 1024 / 1024);
      else expect(limit.kills()).toBe(0);
    },
    60_000,
  );
});
