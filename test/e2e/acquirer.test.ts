import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { TokenDocument } from '../../src/core/token-volume.ts';
import { keepOutput } from '../support/outputs.ts';
import { secret } from '../support/secrets.ts';
import { command, runArguments } from './acquirer-process.ts';
import { type Stage, stages } from './stage.ts';

const { open, closeAll } = stages();
afterEach(closeAll);

function documentIn(volume: string): TokenDocument {
  return JSON.parse(readFileSync(join(volume, 'dynamics.json'), 'utf8')) as TokenDocument;
}

const sleep = (duration: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, duration));

async function eventually(condition: () => boolean | Promise<boolean>, within = 10_000): Promise<void> {
  const until = Date.now() + within;
  while (!(await condition())) {
    if (Date.now() > until) throw new Error('It did not come about in time.');
    await sleep(20);
  }
}

describe('token-acquirer run, on a real authorization server and gateway', () => {
  it('recovers from a revocation with one reissue, in a fraction of the time that a call may take', async () => {
    const { acquirer, source, gateway, server, revoke } = await open();
    const running = acquirer();
    const { source: dynamics, call } = await source(running);
    await sleep(1000);
    await revoke(dynamics.current().accessToken.reveal());
    const before = performance.now();
    const answer = await call(`${gateway.url}/incidents`);
    expect(answer.status).toBe(200);
    // Ten times what a busy machine needs; the benchmarks measure it.
    expect(performance.now() - before).toBeLessThan(5000);
    expect(server.counts.tokenRequests).toBe(2);
    await running.logged('reissue');
    expect(running.count('reissue')).toBe(1);
  });

  it('logs its decisions with --log-level debug', async () => {
    const { acquirer, source } = await open();
    const running = acquirer(['--log-level', 'debug']);
    await source(running);
    const decisions = running.lines.filter(({ event }) => event === 'decision');
    const request = { about: 'token', kind: 'request-token', reason: 'TokenDoesNotExist', because: expect.any(String) };
    expect(decisions).toContainEqual(expect.objectContaining({ level: 'debug', after_ms: 0, ...request }));
    expect(decisions).toContainEqual(expect.objectContaining({ about: 'copy', kind: 'read', reason: 'CopyUnread' }));
  });

  // Client, gateway and service of a thousand calls share this process. On a busy machine some clients run out of patience.
  it('makes one token request for 1,000 rejections together, and all recover', {
    timeout: 60_000,
    retry: 2,
  }, async () => {
    const { acquirer, source, gateway, server, revoke } = await open();
    const running = acquirer();
    const { source: dynamics, call } = await source(running);
    await sleep(1000);
    await revoke(dynamics.current().accessToken.reveal());
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async () => {
        const answer = await call(`${gateway.url}/incidents`);
        await answer.body?.cancel();
        return answer.status;
      }),
    );
    expect(answers.filter((status) => status === 200)).toHaveLength(1000);
    expect(server.counts.tokenRequests).toBe(2);
  });

  it('makes one token request for 1,000 separate clients that call together', { timeout: 60_000 }, async () => {
    const { acquirer, source, server, workplace } = await open();
    const running = acquirer();
    await source(running);
    const rejected = documentIn(workplace.volume()).sha256;
    const caller = readFileSync(workplace.callerToken, 'utf8').trim();
    const url = `${await running.url('reissue')}/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics/reissue`;
    const outcomes = await Promise.all(
      Array.from({ length: 1000 }, async () => {
        const answer = await fetch(url, {
          method: 'POST',
          headers: { authorization: `Bearer ${caller}`, 'content-type': 'application/json' },
          body: JSON.stringify({ rejected_sha256: rejected }),
        });
        return ((await answer.json()) as { outcome: string }).outcome;
      }),
    );
    expect(outcomes.filter((outcome) => outcome === 'reissued')).toHaveLength(1);
    expect(outcomes.every((outcome) => ['reissued', 'coalesced', 'newer'].includes(outcome))).toBe(true);
    expect(server.counts.tokenRequests).toBe(2);
  });

  it('with respondWith generation, the client recovers only by re-reading the volume', async () => {
    const { acquirer, source, gateway, revoke } = await open({ respondWith: 'generation' });
    const running = acquirer();
    const { source: dynamics, call } = await source(running);
    const first = dynamics.current().sha256;
    await sleep(1000);
    await revoke(dynamics.current().accessToken.reveal());
    expect((await call(`${gateway.url}/incidents`)).status).toBe(200);
    expect(dynamics.current().sha256).not.toBe(first);
  });

  it("touches no other client app's token of the same name", async () => {
    const { acquirer, source, gateway, revoke, workplace } = await open({
      secrets: ['billing-tokens', 'shipping-tokens'],
    });
    const running = acquirer();
    const billing = await source(running, 'billing-tokens');
    await source(running, 'shipping-tokens');
    const shipping = documentIn(workplace.volume('shipping-tokens')).sha256;
    await sleep(1000);
    await revoke(billing.source.current().accessToken.reveal());
    expect((await billing.call(`${gateway.url}/incidents`)).status).toBe(200);
    expect(documentIn(workplace.volume('shipping-tokens')).sha256).toBe(shipping);
  });

  it('asks for nothing after a restart, and its client goes on', async () => {
    const { acquirer, source, gateway, server } = await open();
    const first = acquirer();
    const { call } = await source(first);
    await first.end('SIGKILL');
    const second = acquirer();
    await second.logged('token-adopted');
    expect((await call(`${gateway.url}/incidents`)).status).toBe(200);
    expect(server.counts.tokenRequests).toBe(1);
  });

  it('obtains tokens by the grant password, with a warning that names the RFC', async () => {
    const { acquirer, source, gateway } = await open({ grant: 'password' });
    const running = acquirer();
    const { call } = await source(running);
    expect((await call(`${gateway.url}/incidents`)).status).toBe(200);
    expect(String((await running.logged('warning'))['message'])).toContain('RFC 9700 section 2.4');
  });
});

describe('refresh rotation, on a real authorization server that revokes the chain on reuse', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'uses the rotated token after %s, the old one never again',
    { timeout: 30_000 },
    async (signal) => {
      const opened = await open({ grant: 'refresh_token', lifetime: 3 });
      const { acquirer, workplace } = opened;
      workplace.credential('dynamics', { refresh_token: await opened.firstRefreshToken() });
      const first = acquirer();
      await first.logged('token-issued', 2);
      await first.end(signal);
      const second = acquirer();
      await second.logged('token-issued', 2);
      // The server would have answered invalid_grant to a used refresh token, and to every one after it.
      expect(second.count('token-request-failed')).toBe(0);
      const folder = join(workplace.state, 'billing', 'billing-tokens');
      const state = join(folder, readdirSync(folder).at(-1) ?? '');
      expect(statSync(state).mode & 0o777).toBe(0o600);
      expect(statSync(workplace.state).mode & 0o077).toBe(0);
    },
  );
});

describe('a running token-acquirer', () => {
  it('follows the interval that the command line sets, without a restart', async () => {
    const { acquirer, source, workplace } = await open({ lifetime: 600 });
    const running = acquirer();
    await source(running);
    const before = documentIn(workplace.volume());
    const set = await command(['interval', 'set', 'dynamics', '2m', '--credentials', workplace.credentials]);
    expect(set.code).toBe(0);
    await running.logged('token-rescheduled');
    await eventually(() => documentIn(workplace.volume()).renew_at !== before.renew_at);
    const after = documentIn(workplace.volume());
    expect(Date.parse(after.renew_at) - Date.parse(after.issued_at)).toBeLessThanOrEqual(120_000);
    expect(after.sha256).toBe(before.sha256);
  });

  it('takes a corrected credential into use immediately', async () => {
    const { acquirer, workplace, passwords } = await open();
    workplace.credential('dynamics', { client_secret: secret('wrong-secret') });
    const running = acquirer();
    expect(await running.logged('token-request-failed')).toMatchObject({ code: 'invalid_client' });
    await command(
      ['credentials', 'set', 'dynamics', '--credentials', workplace.credentials, '--key', 'client_secret'],
      passwords.client,
    );
    await running.logged('token-issued', 1, 5000);
    expect(statSync(join(workplace.credentials, 'dynamics', 'client_secret')).mode & 0o777).toBe(0o600);
  });

  it('keeps the configuration in force when the file breaks, and takes the next good one', async () => {
    const { acquirer, workplace, configuration, source } = await open();
    const running = acquirer();
    await source(running);
    writeFileSync(workplace.config, 'tokens: [');
    expect(String((await running.logged('configuration-refused'))['message'])).toContain(
      'The configuration that was in force stays.',
    );
    expect((await running.status()).tokens).toHaveLength(1);
    workplace.configure(configuration({ secrets: ['shipping-tokens'] }));
    await running.logged('configuration-loaded', 2);
    await eventually(() => existsSync(join(workplace.volume('shipping-tokens'), 'dynamics')));
    await eventually(() => !existsSync(join(workplace.volume('billing-tokens'), 'dynamics')));
  });

  it('suspends while the process of the client app is gone, and resumes immediately', async () => {
    const opened = await open({ lifetime: 2 });
    const file = join(opened.workplace.root, 'app.pid');
    writeFileSync(file, `${process.pid}\n`);
    opened.workplace.configure(opened.configuration({ more: { clientApp: { pidFile: file } } }));
    const running = opened.acquirer();
    await opened.source(running);
    writeFileSync(file, '999999999\n');
    await running.logged('suspended');
    await running.logged('token-withdrawn');
    expect(existsSync(join(opened.workplace.volume(), 'dynamics'))).toBe(false);
    const requests = opened.server.counts.tokenRequests;
    await sleep(2500);
    expect(opened.server.counts.tokenRequests).toBe(requests);
    writeFileSync(file, `${process.pid}\n`);
    await running.logged('resumed', 1, 5000);
    await eventually(() => existsSync(join(opened.workplace.volume(), 'dynamics')));
  });

  it('shows its status as a table, with exit code 0 while everything is healthy', async () => {
    const { acquirer, source } = await open();
    const running = acquirer();
    await source(running);
    const shown = await command(['status', '--status-url', await running.url('status')]);
    expect(shown.stdout).toMatch(
      /^TOKEN +STATE +EXPIRES IN +RENEWS IN +GENERATION +LAST ERROR\nbilling\/billing-tokens\/dynamics +Valid/,
    );
    expect(shown.code).toBe(0);
  });

  it('reissues on command', async () => {
    const { acquirer, source, workplace, server } = await open();
    const running = acquirer();
    await source(running);
    await sleep(1000);
    const urls = ['--url', await running.url('reissue'), '--status-url', await running.url('status')];
    const done = await command([
      'reissue',
      'billing/billing-tokens/dynamics',
      '--caller-token',
      workplace.callerToken,
      ...urls,
    ]);
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('reissued, stored') });
    expect(server.counts.tokenRequests).toBe(2);
  });

  it('shows metrics of what happened', async () => {
    const { acquirer, source } = await open();
    const running = acquirer();
    await source(running);
    const text = await running.metrics();
    expect(text).toMatch(/token_acquirer_token_requests_total\{.*,result="ok"\} 1\n/);
    expect(text).toMatch(/token_acquirer_token_seconds_to_expiry\{.*\} [1-5]\d/);
  });
});

describe('a stop', () => {
  it('by SIGTERM ends with 0 and leaves the stored token', async () => {
    const { acquirer, source, workplace } = await open();
    const running = acquirer();
    await source(running);
    const ended = await running.end();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(running.lines.at(-1)).toMatchObject({ event: 'stopped' });
    expect(existsSync(join(workplace.volume(), 'dynamics'))).toBe(true);
  });

  const source = (file: string): string => fileURLToPath(new URL(`../../src/token-acquirer/${file}`, import.meta.url));

  /** Starts it over a channel, as a launcher does, and waits for its first token. */
  async function startOverChannel(
    program: string,
    file: string,
  ): Promise<{ child: ChildProcess; exited: Promise<unknown[]> }> {
    const { workplace } = await open();
    const child = spawn(program, [file, ...runArguments(workplace)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    keepOutput(child, 'token-acquirer run');
    await new Promise<void>((resolve) => {
      child.stdout?.on('data', (part: Buffer) => part.includes('token-stored') && resolve());
    });
    return { child, exited: once(child, 'exit') };
  }

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s to the command ends the program behind it, on any Node',
    async (signal) => {
      const { child, exited } = await startOverChannel('node', source('bin.mjs'));
      child.kill(signal);
      expect(await exited).toEqual([0, null]);
    },
  );

  it('of the process that started it ends it, too', async () => {
    const { child, exited } = await startOverChannel(process.execPath, source('main.ts'));
    child.disconnect();
    expect(await exited).toEqual([0, null]);
  });

  it('during a renewal that hangs ends with 0 within the grace', async () => {
    const { acquirer, workplace } = await open();
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const configuration = {
      authorizationServers: { corporate: { tokenEndpoint: `http://127.0.0.1:${port}/token` } },
      tokens: [
        {
          name: 'dynamics',
          authorizationServer: 'corporate',
          credential: 'dynamics',
          grant: 'client_credentials',
          secret: { namespace: 'billing', name: 'billing-tokens' },
        },
      ],
    };
    workplace.configure(configuration);
    const running = acquirer(['--grace', '500ms']);
    await running.logged('configuration-loaded');
    await sleep(200);
    const before = Date.now();
    expect(await running.end()).toMatchObject({ code: 0 });
    expect(Date.now() - before).toBeLessThan(3000);
    silent.close();
  });
});

describe('bad input that ends with exit code 2 and a sentence:', () => {
  it('a port that is in use', async () => {
    const { acquirer } = await open();
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const ended = await acquirer(['--listen', `127.0.0.1:${port}`]).ended();
    expect(ended.code).toBe(2);
    expect(ended.stderr).toBe(
      `Cannot listen on 127.0.0.1:${port}: the port is in use. Choose another address with --listen.\n`,
    );
    taken.close();
  });

  it('plain http off loopback', async () => {
    const { acquirer } = await open();
    const ended = await acquirer(['--listen', '0.0.0.0:0']).ended();
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('may not listen on 0.0.0.0 without TLS');
  });

  it('a configuration with errors: all of them', async () => {
    const { workplace } = await open();
    writeFileSync(
      workplace.config,
      stringify({ authorizationServers: { a: { issuer: 'http://login.example.com' } }, tokens: [{}], more: 1 }),
    );
    const ended = await command(['validate', '--config', workplace.config]);
    expect(ended.code).toBe(2);
    expect(ended.stderr.split('\n').filter((line) => line.startsWith('  config.yaml:')).length).toBeGreaterThan(5);
  });

  it.each<[string, (stage: Stage) => void, string]>([
    [
      'no such credential folder',
      ({ workplace, configuration }) => workplace.configure(configuration({ more: { credential: 'absent' } })),
      'absent',
    ],
    ['an empty value', ({ workplace }) => workplace.credential('dynamics', { client_secret: '' }), 'client_secret'],
    [
      'a binary value',
      ({ workplace }) =>
        writeFileSync(join(workplace.credentials, 'dynamics', 'client_secret'), Buffer.from([0, 255, 1])),
      'client_secret',
    ],
    [
      'an interval of 10 parsecs',
      ({ workplace }) => workplace.credential('dynamics', { interval: '10 parsecs' }),
      'interval',
    ],
    [
      'a missing value',
      ({ workplace, configuration }) =>
        workplace.credential('other', { client_id: 'x' }).configure(configuration({ more: { credential: 'other' } })),
      'client_secret',
    ],
  ])('%s is found by validate', async (_sentence, spoil, named) => {
    const opened = await open();
    spoil(opened);
    const { config, credentials } = opened.workplace;
    const ended = await command(['validate', '--config', config, '--credentials', credentials]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('billing/billing-tokens/dynamics: ');
    expect(ended.stderr).toContain(named);
  });

  it('reports a healthy state with exit code 0', async () => {
    const { workplace } = await open();
    const ended = await command(['validate', '--config', workplace.config, '--credentials', workplace.credentials]);
    expect(ended).toMatchObject({
      code: 0,
      stdout: 'The configuration is valid: 1 token; the credentials are complete.\n',
    });
  });

  it.each([
    ['a missing configuration', ['validate', '--config', '/nowhere/config.yaml'], 'cannot be read (ENOENT)'],
    [
      '`../` in a credential',
      ['interval', 'set', '../x', '10m', '--credentials', '.'],
      'The name of a credential has other characters',
    ],
    ['an interval that is none', ['interval', 'set', 'x', '10 parsecs', '--credentials', '.'], 'must be a duration'],
    ['an unknown option', ['status', '--frob'], "unknown option '--frob'"],
  ])('%s', async (_sentence, args, expected) => {
    const ended = await command(args);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(expected);
  });

  it('a token directory that cannot be a directory', async () => {
    const { workplace, acquirer } = await open();
    const file = join(workplace.root, 'file');
    writeFileSync(file, '');
    const ended = await acquirer(['--token-directory', join(file, 'tokens')]).ended();
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('cannot be written (ENOTDIR)');
  });

  it('no token-acquirer at the address: exit code 3', async () => {
    const ended = await command(['status', '--status-url', 'http://127.0.0.1:9']);
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('No token-acquirer answers at http://127.0.0.1:9');
  });
});

it('stores what a client may rely on, readable for its group and nobody else', async () => {
  const { acquirer, source, workplace } = await open();
  await source(acquirer());
  const volume = workplace.volume();
  expect(readdirSync(volume).filter((entry) => !entry.startsWith('..'))).toEqual(['dynamics', 'dynamics.json']);
  expect(readFileSync(join(volume, 'dynamics'), 'utf8')).toBe(documentIn(volume).access_token);
  expect(statSync(volume).mode & 0o777).toBe(0o750);
  expect(statSync(join(volume, 'dynamics')).mode & 0o777).toBe(0o640);
});
