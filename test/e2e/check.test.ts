import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mountedTokenVolume } from '../../src/adapters/fs/mounted-token-volume.ts';
import { callOnce } from '../../src/adapters/http/bounded-call.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { check } from '../../src/client-app/check/check.ts';
import { readCheckConfig } from '../../src/client-app/check/config.ts';
import { lineOf } from '../../src/client-app/check/finding.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { keepOutput } from '../support/outputs.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import type { AcquirerProcess } from './acquirer-process.ts';
import { type Stage, type StageOptions, stages } from './stage.ts';

const MAIN = join(import.meta.dirname, '../../src/client-app/main.ts');

const open = stages();
let authority: CertificateAuthority;
let folder: ReturnType<typeof temporaryDirectory>;
let stage: Stage;
let acquirer: AcquirerProcess;
/** File of the token of a caller who is known, and no client of `dynamics`. */
let stranger: string;

beforeAll(() => {
  authority = createCertificateAuthority();
});
afterAll(() => authority.remove());
beforeEach(async () => {
  folder = temporaryDirectory();
  stage = await open.open();
  stranger = join(folder.path, 'stranger');
  writeFileSync(stranger, secret('stranger'), { mode: 0o600 });
});
afterEach(async () => {
  await open.closeAll();
  folder.remove();
});

/** Starts the token-acquirer with a certificate of the CA, and waits for its first token where one is to be had. */
async function started({ given = {}, token = true }: { given?: StageOptions; token?: boolean } = {}): Promise<void> {
  const { cert, key } = authority.issue();
  const [certificateFile, privateKeyFile] = [join(folder.path, 'tls.crt'), join(folder.path, 'tls.key')];
  writeFileSync(certificateFile, cert);
  writeFileSync(privateKeyFile, key, { mode: 0o600 });
  const endpoint = { certificateFile, privateKeyFile, caFile: authority.caFile };
  const configured = stage.configuration({ ...given, beside: { endpoint } }) as { tokens: object[] };
  const [first] = configured.tokens;
  const others = { ...first, name: 'orders', clients: [{ name: 'stranger', tokenFile: stranger }] };
  stage.workplace.configure({ ...configured, tokens: [first, others] });
  acquirer = stage.acquirer();
  await acquirer.url('reissue');
  if (token) await until('both tokens', () => acquirer.count('token-stored') >= 2, 15_000);
}

async function environment(more: Record<string, string> = {}): Promise<Record<string, string>> {
  const { workplace, gateway } = stage;
  const directory = workplace.volume();
  return {
    TOKEN_DIRECTORY: directory,
    CA_FILE: join(directory, 'ca.crt'),
    PATIENCE: '2s',
    FORBIDDEN_FILES: '/etc/token-acquirer,client_secret',
    REISSUE_URL: await acquirer.url('reissue'),
    REISSUE_NAMESPACE: 'billing',
    REISSUE_SECRET: 'billing-tokens',
    CALLER_TOKEN_FILE: workplace.callerToken,
    SERVICE_URL: `${gateway.url}/incidents`,
    ...more,
  };
}

interface Checked {
  readonly isHealthy: boolean;
  readonly lines: readonly string[];
}

const readText = (file: string): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

/** The check itself, as in a container that has nothing but what it was given. */
async function checked(args: readonly string[] = ['dynamics'], more: Record<string, string> = {}): Promise<Checked> {
  const root = join(folder.path, 'root');
  mkdirSync(root, { recursive: true });
  const lines: string[] = [];
  const config = readCheckConfig(args, await environment(more));
  const { tokenDirectory: directory } = config;
  const isHealthy = await check({
    config,
    clock: createSystemClock(),
    makeCall: callOnce,
    mounted: directory === undefined ? undefined : { directory, volume: mountedTokenVolume(directory), readText },
    root,
    readText: () => undefined,
    report: (finding) => lines.push(lineOf(finding)),
  });
  return { isHealthy, lines };
}

/** The token names no pods, so it is never suspended. */
const CLIENT_APP = '– client app of dynamics: not tried: the token names no pods of it (clientApp.selector).';
const NOTHING_ELSE = [
  CLIENT_APP,
  '✔ forbidden files: none of the 2 is here, as expected.',
  "– the token-acquirer's Secrets: not tried: no API server is named (API_SERVER).",
];

describe('the check, on a real token-acquirer, authorization server and gateway', () => {
  it('finds everything healthy, and again right afterwards', async () => {
    await started();
    for (let time = 1; time <= 2; time += 1) {
      const { isHealthy, lines } = await checked();
      expect(lines).toEqual([
        expect.stringMatching(
          /^✔ token dynamics: in the volume, belongs to its \.json, generation \d+, valid for another \d+s\.$/,
        ),
        expect.stringMatching(/^✔ reissue of dynamics: reissued as generation \d+, and stored\.$/),
        `✔ call with dynamics: ${stage.gateway.url} let it through.`,
        ...NOTHING_ELSE,
      ]);
      expect(isHealthy).toBe(true);
    }
  });

  it('finds everything healthy where the answer has no token in it', async () => {
    await started({ given: { respondWith: 'generation' } });
    const { isHealthy, lines } = await checked();
    expect([isHealthy, lines.filter((line) => line.startsWith('✘'))]).toEqual([true, []]);
  });

  it('finds everything healthy with a token that is kept in memory', async () => {
    await started({ given: { more: { delivery: 'endpoint' } }, token: false });
    await until('a token', () => acquirer.count('token-issued') >= 2, 15_000);
    const { isHealthy, lines } = await checked(['dynamics'], { TOKEN_DIRECTORY: '', CA_FILE: authority.caFile });
    expect([isHealthy, lines[0]]).toEqual([
      true,
      expect.stringMatching(/^✔ token dynamics: given out by the token-acquirer/),
    ]);
  });

  it('says that the credential is wrong, though a token exists', async () => {
    await started();
    stage.workplace.credential('dynamics', { client_secret: secret('wrong') });
    const { isHealthy, lines } = await checked();
    expect(isHealthy).toBe(false);
    expect(lines.map((line) => line.slice(0, 1)).join('')).toBe('✔✘✔–✔–');
    expect(lines[1]).toMatch(
      /^✘ reissue of dynamics: .* from the authorization server: invalid_client\. .*its secret or key, in the credential\.$/,
    );
  });

  it('says so, too, where there never was a token', async () => {
    stage.workplace.credential('dynamics', { client_secret: secret('wrong') });
    await started({ token: false });
    await acquirer.logged('token-request-failed');
    const { isHealthy, lines } = await checked();
    expect([isHealthy, lines.map((line) => line.slice(0, 1)).join('')]).toEqual([false, '✘✘––✔–']);
    expect(lines[0]).toContain('There is none in');
    expect(lines[1]).toContain('invalid_client');
    expect(lines[2]).toBe('– call with dynamics: not tried: there is no token.');
  });

  it('says that a credential can be read', async () => {
    await started();
    mkdirSync(join(folder.path, 'root/mnt'), { recursive: true });
    const file = join(folder.path, 'root/mnt/client_secret');
    writeFileSync(file, secret('misplaced'));
    const { isHealthy, lines } = await checked();
    expect([isHealthy, lines[4]]).toEqual([false, expect.stringContaining(`✘ forbidden files: ${file} is here`)]);
  });

  it('says that the gateway is down', async () => {
    await started();
    await stage.gateway.stop();
    const { isHealthy, lines } = await checked();
    expect([isHealthy, lines[2]]).toEqual([
      false,
      expect.stringMatching(/^✘ call with dynamics: The gateway is down: /),
    ]);
  });

  it('says that this caller is no client, or nobody', async () => {
    await started();
    expect((await checked(['dynamics'], { CALLER_TOKEN_FILE: stranger })).lines[1]).toContain('(403)');
    writeFileSync(stranger, secret('unknown'));
    expect((await checked(['dynamics'], { CALLER_TOKEN_FILE: stranger })).lines[1]).toContain('(401)');
    rmSync(stranger);
    expect((await checked(['dynamics'], { CALLER_TOKEN_FILE: stranger })).lines).toEqual([
      `✘ ServiceAccount token: ${stranger} holds no ServiceAccount token: project one there, for the token-acquirer's audience.`,
    ]);
  });

  it('says that a stranger is rejected, or that this one is none', async () => {
    await started();
    const refused = await checked(['--as=stranger', 'dynamics'], { CALLER_TOKEN_FILE: stranger });
    expect(refused).toEqual({
      isHealthy: true,
      lines: [
        '✔ reissue of dynamics by a stranger: rejected (403), as expected.',
        '✔ reissue of dynamics by nobody: rejected (401), as expected.',
      ],
    });
    const let_in = await checked(['--as=stranger', 'orders'], { CALLER_TOKEN_FILE: stranger });
    expect([let_in.isHealthy, let_in.lines[0]]).toEqual([
      false,
      expect.stringMatching(/^✘ reissue of orders by a stranger: /),
    ]);
  });
});

/** Processor time of a process so far, in hundredths of a second. */
function ticksOf(pid: number): number {
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const [user, system] = fields.split(' ').slice(11, 13);
  return Number(user) + Number(system);
}

/** Whether the process has loaded its program, and waits. */
async function isWaiting(pid: number): Promise<boolean> {
  const before = ticksOf(pid);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  return before > 20 && ticksOf(pid) - before < 5;
}

describe('the command client-app check', () => {
  async function run(args: readonly string[], env: Record<string, string>) {
    const child = spawn(process.execPath, [MAIN, 'check', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    keepOutput(child, 'client-app check');
    const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
    return { child, ended, out: text(child.stdout), error: text(child.stderr) };
  }

  it('ends with 0 where everything is healthy, a line each', async () => {
    await started();
    const { ended, out, error } = await run(
      ['--as=stranger', 'dynamics'],
      await environment({ CALLER_TOKEN_FILE: stranger }),
    );
    expect([await ended, (await out).split('\n').length, await error]).toEqual([[0, null], 3, '']);
  });

  it('ends with 0 and says nothing where it only waits, for a token that exists and for one that does not', async () => {
    await started();
    for (const name of ['dynamics', 'nowhere']) {
      const { ended, out, error } = await run(['--as=waiter', name], await environment({ PATIENCE: '1s' }));
      expect([await ended, await out, await error]).toEqual([[0, null], '', '']);
    }
  });

  it('ends with 1 where something is not', async () => {
    await started();
    const { ended, out } = await run(['--as=stranger', 'dynamics'], await environment());
    expect([await ended, await out]).toEqual([
      [1, null],
      expect.stringContaining('✘ reissue of dynamics by a stranger'),
    ]);
  });

  it('ends with 2 where it was called in a wrong way', async () => {
    const { ended, out, error } = await run([], {});
    expect([await ended, await out]).toEqual([[2, null], '']);
    expect((await error).split('\n')).toEqual([
      'No token is named: name each that is to be checked, as NAME or NAME=URL.',
      'REISSUE_URL is not set.',
      'Run client-app check --help.',
      '',
    ]);
  });

  it('ends with 0 for --help', async () => {
    const { ended, out } = await run(['--help'], {});
    expect([await ended, await out]).toEqual([
      [0, null],
      expect.stringMatching(/^Usage: client-app check \[--as stranger\|waiter\] TOKEN/),
    ]);
  });

  it('ends with SIGTERM while it waits for a token', async () => {
    await started();
    const { child, ended } = await run(
      ['nowhere'],
      await environment({ PATIENCE: '90s', TOKEN_DIRECTORY: join(folder.path, 'empty') }),
    );
    await until('Its wait', () => isWaiting(child.pid ?? 0), 40_000);
    child.kill('SIGTERM');
    expect(await ended).toEqual([1, null]);
  });
});
