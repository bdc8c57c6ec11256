import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { createHttpsReissuer } from '../../src/adapters/http/https-reissuer.ts';
import type { TokenDocument } from '../../src/core/token-volume.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { failure } from '../support/failure.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { newToken, startScriptedTokenServer } from '../support/scripted-token-server.ts';
import { ownSecrets, secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import type { AcquirerProcess, ProcessOptions } from './acquirer-process.ts';
import { type Stage, type StageOptions, stages } from './stage.ts';

vi.setConfig({ testTimeout: 60_000, maxConcurrency: 4 });

const { open, closeAll } = stages();
const stops: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  await closeAll();
  await Promise.all(stops.map((stop) => stop()));
});

const TOKEN_PATH = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics';
const PATH = `${TOKEN_PATH}/reissue`;

function documentIn(volume: string): TokenDocument {
  return JSON.parse(readFileSync(join(volume, 'dynamics.json'), 'utf8')) as TokenDocument;
}

interface Running {
  readonly stage: Stage;
  readonly running: AcquirerProcess;
  readonly url: string;
  readonly caller: string;
  /** Asks for a successor of the current token, or does what is stated otherwise. */
  post(given?: { path?: string; bearer?: string; rejected?: string }): Promise<Response>;
}

/** A token-acquirer that has its first token, a second old. */
async function run(options: StageOptions = {}, started: ProcessOptions = {}): Promise<Running> {
  const stage = await open(options);
  const running = stage.acquirer([], started);
  await running.logged('token-issued');
  await pause(1000);
  const url = await running.url('reissue');
  const caller = readFileSync(stage.workplace.callerToken, 'utf8').trim();
  return {
    stage,
    running,
    url,
    caller,
    post: ({ path = PATH, bearer = caller, rejected } = {}) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
        body: JSON.stringify({ rejected_sha256: rejected ?? documentIn(stage.workplace.volume()).sha256 }),
      }),
  };
}

/** What the server says to these bytes before it closes the connection, or within a second. */
async function sendRaw(url: string, request: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (part: Buffer) => {
    answer += part.toString();
  });
  socket.write(request);
  await Promise.race([once(socket, 'close'), pause(1000)]);
  socket.destroy();
  return answer;
}

describe.concurrent('the call of an attacker', () => {
  it.each<[string, (caller: string) => string, number]>([
    ['nothing', () => '', 401],
    ['garbage', () => 'Authorization: Bearer garbage-garbage-garbage\r\n', 401],
    ['a token that is nearly right', (caller) => `Authorization: Bearer ${caller.slice(0, -1)}x\r\n`, 401],
    ['an empty token', () => 'Authorization: Bearer \r\n', 401],
    ['the right token by another scheme', (caller) => `Authorization: Basic ${caller}\r\n`, 401],
    ['the right token in another header', (caller) => `X-Authorization: Bearer ${caller}\r\n`, 401],
    ['the right token in the query', () => '', 401],
    [
      'a wrong token before the right one',
      (caller) => `Authorization: Bearer wrong\r\nAuthorization: Bearer ${caller}\r\n`,
      401,
    ],
    ['two lengths', (caller) => `Authorization: Bearer ${caller}\r\nContent-Length: 2\r\n`, 400],
    ['a length and chunks', (caller) => `Authorization: Bearer ${caller}\r\nTransfer-Encoding: chunked\r\n`, 400],
    ['a bare line feed in a header', (caller) => `Authorization: Bearer ${caller}\nX: y\r\n`, 400],
    ['a blank before a colon', (caller) => `Authorization : Bearer ${caller}\r\n`, 400],
    ['20 kB of headers', (caller) => `Authorization: Bearer ${caller}\r\nX: ${'y'.repeat(20_000)}\r\n`, 431],
  ])('is rejected without a token request where it shows %s', async (sentence, headers, status) => {
    const { url, caller, stage } = await shared();
    const body = JSON.stringify({ rejected_sha256: documentIn(stage.workplace.volume()).sha256 });
    const query = sentence.endsWith('query') ? `?access_token=${caller}` : '';
    const request = `POST ${PATH}${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${headers(caller)}\r\n${body}`;
    expect(await sendRaw(url, request)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(stage.server.counts.tokenRequests).toBe(1);
  });

  it.each([
    `${TOKEN_PATH}/../dynamics/reissue`,
    '/v1/namespaces/billing/secrets/billing-tokens/tokens/..%2f..%2fdynamics/reissue',
    '/v1/namespaces/billing/secrets/%2e%2e/tokens/dynamics/reissue',
    '/v1/namespaces/billing%2fbilling-tokens/secrets/dynamics/tokens/x/reissue',
    '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics%00/reissue',
    '/v1/namespaces/billing/secrets/billing-tokens/tokens/__proto__/reissue',
    '/v1/namespaces/billing/secrets/billing-tokens/tokens/DYNAMICS/reissue',
    `//${TOKEN_PATH}/reissue`,
    `http://169.254.169.254${TOKEN_PATH}/nothing`,
    '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics%zz/reissue',
    '*',
  ])('is rejected for the path %s', async (path) => {
    const { url, caller, stage } = await shared();
    const answer = await sendRaw(
      url,
      `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${caller}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 40[0134] /);
    expect(stage.server.counts.tokenRequests).toBe(1);
  });

  it('for the token of another app is answered as if there were none', async () => {
    const stage = await open({ secrets: ['billing-tokens', 'shipping-tokens'] });
    const other = join(stage.workplace.root, 'callers', 'shipping-app');
    writeFileSync(other, secret('other-caller'), { mode: 0o600 });
    const configuration = stage.configuration() as { tokens: { clients: object[] }[] };
    if (configuration.tokens[1] !== undefined)
      configuration.tokens[1].clients = [{ name: 'shipping-app', tokenFile: other }];
    stage.workplace.configure(configuration);
    const running = stage.acquirer();
    await running.logged('token-issued', 2);
    const url = await running.url('reissue');
    const ask = async (path: string) => {
      const headers = { authorization: `Bearer ${readFileSync(other, 'utf8')}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ rejected_sha256: 'f'.repeat(64) });
      const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body });
      return { status: answer.status, body: await answer.text(), headers: [...answer.headers.keys()] };
    };
    const foreign = await ask(PATH);
    expect(foreign.status).toBe(403);
    expect(await ask(PATH.replace('/dynamics/', '/absent/'))).toEqual(foreign);
    expect(await ask(PATH.replace('/billing/', '/absent/'))).toEqual(foreign);
    expect((await ask(PATH.replace('billing-tokens', 'shipping-tokens'))).status).toBe(200);
    expect(stage.server.counts.tokenRequests).toBe(2);
  });

  it('is rejected a second after the token of the caller was changed', async () => {
    const { stage, post } = await run();
    writeFileSync(stage.workplace.callerToken, secret('next-caller'));
    await pause(1200);
    expect((await post()).status).toBe(401);
    expect((await post({ bearer: readFileSync(stage.workplace.callerToken, 'utf8') })).status).toBe(200);
  });
});

describe.concurrent('an allowed client that floods', () => {
  it('causes a few token requests by calling each new token bad, and harms nobody else', async () => {
    const { stage, post, running } = await run({ secrets: ['billing-tokens', 'shipping-tokens'] });
    const { access_token: old } = documentIn(stage.workplace.volume());
    const before = stage.server.counts.tokenRequests;
    const shipping = PATH.replace('billing-tokens', 'shipping-tokens');
    const slowest: number[] = [];
    const statuses = new Map<number, number>();
    const end = performance.now() + 5000;
    const flood = async (): Promise<void> => {
      while (performance.now() < end) {
        const { status } = await post();
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    const bystander = async (): Promise<void> => {
      while (performance.now() < end) {
        const began = performance.now();
        expect((await post({ path: shipping, rejected: 'f'.repeat(64) })).status).toBe(200);
        slowest.push(performance.now() - began);
        await pause(100);
      }
    };
    await Promise.all([...Array.from({ length: 20 }, flood), bystander()]);
    expect([...statuses.values()].reduce((sum, count) => sum + count)).toBeGreaterThan(100);
    expect(new Set(statuses.keys())).toEqual(new Set([200, 429]));
    // Immediately, then after pauses of 1, 2 and 4 s.
    expect(stage.server.counts.tokenRequests - before).toBeLessThanOrEqual(4);
    expect(Math.max(...slowest)).toBeLessThan(10_000);
    // Nothing is revoked because somebody says that it is bad.
    const answer = await fetch(`${stage.gateway.url}/incidents`, { headers: { authorization: `Bearer ${old}` } });
    expect(answer.status).toBe(200);
    expect((await running.status()).tokens.map(({ state }) => state)).toEqual(['Valid', 'Valid']);
  });

  it('gains nothing by sending one call again and again', async () => {
    const { stage, post } = await run();
    const rejected = documentIn(stage.workplace.volume()).sha256;
    expect(await (await post({ rejected })).json()).toMatchObject({ outcome: 'reissued' });
    const replays = await Promise.all(Array.from({ length: 100 }, async () => (await post({ rejected })).json()));
    expect(new Set(replays.map((answer) => (answer as { outcome: string }).outcome))).toEqual(new Set(['newer']));
    expect(stage.server.counts.tokenRequests).toBe(2);
  });
});

describe.concurrent('the reissue endpoint over TLS', () => {
  it('takes neither plain http nor old TLS, is trusted by its CA only, and renews its certificate without a restart', async () => {
    const [authority, stranger] = [createCertificateAuthority(), createCertificateAuthority()];
    stops.push(async () => [authority, stranger].map((one) => one.remove()));
    const stage = await open();
    const at = (name: string): string => join(stage.workplace.root, name);
    const install = ({ cert, key }: { cert: string; key: string }): void => {
      writeFileSync(at('tls.crt'), cert);
      writeFileSync(at('tls.key'), key, { mode: 0o600 });
    };
    install(authority.issue());
    const endpoint = { certificateFile: at('tls.crt'), privateKeyFile: at('tls.key') };
    stage.workplace.configure(stage.configuration({ beside: { endpoint } }));
    const running = stage.acquirer();
    await running.logged('token-issued');
    const url = await running.url('reissue');
    expect(url).toMatch(/^https:/);
    expect(await sendRaw(url, `POST ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`)).not.toContain('200');
    const reissuer = (caFile: string) =>
      createHttpsReissuer({
        url,
        namespace: 'billing',
        secret: 'billing-tokens',
        callerTokenFile: stage.workplace.callerToken,
        caFile,
      });
    const rejected = 'f'.repeat(64);
    expect(await reissuer(authority.caFile).reissue('dynamics', rejected)).toMatchObject({ outcome: 'newer' });
    expect(await failure(reissuer(stranger.caFile).reissue('dynamics', rejected))).toMatchObject({
      message: expect.stringContaining('and not by a CA in caFile'),
    });
    const port = Number(new URL(url).port);
    const old = connectTls({ port, host: '127.0.0.1', ca: authority.ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' });
    expect(await failure(once(old, 'secureConnect'))).toBeInstanceOf(Error);
    install(stranger.issue());
    await until(
      'The renewed certificate',
      async () =>
        reissuer(stranger.caFile)
          .reissue('dynamics', rejected)
          .then(
            () => true,
            () => false,
          ),
      30_000,
    );
  });

  it('hangs up on connections that never finish their handshake', async () => {
    const authority = createCertificateAuthority();
    stops.push(async () => authority.remove());
    const stage = await open();
    const at = (name: string): string => join(stage.workplace.root, name);
    const { cert, key } = authority.issue();
    writeFileSync(at('tls.crt'), cert);
    writeFileSync(at('tls.key'), key);
    const endpoint = { certificateFile: at('tls.crt'), privateKeyFile: at('tls.key') };
    stage.workplace.configure(stage.configuration({ beside: { endpoint } }));
    const running = stage.acquirer();
    const { port } = new URL(await running.url('reissue'));
    const sockets = await Promise.all(Array.from({ length: 50 }, () => opened(Number(port))));
    await until('The end of all of them', () => sockets.every((socket) => socket.destroyed), 40_000);
  });
});

describe.concurrent('the way to the authorization server', () => {
  it('is not opened by NODE_TLS_REJECT_UNAUTHORIZED=0: nothing is sent to a certificate that nobody vouches for', async () => {
    const authority = createCertificateAuthority();
    const asked: string[] = [];
    const server = await startHttpServer((request, response) => {
      asked.push(request.url ?? '');
      response.end('{}');
    }, authority.issue());
    stops.push(
      async () => server.stop(),
      async () => authority.remove(),
    );
    const stage = await open();
    stage.workplace.configure(stage.configuration({ reachedBy: { tokenEndpoint: `${server.url}/token` } }));
    const running = stage.acquirer([], { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } });
    expect(await running.logged('token-request-failed')).toMatchObject({ code: 'unreachable' });
    expect(asked).toEqual([]);
  });

  it('does not follow a redirect that would carry the secret elsewhere', async () => {
    const otherServer = await startScriptedTokenServer(() => ({}));
    const server = await startScriptedTokenServer(() => ({
      status: 307,
      headers: { location: otherServer.url },
      body: '',
    }));
    stops.push(
      () => otherServer.stop(),
      () => server.stop(),
    );
    const stage = await open();
    stage.workplace.configure(stage.configuration({ reachedBy: { tokenEndpoint: server.url } }));
    const running = stage.acquirer();
    expect(await running.logged('token-request-failed')).toMatchObject({ code: 'invalid_response' });
    expect(otherServer.times).toEqual([]);
  });

  it('lets no line break, control byte or prototype key of an answer through', async () => {
    const token = secret('access-token');
    const answers = [
      { ...newToken(), access_token: `${token}\r\nX-Injected: 1` },
      { ...newToken(), access_token: `${token}\u0000` },
      `{"__proto__":{"access_token":"${token}"},"token_type":"Bearer"}`,
    ];
    const server = await startScriptedTokenServer((request) =>
      request < answers.length ? { body: answers[request] } : {},
    );
    stops.push(() => server.stop());
    const stage = await open();
    stage.workplace.configure(stage.configuration({ reachedBy: { tokenEndpoint: server.url } }));
    const running = stage.acquirer();
    await running.logged('token-issued', 1, 30_000);
    expect(running.lines.filter(({ code }) => code === 'invalid_response')).toHaveLength(answers.length);
    expect(documentIn(stage.workplace.volume()).access_token).not.toContain(token);
  });
});

describe.concurrent('anyone who looks into the process', () => {
  it('finds no secret in its arguments and environment, and cannot open its inspector by a signal', async () => {
    const { running, stage } = await run();
    const pid = running.child.pid ?? 0;
    const shown = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1')).join('\0');
    expect(ownSecrets().length).toBeGreaterThan(0);
    expect(ownSecrets().filter(({ value }) => shown.includes(value))).toHaveLength(0);
    const files = readdirSync(`/proc/${pid}/fd`).length;
    running.child.kill('SIGUSR1');
    await pause(500);
    expect(readdirSync(`/proc/${pid}/fd`).length).toBe(files);
    expect((await running.status()).ready).toBe(true);
    expect(await running.end()).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(stage.workplace.volume(), 'dynamics'))).toBe(true);
  });

  it('finds no memory in a core dump of the kernel', async () => {
    const { running } = await run();
    const pid = running.child.pid ?? 0;
    // Of a private, a shared, a huge page and a header: none of them is written, whatever the limit and the pattern.
    expect(readFileSync(`/proc/${pid}/coredump_filter`, 'latin1').trim()).toBe('00000000');
    expect(await running.end()).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    '--inspect=127.0.0.1:0',
    '--heapsnapshot-signal=SIGUSR2',
    '--report-on-signal',
    '--abort-on-uncaught-exception',
  ])('by NODE_OPTIONS=%s finds none: it does not start', async (option) => {
    const stage = await open();
    const ended = await stage.acquirer([], { env: { NODE_OPTIONS: option } }).ended();
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`Node was started with ${option.replace(/=.*/, '')}, by`);
  });

  it('reads nothing in its crash but where it was', async () => {
    const stage = await open();
    const thrown = secret('message-of-a-crash');
    const at = (name: string): string => join(stage.workplace.root, name);
    writeFileSync(at('thrown'), thrown);
    writeFileSync(
      at('crash.mjs'),
      `import { readFileSync } from 'node:fs';
       const thrown = readFileSync(${JSON.stringify(at('thrown'))}, 'utf8');
       setTimeout(() => { throw Object.assign(new TypeError(thrown), { body: thrown }); }, 1500).unref();`,
    );
    const running = stage.acquirer([], { node: ['--import', at('crash.mjs')] });
    const ended = await running.ended();
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^The token-acquirer failed inside \(TypeError\) and ends\.\n {4}at /);
    expect(ended.stderr).not.toContain(thrown);
  });
});

describe('thousands of slow connections', () => {
  it('are ended in time, and in the meantime calls are served and memory is bounded', async () => {
    const { running, url, post } = await run();
    const port = Number(new URL(url).port);
    const sockets: Socket[] = [];
    while (sockets.length < 2500) {
      const some = await Promise.all(Array.from({ length: 100 }, () => opened(port)));
      for (const [index, socket] of some.entries()) {
        if (index % 2 === 0) socket.write(`POST ${PATH} HTTP/1.1\r\nHost: x\r\n`);
      }
      sockets.push(...some);
    }
    const drip = setInterval(() => {
      for (const [index, socket] of sockets.entries()) if (index % 2 === 0 && socket.writable) socket.write('x: y\r\n');
    }, 1000);
    stops.push(async () => clearInterval(drip));
    const before = performance.now();
    expect((await post({ rejected: 'f'.repeat(64) })).status).toBe(200);
    expect((await running.status()).ready).toBe(true);
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(residentMegabytes(running)).toBeLessThan(300);
    await until('The end of all of them', () => sockets.every((socket) => socket.destroyed), 40_000);
    clearInterval(drip);
    expect((await post({ rejected: 'f'.repeat(64) })).status).toBe(200);
    expect(await running.end()).toMatchObject({ code: 0, stderr: '' });
  });
});

/** One token-acquirer for all cases that leave no trace. */
const shared = (() => {
  let started: Promise<Running> | undefined;
  return (): Promise<Running> => (started ??= run());
})();

async function opened(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  return socket;
}

function residentMegabytes({ child }: AcquirerProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}
