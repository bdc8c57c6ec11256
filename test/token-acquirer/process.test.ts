import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { StoreError } from '../../src/core/errors.ts';
import type { ProcessEvent } from '../../src/core/events.ts';
import { sha256 } from '../../src/core/token.ts';
import type { VolumeNudge } from '../../src/ports/volume-nudge.ts';
import type { Adapters } from '../../src/token-acquirer/adapters.ts';
import type { KeepCertificate, OwnCertificate } from '../../src/token-acquirer/endpoints/reissue-server.ts';
import { LastEvents } from '../../src/token-acquirer/endpoints/status-page/last-events.ts';
import type { StatusReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { runTokenAcquirer } from '../../src/token-acquirer/process.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { FakeStoreWatch } from '../fakes/fake-store-watch.ts';
import { createWorld, type World } from '../support/acquirer.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CALLER = secret('caller');

let directory: ReturnType<typeof temporaryDirectory>;
const runs: Run[] = [];
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(async () => {
  for (const run of runs.splice(0)) await run.stop();
  directory.remove();
});

interface RunOptions {
  readonly grace?: number;
  readonly world?: Partial<World>;
  readonly listen?: string;
  readonly probeListen?: string;
  readonly keepCertificate?: KeepCertificate;
  /** Runs before the configuration is read for the first time. */
  readonly beforeRead?: (run: Run) => void;
  /** The memory limit of the process in bytes. */
  readonly memoryLimit?: number;
  /** A token store, which exists in a cluster. */
  readonly nudge?: VolumeNudge;
  readonly shard?: number;
}

/** The parts of a process with real listeners, and fakes for the rest. */
class Run {
  readonly events: ProcessEvent[] = [];
  released = 0;
  readonly watched = new Map<string, Set<() => void>>();
  readonly world: World;
  readonly #stop = new AbortController();
  readonly ended: Promise<void>;

  constructor({
    grace = 20_000,
    world,
    beforeRead,
    listen = '127.0.0.1:0',
    probeListen,
    keepCertificate,
    memoryLimit,
    nudge,
    shard = 0,
  }: RunOptions = {}) {
    const clock = createSystemClock();
    this.world = createWorld(world);
    const adapters: Adapters = {
      ...this.world,
      clock,
      random: fakeRandom(0),
      telemetry: { token: () => undefined, process: (event) => void this.events.push(event), forget: () => undefined },
      metrics: () => Promise.resolve({ contentType: 'text/plain', text: '' }),
      lastEvents: new LastEvents(clock),
      createEndpoint: () => this.world.endpoint,
      createChains: () => this.world.chains,
      keepCertificate,
      nudge,
      memoryLimit: () => memoryLimit,
      releaseMemory: () => void (this.released += 1),
      createCallers: () => ({
        authenticate: (bearer) => Promise.resolve(bearer.reveal() === CALLER ? { name: 'billing-app' } : undefined),
      }),
      watchFile: (file, changed) => {
        beforeRead?.(this);
        const watchers = this.watched.get(file) ?? new Set();
        this.watched.set(file, watchers.add(changed));
        return () => watchers.delete(changed);
      },
    };
    const addresses = { listen, statusListen: '127.0.0.1:0', probeListen };
    const options = { config: configFile(), ...addresses, connectionsPerAddress: 64, shard, grace };
    this.ended = runTokenAcquirer(options, adapters, this.#stop.signal);
    this.ended.catch(() => undefined);
    runs.push(this);
  }

  /** Reports a change of the file, as a watch would. */
  changed(file = configFile()): void {
    for (const tell of this.watched.get(file) ?? []) tell();
  }

  of<Kind extends ProcessEvent['kind']>(kind: Kind): Extract<ProcessEvent, { kind: Kind }>[] {
    return this.events.filter((event): event is Extract<ProcessEvent, { kind: Kind }> => event.kind === kind);
  }

  async waitForEvent(kind: ProcessEvent['kind'], count = 1): Promise<void> {
    await expect.poll(() => this.of(kind).length, { timeout: 15_000, interval: 5 }).toBeGreaterThanOrEqual(count);
  }

  async url(endpoint: 'reissue' | 'status' | 'probe' = 'reissue'): Promise<URL> {
    await this.waitForEvent('configuration-loaded');
    return new URL(this.of('listening').find((event) => event.endpoint === endpoint)?.url ?? '');
  }

  async report(): Promise<StatusReport> {
    return (await (await fetch(new URL('/status', await this.url('status')))).json()) as StatusReport;
  }

  async tokens(): Promise<string[]> {
    return (await this.report()).tokens.map(({ token }) => token);
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return this.ended.catch(() => undefined);
  }
}

const configFile = (): string => join(directory.path, 'config.yaml');

interface ConfigurationOptions {
  readonly names?: readonly string[];
  readonly clients?: readonly string[];
  readonly endpoint?: object;
  readonly propagation?: object | undefined;
  readonly shards?: number;
  readonly shard?: number;
  readonly page?: boolean;
  /** Of comments. */
  readonly padding?: number;
}

function configured({
  names = ['dynamics'],
  clients = ['billing-app'],
  endpoint,
  propagation,
  shards,
  shard,
  page,
  padding = 0,
}: ConfigurationOptions): string {
  const configuration = {
    authorizationServers: { corporate: { issuer: 'https://login.example.com' } },
    tokens: names.map((name) => ({
      name,
      authorizationServer: 'corporate',
      credential: 'dynamics',
      grant: 'client_credentials',
      secret: { namespace: 'billing', name: 'billing-tokens' },
      clients: clients.map((client) => ({ name: client, tokenFile: 'caller' })),
      ...(shard !== undefined && { shard }),
    })),
    ...(endpoint !== undefined && { endpoint }),
    ...(propagation !== undefined && { propagation }),
    ...(shards !== undefined && { shards }),
    ...(page !== undefined && { status: { page } }),
  };
  return `${`# ${'x'.repeat(98)}\n`.repeat(padding / 100)}${stringify(configuration)}`;
}

/** Replaces the file in one step, as a kubelet or a careful editor does. */
function configure(options: ConfigurationOptions = {}): void {
  writeFileSync(`${configFile()}.new`, configured(options));
  renameSync(`${configFile()}.new`, configFile());
}

function start(options: RunOptions = {}): Run {
  configure();
  return new Run(options);
}

async function connected(url: URL): Promise<Socket> {
  const socket = connect(Number(url.port), url.hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const PATH = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics/reissue';
const BODY = JSON.stringify({ rejected_sha256: 'f'.repeat(64) });

function request(parts: { path?: string; body?: string; length?: number } = {}): string {
  const { path = PATH, body = BODY, length = body.length } = parts;
  const headers = [
    `POST ${path} HTTP/1.1`,
    'host: x',
    `authorization: Bearer ${CALLER}`,
    'content-type: application/json',
    `content-length: ${length}`,
  ];
  return `${headers.join('\r\n')}\r\n\r\n${body}`;
}

describe('a configuration with refreshTokenReuse', () => {
  it.each([
    ['causes one warning per server for any time', true, 1],
    ['causes no warning for a limited time', '30s', 0],
  ])('%s', async (_sentence, refreshTokenReuse, warnings) => {
    const token = { authorizationServer: 'corporate', credential: 'dynamics', grant: 'refresh_token' };
    const secretName = { namespace: 'billing', name: 'billing-tokens' };
    const tokens = ['a', 'b'].map((name) => ({ ...token, name, secret: secretName }));
    const corporate = { issuer: 'https://login.example.com', refreshTokenReuse };
    writeFileSync(configFile(), stringify({ authorizationServers: { corporate }, tokens }));
    const run = new Run();
    await run.waitForEvent('configuration-loaded');
    const notices = run.of('warning').map(({ message }) => message);
    expect(
      notices.filter((message) => message.startsWith('authorizationServers.corporate.refreshTokenReuse: true')),
    ).toHaveLength(warnings);
  });
});

describe('a process of a shard', () => {
  it('waits without a token where the configuration does not have the shard, until it does', async () => {
    configure({ names: ['dynamics'] });
    const run = new Run({ shard: 2 });
    await run.waitForEvent('configuration-loaded');
    const reportOf = async (): Promise<unknown> =>
      (await run.report()).conditions?.find(({ type }) => type === 'ShardConfigured');
    expect(await run.tokens()).toEqual([]);
    expect(await reportOf()).toMatchObject({
      status: 'False',
      reason: 'NoSuchShard',
      message:
        'This process has the shard 2 (--shard), and the configuration has only shard 0: shards is 1. So it works on no token, and waits. Set shards to 3 or more, or stop this process.',
    });
    expect((await run.report()).ready).toBe(true);
    configure({ names: ['dynamics'], shards: 3, shard: 2 });
    run.changed();
    await expect.poll(() => run.tokens()).toEqual(['billing/billing-tokens/dynamics']);
    expect(await reportOf()).toMatchObject({ status: 'True', reason: 'ShardInUse' });
  });
});

describe('the memory', () => {
  it('causes a warning at the start if the tokens need more than the limit', async () => {
    const run = start({ memoryLimit: 64 * 1024 * 1024 });
    await run.waitForEvent('configuration-loaded');
    await run.waitForEvent('warning');
    expect(run.of('warning').map(({ message }) => message)).toEqual([
      expect.stringMatching(/^1 tokens need about 113 MiB of memory, but this process may use 64 MiB\./),
    ]);
    expect(run.released).toBe(0);
  });

  it('of a long configuration is freed before tokens are requested', async () => {
    const names = Array.from({ length: 500 }, (_, index) => `token-${index}`);
    configure({ names });
    const run = new Run();
    await run.waitForEvent('configuration-loaded');
    expect(run.released).toBe(1);
    expect(run.of('warning')).toEqual([]);
  });
});

describe('the status page', () => {
  const statusOfPage = async (run: Run, path = '/'): Promise<number> => {
    const answer = await fetch(new URL(path, await run.url('status')), { signal: AbortSignal.timeout(30_000) });
    await answer.body?.cancel();
    return answer.status;
  };

  it('does not exist unless the configuration has it', async () => {
    const run = start();
    await run.waitForEvent('configuration-loaded');
    for (const path of ['/', '/page/page.js', '/page/events']) expect(await statusOfPage(run, path)).toBe(404);
  });

  it('comes and goes with a reload', async () => {
    configure({ page: true });
    const run = new Run();
    await run.waitForEvent('configuration-loaded');
    expect(await statusOfPage(run)).toBe(200);
    expect(await statusOfPage(run, '/page/events')).toBe(200);
    configure({ page: false });
    run.changed();
    await expect.poll(() => statusOfPage(run), { timeout: 20_000 }).toBe(404);
    configure({ page: true });
    run.changed();
    await expect.poll(() => statusOfPage(run), { timeout: 20_000 }).toBe(200);
  });

  it('is on the status port only', async () => {
    configure({ page: true });
    const run = new Run({ probeListen: '127.0.0.1:0' });
    await run.waitForEvent('configuration-loaded');
    for (const endpoint of ['reissue', 'probe'] as const) {
      expect((await fetch(await run.url(endpoint))).status).toBe(404);
    }
  });

  it('does not delay the end of the process while it is open', async () => {
    configure({ page: true });
    const run = new Run();
    const stream = await fetch(new URL('/page/events', await run.url('status')));
    const read = stream.text();
    const began = performance.now();
    await run.stop();
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(await read).toMatch(/^retry: 1000\nevent: picture\ndata: \{/);
  });
});

describe('a configuration that is reloaded', () => {
  it('is the last file after two concurrent changes', async () => {
    const run = start();
    await run.waitForEvent('configuration-loaded');
    for (let round = 0; round < 5; round += 1) {
      configure({ names: ['large'], padding: 3_000_000 });
      run.changed();
      await pause(3);
      configure({ names: [`small-${round}`] });
      run.changed();
      await expect.poll(() => run.tokens(), { timeout: 15_000 }).toEqual([`billing/billing-tokens/small-${round}`]);
      await pause(150);
      expect(await run.tokens()).toEqual([`billing/billing-tokens/small-${round}`]);
    }
  });

  it('is read at most twice after many concurrent changes', async () => {
    const run = start();
    await run.waitForEvent('configuration-loaded');
    for (let change = 0; change < 50; change += 1) run.changed();
    await run.waitForEvent('configuration-loaded', 2);
    await pause(100);
    expect(run.of('configuration-loaded').length).toBeLessThanOrEqual(3);
  });

  it('is not missed while the process starts', async () => {
    let changed = false;
    const run = start({
      beforeRead: (starting) => {
        if (changed) return;
        changed = true;
        setTimeout(() => {
          configure({ names: ['early'] });
          starting.changed();
        }, 1);
      },
    });
    await expect.poll(() => run.tokens(), { timeout: 15_000 }).toEqual(['billing/billing-tokens/early']);
  });

  it.each<[string, string | Buffer]>([
    ['an alias of nothing', 'tokens: *none'],
    [
      'aliases without end',
      `a: &a [1]\nb: &b [${'*a,'.repeat(20)}]\nc: &c [${'*b,'.repeat(20)}]\nd: [${'*c,'.repeat(20)}]`,
    ],
    ['nothing', ''],
    ['a NUL', '\0'],
    ['bytes that are not text', Buffer.from([0xff, 0xfe, 0x00, 0x80])],
    ['half of itself', configured({}).slice(0, 150)],
    ['two documents', `${configured({})}---\n${configured({})}`],
    ['a prototype key', `${configured({})}__proto__: { polluted: true }\n`],
    ['a megabyte of brackets', '['.repeat(1_000_000)],
  ])('is reported and not used with %s', async (_sentence, text) => {
    const run = start();
    await run.waitForEvent('configuration-loaded');
    writeFileSync(configFile(), text);
    run.changed();
    await run.waitForEvent('configuration-refused');
    expect(run.of('configuration-refused')[0]?.message).toMatch(/The configuration that was in force stays\.$/);
    expect(await run.tokens()).toEqual(['billing/billing-tokens/dynamics']);
    const inForce = sha256(configured({}));
    const { configuration, conditions } = await run.report();
    expect(configuration).toMatchObject({
      sha256: inForce,
      rejected: { error: expect.stringContaining('config.yaml') },
    });
    expect(conditions).toMatchObject([{ type: 'ConfigurationInForce', status: 'False', reason: 'NewerFileRejected' }]);
    configure({ names: ['mended'] });
    run.changed();
    await expect.poll(() => run.tokens()).toEqual(['billing/billing-tokens/mended']);
    await expect.poll(async () => (await run.report()).configuration?.rejected).toBeUndefined();
  });

  it('reports its own hash and time, and healthy conditions', async () => {
    const run = start();
    const { configuration, conditions, ready } = await run.report();
    expect(configuration).toEqual({ sha256: sha256(configured({})), loaded_at: expect.any(String) });
    expect(conditions).toMatchObject([{ type: 'ConfigurationInForce', status: 'True' }]);
    expect(ready).toBe(true);
  });

  it('revokes the permission of a call whose body is still coming', async () => {
    const run = start();
    const socket = await connected(await run.url());
    socket.write(request({ body: BODY.slice(0, 10), length: BODY.length }));
    await pause(50);
    configure({ clients: ['another-app'] });
    run.changed();
    await run.waitForEvent('configuration-loaded', 2);
    socket.write(BODY.slice(10));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 403 /);
    socket.destroy();
  });

  it('reports the settings that need a restart', async () => {
    const run = start();
    await run.waitForEvent('configuration-loaded');
    writeFileSync(configFile(), `${configured({})}state: { secret: another-state }\nendpoint: { service: another }\n`);
    run.changed();
    await run.waitForEvent('configuration-loaded', 2);
    await run.waitForEvent('warning');
    expect(run.of('warning').map(({ message }) => message)).toEqual([
      'state.secret, endpoint.service changed, which counts from the next start: restart the token-acquirer.',
    ]);
    const reason = async () => (await run.report()).conditions?.map((one) => one.reason);
    await expect.poll(reason).toEqual(['RestartNeeded']);
    // A later change of something else brings no restart.
    writeFileSync(configFile(), `${configured({})}state: { secret: another-state }\n`);
    run.changed();
    await run.waitForEvent('configuration-loaded', 3);
    expect(await reason()).toEqual(['RestartNeeded']);
    configure({});
    run.changed();
    await expect.poll(reason).toEqual(['Loaded']);
  });

  it('switches the watch of the token Secrets on and off, without a restart', async () => {
    const storeWatch = new FakeStoreWatch();
    configure({ propagation: { watch: true } });
    const run = new Run({ world: { storeWatch } });
    await run.waitForEvent('configuration-loaded');
    expect(storeWatch.enabled).toBe(true);
    expect(storeWatch.watched).toEqual(['billing/billing-tokens/dynamics']);
    for (const [count, propagation, enabled] of [
      [2, { watch: false }, false],
      [3, { watch: true }, true],
      [4, undefined, false],
    ] as const) {
      configure({ propagation });
      run.changed();
      await run.waitForEvent('configuration-loaded', count);
      expect(storeWatch.enabled).toBe(enabled);
    }
    expect(run.of('warning')).toEqual([]);
  });

  it('turns the nudge on and off, and with it the condition of mounted volumes', { timeout: 60_000 }, async () => {
    const run = start({ nudge: { nudge: () => Promise.resolve(undefined) } });
    const reasonOf = async (): Promise<string | undefined> => {
      const [token] = (await run.report()).tokens;
      return token?.conditions.find(({ type }) => type === 'VolumeFollowsInTime')?.reason;
    };
    // The tokens of the fake live for a minute. Less than the half minute after which each is looked at anyway.
    const SOON = { timeout: 20_000, interval: 20 };
    await expect.poll(reasonOf, SOON).toBe('RenewedTooLate');
    configure({ propagation: { nudge: true } });
    run.changed();
    await expect.poll(reasonOf, SOON).toBe('Nudged');
    configure({});
    run.changed();
    await expect.poll(reasonOf, SOON).toBe('RenewedTooLate');
  });

  it('has no condition of mounted volumes without a cluster', async () => {
    const run = start();
    const stateOf = async (): Promise<string | undefined> => (await run.report()).tokens[0]?.state;
    await expect.poll(stateOf, { timeout: 15_000 }).toBe('Valid');
    const types = (await run.report()).tokens.flatMap(({ conditions }) => conditions.map(({ type }) => type));
    expect(types).not.toContain('VolumeFollowsInTime');
  });

  it('changes nothing during a stop', async () => {
    const run = start();
    await run.waitForEvent('configuration-loaded');
    configure({ names: ['late'] });
    run.changed();
    await run.stop();
    await pause(100);
    expect(run.of('configuration-loaded')).toHaveLength(1);
    expect(run.world.endpoint.requests).toHaveLength(1);
  });
});

describe('the certificate of the reissue endpoint', () => {
  let authority: CertificateAuthority;
  const at = (name: string): string => join(directory.path, name);
  const endpoint = (name: string): object => ({ certificateFile: `${name}.crt`, privateKeyFile: `${name}.key` });
  beforeEach(() => {
    authority = createCertificateAuthority();
  });
  afterEach(() => authority.remove());

  function issue(name: string): void {
    const { cert, key } = authority.issue();
    writeFileSync(at(`${name}.crt`), cert);
    writeFileSync(at(`${name}.key`), key);
  }

  it('is watched once the configuration names it', async () => {
    for (const name of ['first', 'second']) issue(name);
    configure({ endpoint: endpoint('first') });
    const run = new Run();
    await run.waitForEvent('configuration-loaded');
    configure({ endpoint: endpoint('second') });
    run.changed();
    await run.waitForEvent('configuration-loaded', 2);
    const watchers = (name: string): number => run.watched.get(at(name))?.size ?? 0;
    expect(['first.crt', 'first.key', 'second.crt', 'second.key'].map(watchers)).toEqual([0, 0, 1, 1]);
    await run.stop();
    expect([...run.watched.values()].map(({ size }) => size)).toEqual([0, 0, 0, 0, 0]);
  });

  it.each([
    ['empty', ''],
    ['of another key', undefined],
    ['not a certificate', 'x'.repeat(1000)],
  ])('is not used if it is %s, which is logged', async (_sentence, text) => {
    issue('tls');
    configure({ endpoint: endpoint('tls') });
    const run = new Run();
    await run.waitForEvent('configuration-loaded');
    writeFileSync(at('tls.crt'), text ?? authority.issue().cert);
    run.changed(at('tls.crt'));
    await run.waitForEvent('warning');
    expect(run.of('warning')[0]?.message).toMatch(/are not a PEM certificate and its key\. The one in use stays\.$/);
  });

  it('has its CA next to every token from the first write on, and after each change', async () => {
    issue('tls');
    const { secret: name, namespace } = { namespace: 'billing', secret: 'billing-tokens' };
    const seen = (run: Run): string | undefined => run.world.store.data({ namespace, secret: name })['ca.crt'];
    writeFileSync(at('ca.crt'), authority.ca);
    configure({ endpoint: { ...endpoint('tls'), caFile: 'ca.crt' } });
    const run = new Run();
    await run.waitForEvent('configuration-loaded');
    await expect.poll(() => run.world.store.writes.length).toBe(1);
    expect(run.world.store.writes[0]?.changes['ca.crt']).toBe(authority.ca);
    const next = createCertificateAuthority();
    writeFileSync(at('ca.crt'), `${next.ca}${authority.ca}`);
    run.changed(at('ca.crt'));
    await expect.poll(() => seen(run)).toBe(`${next.ca}${authority.ca}`);
    writeFileSync(at('other.crt'), next.ca);
    next.remove();
    configure({ endpoint: { ...endpoint('tls'), caFile: 'other.crt' } });
    run.changed();
    await expect.poll(() => seen(run)).toBe(next.ca);
    await run.stop();
    expect([...run.watched.values()].every(({ size }) => size === 0)).toBe(true);
  });

  it('has no CA that is configured for a certificate that is not served', async () => {
    issue('tls');
    writeFileSync(at('ca.crt'), authority.ca);
    const run = start();
    await run.waitForEvent('configuration-loaded');
    configure({ endpoint: { ...endpoint('tls'), caFile: 'ca.crt' } });
    run.changed();
    await run.waitForEvent('warning');
    expect(run.world.store.data({ namespace: 'billing', secret: 'billing-tokens' })).not.toHaveProperty('ca.crt');
  });

  it('is an error with a sentence if it is invalid at the start', async () => {
    issue('tls');
    writeFileSync(at('tls.crt'), 'nothing');
    configure({ endpoint: endpoint('tls') });
    await expect(new Run().ended).rejects.toThrow(
      `${at('tls.crt')} and ${at('tls.key')} are not a PEM certificate and its key.`,
    );
  });

  it('needs a restart, which is logged, if it is configured while the endpoint has none', async () => {
    issue('tls');
    const run = start();
    await run.waitForEvent('configuration-loaded');
    configure({ endpoint: endpoint('tls') });
    run.changed();
    await run.waitForEvent('warning');
    expect(run.of('warning')[0]?.message).toContain('was started without TLS and stays so: restart');
  });
});

describe('a certificate that the process makes for itself', () => {
  let authorities: CertificateAuthority[];
  beforeEach(() => {
    authorities = [createCertificateAuthority(), createCertificateAuthority()];
  });
  afterEach(() => {
    for (const authority of authorities) authority.remove();
  });

  const SECRET = { namespace: 'billing', secret: 'billing-tokens' };

  /** A process beyond loopback, whose certificates come when the test issues them. */
  function keeping(listen = '0.0.0.0:0') {
    let give: (authority: CertificateAuthority | undefined) => void = () => undefined;
    let kept = 0;
    configure();
    const run = new Run({
      listen,
      keepCertificate: (_settings, { onChange }) => {
        kept += 1;
        give = (authority) => onChange(certificateOf(authority));
        return () => {
          kept -= 1;
        };
      },
    });
    return { run, give: (authority?: CertificateAuthority) => give(authority), kept: () => kept };
  }

  function certificateOf(authority = authorities[0]): OwnCertificate {
    if (authority === undefined) throw new Error('There is no such CA.');
    return { ...authority.issue(), caBundle: authority.ca };
  }

  async function presented(url: URL): Promise<string> {
    const socket = connectTls({ port: Number(url.port), host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { raw } = socket.getPeerCertificate(true).issuerCertificate ?? socket.getPeerCertificate();
    socket.destroy();
    return raw.toString('base64');
  }

  it('comes before the tokens are read, so that hundreds of them do not delay the endpoint', async () => {
    configure();
    const certificate = certificateOf();
    const run = new Run({
      listen: '0.0.0.0:0',
      keepCertificate: (_settings, { onChange }) => {
        onChange(certificate);
        return () => undefined;
      },
    });
    await run.waitForEvent('configuration-loaded');
    const before = run.events.slice(
      0,
      run.events.findIndex(({ kind }) => kind === 'configuration-loaded'),
    );
    expect(before).toContainEqual(expect.objectContaining({ kind: 'listening', endpoint: 'reissue' }));
    await expect.poll(() => run.world.store.data(SECRET)['ca.crt']).toBe(certificate.caBundle);
  });

  it('does not delay tokens while it is awaited, but until then the process is not ready', async () => {
    const { run, give } = keeping();
    await run.waitForEvent('configuration-loaded');
    await expect.poll(() => run.world.store.writes.length).toBe(1);
    const ready = async (): Promise<number> => (await fetch(new URL('/readyz', await run.url('status')))).status;
    expect(await ready()).toBe(503);
    expect(run.of('listening').map(({ endpoint }) => endpoint)).toEqual(['status']);
    give();
    await expect.poll(ready).toBe(200);
    expect(run.of('listening').map(({ endpoint }) => endpoint)).toEqual(['status', 'reissue']);
  });

  describe('whose CA is to be in a Secret', () => {
    const OWN = { namespace: 'token-acquirer', secret: 'token-acquirer-ca' };
    type Tell = Parameters<KeepCertificate>[1];

    async function waiting(): Promise<{ run: Run; notices: Tell; detail: () => Promise<string | undefined> }> {
      let notices: Tell | undefined;
      configure();
      const run = new Run({
        listen: '0.0.0.0:0',
        keepCertificate: (_settings, given) => {
          notices = given;
          return () => undefined;
        },
      });
      await run.waitForEvent('configuration-loaded');
      const detail = async (): Promise<string | undefined> => {
        const answer = await fetch(new URL('/readyz', await run.url('status')));
        return answer.ok ? undefined : ((await answer.json()) as { detail: string }).detail;
      };
      return { run, notices: notices as unknown as Tell, detail };
    }

    const conditionOf = async (run: Run) =>
      (await run.report()).conditions?.find(({ type }) => type === 'AuthorityStored');

    it('shows at /readyz and in the status what it waits for, and the end of the wait', async () => {
      const { run, notices, detail } = await waiting();
      notices.onStored(new StoreError('The API server forbids it. Allow it.', { permanent: true }), OWN);
      const why = 'The reissue endpoint waits for its certificate. The API server forbids it. Allow it.';
      expect(await detail()).toBe(why);
      expect(await run.report()).toMatchObject({ ready: false, not_ready: why });
      expect(await conditionOf(run)).toMatchObject({ status: 'False', reason: 'StoreUnavailable' });
      notices.onChange(certificateOf());
      notices.onStored(undefined, OWN);
      await expect.poll(detail).toBeUndefined();
      expect(await conditionOf(run)).toMatchObject({ status: 'True' });
      expect(run.of('process-unhealthy')).toMatchObject([{ condition: 'AuthorityStored', secret: OWN }]);
      expect(run.of('process-recovered')).toHaveLength(1);
    });

    it('is ready without the Secret, and reports the command to run', async () => {
      const { run, notices, detail } = await waiting();
      notices.onStored(new StoreError('There is no Secret. Run: kubectl create.', { missing: true }), OWN);
      notices.onChange(certificateOf());
      await expect.poll(detail).toBeUndefined();
      expect(await conditionOf(run)).toMatchObject({
        status: 'False',
        reason: 'SecretDoesNotExist',
        message: expect.stringMatching(/^There is no Secret\. Run: kubectl create\. Until then .* only in memory/),
      });
    });

    it('is not unhealthy while an API server is unavailable and the certificate serves on', async () => {
      const { run, notices } = await waiting();
      notices.onChange(certificateOf());
      await run.waitForEvent('listening', 2);
      notices.onStored(undefined, OWN);
      notices.onStored(new StoreError('The API server is unavailable.'), OWN);
      expect(await conditionOf(run)).toMatchObject({ status: 'True' });
    });
  });

  it('is served, with its CAs next to every token, and so is its successor, without a restart', async () => {
    const { run, give } = keeping();
    await run.waitForEvent('configuration-loaded');
    give();
    await run.waitForEvent('listening', 2);
    await expect.poll(() => run.world.store.data(SECRET)['ca.crt']).toBe(authorities[0]?.ca);
    const first = await presented(await run.url());
    give(authorities[1]);
    await expect.poll(() => run.world.store.data(SECRET)['ca.crt']).toBe(authorities[1]?.ca);
    expect(await presented(await run.url())).not.toBe(first);
    expect(run.of('listening')).toHaveLength(2);
  });

  it('is no longer renewed after a stop, though the first never came', async () => {
    const { run, kept } = keeping();
    await run.waitForEvent('configuration-loaded');
    expect(kept()).toBe(1);
    await run.stop();
    expect(kept()).toBe(0);
    await expect(run.ended).resolves.toBeUndefined();
  });

  it('is not made on loopback', async () => {
    const { run, kept } = keeping('127.0.0.1:0');
    await run.waitForEvent('listening', 2);
    expect(kept()).toBe(0);
    expect((await run.url()).protocol).toBe('http:');
  });
});

describe('the probes', () => {
  const statuses = async (at: URL, paths: readonly string[]): Promise<number[]> =>
    Promise.all(paths.map(async (path) => (await fetch(new URL(path, at))).status));

  it('have a separate address if it is configured, which answers nothing else', async () => {
    const run = start({ probeListen: ':0' });
    const at = await run.url('probe');
    await expect.poll(() => statuses(at, ['/readyz'])).toEqual([200]);
    const paths = ['/livez', '/readyz', '/status', '/metrics', PATH];
    expect(await statuses(at, paths)).toEqual([200, 200, 404, 404, 404]);
    expect(await statuses(await run.url('status'), ['/livez', '/readyz'])).toEqual([200, 200]);
  });

  it('are answered until the end, as not ready', async () => {
    const run = start({ probeListen: '127.0.0.1:0' });
    const at = await run.url('probe');
    await expect.poll(() => run.world.endpoint.requests.length, { timeout: 15_000 }).toBe(1);
    await pause(1100);
    run.world.endpoint.hold();
    const report = await run.report();
    const headers = { authorization: `Bearer ${CALLER}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ rejected_sha256: report.tokens[0]?.sha256 });
    const answer = fetch(new URL(PATH, await run.url()), { method: 'POST', headers, body });
    await expect.poll(() => run.world.endpoint.inFlight, { timeout: 15_000 }).toBe(1);
    void run.stop();
    await run.waitForEvent('stopping');
    expect(await statuses(at, ['/livez', '/readyz'])).toEqual([200, 503]);
    run.world.endpoint.release();
    expect((await answer).status).toBe(200);
    await run.ended;
    await expect(fetch(new URL('/livez', at))).rejects.toThrow(TypeError);
  });

  it('end the start with a sentence that names the option if their address is in use', async () => {
    const run = start();
    const { port } = await run.url('status');
    await expect(start({ probeListen: `127.0.0.1:${port}` }).ended).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${port}: the port is in use. Choose another address with --probe-listen.`,
    );
  });
});

describe('a start that fails', () => {
  it('because of the configuration logs nothing, so that the reason comes first', async () => {
    writeFileSync(configFile(), 'tokens: none');
    const run = new Run();
    await expect(run.ended).rejects.toThrow('config.yaml:1:');
    expect(run.events).toEqual([]);
    expect([...run.watched.values()].every((watchers) => watchers.size === 0)).toBe(true);
  });

  it('because of an address does not log that it stops', async () => {
    const first = start();
    const { port } = await first.url('status');
    const run = start({ probeListen: `127.0.0.1:${port}` });
    await expect(run.ended).rejects.toThrow('the port is in use');
    expect(run.events.map(({ kind }) => kind)).toEqual(['listening']);
  });
});

describe('a stop', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['sends nothing', () => undefined],
    ['has sent half its headers', (socket) => void socket.write('POST / HTTP/1.1\r\nhost: x\r\n')],
    [
      'has sent half its body without permission',
      (socket) => void socket.write('POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345'),
    ],
  ])('does not wait for a connection that %s', async (_sentence, behave) => {
    const run = start();
    const socket = await connected(await run.url());
    behave(socket);
    await pause(50);
    const before = performance.now();
    await run.stop();
    expect(performance.now() - before).toBeLessThan(5000);
    socket.destroy();
  });

  it('answers the open calls, and then ends immediately', async () => {
    const run = start();
    const url = await run.url();
    await expect.poll(() => run.world.endpoint.requests.length).toBe(1);
    run.world.endpoint.hold();
    const rejected = await run.report();
    const body = JSON.stringify({ rejected_sha256: rejected.tokens[0]?.sha256 });
    const headers = { authorization: `Bearer ${CALLER}`, 'content-type': 'application/json' };
    const answers = Array.from({ length: 20 }, () => fetch(new URL(PATH, url), { method: 'POST', headers, body }));
    await expect.poll(() => run.world.endpoint.inFlight, { timeout: 15_000 }).toBe(1);
    await pause(100);
    const ended = run.stop();
    await pause(100);
    const before = performance.now();
    run.world.endpoint.release();
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
    await ended;
    expect(performance.now() - before).toBeLessThan(5000);
  });

  it('shows not ready while it lasts, but still serves status and metrics', async () => {
    const run = start();
    const [reissue, status] = [await run.url(), await run.url('status')];
    await expect.poll(() => run.world.endpoint.requests.length, { timeout: 15_000 }).toBe(1);
    await pause(1100);
    run.world.endpoint.hold();
    const [report] = (await run.report()).tokens;
    const headers = { authorization: `Bearer ${CALLER}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ rejected_sha256: report?.sha256 });
    const answer = fetch(new URL(PATH, reissue), { method: 'POST', headers, body });
    await expect.poll(() => run.world.endpoint.inFlight, { timeout: 15_000 }).toBe(1);
    const ended = run.stop();
    await run.waitForEvent('stopping');
    await pause(100);
    const statuses = ['/livez', '/readyz', '/metrics', '/status'].map(
      async (path) => (await fetch(new URL(path, status))).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 503, 200, 200]);
    run.world.endpoint.release();
    expect((await answer).status).toBe(200);
    await ended;
    await expect(fetch(new URL('/livez', status))).rejects.toThrow(TypeError);
  });

  it('answers 503 to calls that last longer than the grace period, and ends', async () => {
    const run = start({ grace: 300 });
    const url = await run.url();
    await expect.poll(() => run.world.endpoint.requests.length).toBe(1);
    await pause(1100);
    run.world.endpoint.hold();
    const [report] = (await run.report()).tokens;
    const headers = { authorization: `Bearer ${CALLER}`, 'content-type': 'application/json' };
    const answer = fetch(new URL(PATH, url), {
      method: 'POST',
      headers,
      body: JSON.stringify({ rejected_sha256: report?.sha256 }),
    });
    await expect.poll(() => run.world.endpoint.inFlight, { timeout: 15_000 }).toBe(1);
    const before = performance.now();
    await run.stop();
    expect(performance.now() - before).toBeLessThan(5000);
    expect((await answer).status).toBe(503);
    expect(await (await answer).json()).toMatchObject({ code: 'stopping' });
  });
});

describe('a rejected call', () => {
  it('is logged without its query, which may contain a token', async () => {
    const run = start();
    const answer = await fetch(new URL(`${PATH}?access_token=${CALLER}`, await run.url()), { method: 'POST' });
    expect(answer.status).toBe(401);
    const call = { id: answer.headers.get('x-request-id'), remote: '127.0.0.1', caller: undefined, pod: undefined };
    expect(run.of('call-refused')).toEqual([{ kind: 'call-refused', status: 401, path: PATH, call }]);
  });

  it.each([
    ['a gigabyte announced, by an unknown caller', 413, 'content-length: 1073741824', undefined],
    ['a gigabyte announced', 413, 'content-length: 1073741824', CALLER],
    ['a body without end, by an unknown caller', 401, 'transfer-encoding: chunked', undefined],
    ['a body without end', 413, 'transfer-encoding: chunked', CALLER],
  ])('with %s is answered with %i, and no more of it is read', async (_sentence, status, length, bearer) => {
    const run = start();
    const socket = await connected(await run.url());
    let answer = '';
    socket.on('data', (part: Buffer) => {
      answer += part.toString();
    });
    const authorization = bearer === undefined ? [] : [`authorization: Bearer ${bearer}`];
    const headers = [`POST ${PATH} HTTP/1.1`, 'host: x', 'content-type: application/json', length, ...authorization];
    socket.write(`${headers.join('\r\n')}\r\n\r\n`);
    const chunked = length.startsWith('transfer');
    // The test sends only a little too much first, because a reset while more data comes would lose the answer.
    if (chunked) socket.write(`1388\r\n${' '.repeat(5000)}\r\n`);
    await expect.poll(() => answer, { timeout: 15_000, interval: 5 }).not.toBe('');
    const part = chunked ? `10000\r\n${' '.repeat(65_536)}\r\n` : ' '.repeat(65_536);
    let sent = 0;
    const until = performance.now() + 8000;
    while (!socket.destroyed && performance.now() < until) {
      if (socket.write(part)) sent += part.length;
      await pause(1);
    }
    expect(socket.destroyed).toBe(true);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it('is logged if its body is too large', async () => {
    const run = start();
    const headers = { authorization: `Bearer ${CALLER}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ rejected_sha256: 'x'.repeat(5000) });
    const answer = await fetch(new URL(PATH, await run.url()), { method: 'POST', headers, body });
    expect(answer.status).toBe(413);
    expect(run.of('call-refused')[0]).toMatchObject({ status: 413, path: PATH });
  });
});
