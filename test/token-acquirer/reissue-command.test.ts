import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createHttpsReissuer } from '../../src/adapters/http/https-reissuer.ts';
import { ReissueError, UsageError } from '../../src/core/errors.ts';
import type { Reissuer } from '../../src/ports/reissuer.ts';
import {
  type ReissueArguments,
  type ReissueSettings,
  reissueCommand,
} from '../../src/token-acquirer/cli/reissue-command.ts';
import { statusCommand } from '../../src/token-acquirer/cli/status-command.ts';
import { createTerminalOutput } from '../../src/token-acquirer/cli/terminal-output.ts';
import type { StatusReport, TokenReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const NOW = '2026-01-01T00:00:00.000Z';
const TOKEN: TokenReport = {
  token: 'billing/billing-tokens/dynamics',
  state: 'Valid',
  healthy: true,
  sha256: 'a'.repeat(64),
  stored: true,
  conditions: [],
};
const REPORT: StatusReport = { ready: true, now: NOW, tokens: [TOKEN] };
const OUTCOME = { outcome: 'reissued', stored: true, generation: 5, issuedAt: 0, expiresAt: 0 } as const;

const silent = { out: () => undefined, error: () => undefined };

interface Ran {
  readonly asked: readonly string[];
  readonly settings: ReissueSettings | undefined;
}

/** Runs `reissue` with a token-acquirer that answers at every address. */
async function run(options: Partial<ReissueArguments>, reissue: Reissuer['reissue'] = reissued): Promise<Ran> {
  const asked: string[] = [];
  let made: ReissueSettings | undefined;
  await reissueCommand(
    TOKEN.token,
    { callerToken: '/caller', ...options },
    {
      get: async (url) => {
        asked.push(new URL(url).origin);
        return { status: 200, body: JSON.stringify(REPORT) };
      },
      createReissuer: (settings) => {
        made = settings;
        return { reissue, current: () => Promise.reject(new Error('not asked')) };
      },
      output: silent,
      readInput: () => Promise.reject(new Error('not read')),
    },
  );
  return { asked, settings: made };
}

const reissued: Reissuer['reissue'] = () =>
  Promise.resolve({ ...OUTCOME, accessToken: undefined, expiresIn: undefined });

describe('the bearer of a reissue', () => {
  it.each<[string, Partial<ReissueArguments>]>([
    ['--ca-file', { caFile: 'ca.crt' }],
    ['--server-name', { serverName: 'token-acquirer.token-acquirer.svc' }],
    ['both', { caFile: 'ca.crt', serverName: 'token-acquirer.token-acquirer.svc' }],
  ])('goes over https with %s, and to the address of a pod first', async (_options, options) => {
    const { asked, settings } = await run(options);
    expect(asked).toEqual(['http://127.0.0.1:9090']);
    expect(settings?.url).toBe('https://127.0.0.1:8443');
  });

  it('goes over https with --ca-file wherever the status is', async () => {
    const { asked, settings } = await run({ caFile: 'ca.crt', statusUrl: 'http://127.0.0.1:7081' });
    expect(asked).toEqual(['http://127.0.0.1:7081']);
    expect(settings?.url).toBe('https://127.0.0.1:8443');
  });

  it.each([
    ['--ca-file', { caFile: 'ca.crt' }],
    ['--server-name', { serverName: 'x' }],
  ])('is not sent if %s is given with a plain http URL', async (option, options) => {
    for (const url of ['http://127.0.0.1:7080', ' HTTP://127.0.0.1:7080']) {
      const failure = run({ ...options, url });
      await expect(failure).rejects.toThrow(UsageError);
      await expect(failure).rejects.toThrow(`${option} is for https, but --url is plain http.`);
    }
  });

  it('goes to the default address first without them', async () => {
    const { asked, settings } = await run({});
    expect(asked).toEqual(['http://127.0.0.1:7081']);
    expect(settings?.url).toBe('http://127.0.0.1:7080');
  });

  it('goes over plain http to loopback only', async () => {
    const failure = reissueCommand(
      TOKEN.token,
      { callerToken: '/caller', url: 'http://10.0.0.7:7080' },
      {
        get: async () => ({ status: 200, body: JSON.stringify(REPORT) }),
        createReissuer: createHttpsReissuer,
        output: silent,
        readInput: () => Promise.resolve(''),
      },
    );
    await expect(failure).rejects.toThrow('is plain http, which is for loopback only: use https.');
  });
});

describe('a reissue that fails', () => {
  const answered = (status: number, code?: string, retryAfter?: number): ReissueError =>
    new ReissueError(`The token-acquirer at x answered ${status}.`, { status, code, retryAfter });

  it.each<[string, ReissueError, string]>([
    [
      'because the gateway rejected the last token, too',
      answered(429, 'paused', 1000),
      "Reissue paused: the last new token was rejected soon after it was issued, so another one is unlikely to help. Next attempt allowed in 1s. Check the gateway's log.",
    ],
    [
      'because the caller asked too often',
      answered(429, 'rate_limited', 90_000),
      'Reissue rejected: this caller has started too many token requests. Next attempt allowed in 1m30s.',
    ],
    [
      'because the credential is wrong',
      answered(502, 'invalid_client', 30_000),
      'The token-acquirer at x answered 502. Next attempt allowed in 30s. The authorization server did not accept the client or its authentication. Correct `client_id`, `client_secret` or `private_key` in the folder of the credential. Then check `clientAuthentication`. See docs/reference/errors.md#invalid_client.',
    ],
    ['with the code of a later version', answered(502, 'new_code', undefined), 'The token-acquirer at x answered 502.'],
    [
      'because the store is unavailable',
      answered(503, 'store_unavailable', 1000),
      'The token-acquirer at x answered 503. Next attempt allowed in 1s.',
    ],
  ])('%s has a message with the wait and a remedy', async (_why, error, message) => {
    const failure = run({}, () => Promise.reject(error));
    await expect(failure).rejects.toMatchObject({ name: 'CommandFailed', exitCode: 1, message });
  });

  it('names the Secret in a cluster if the endpoint is https', async () => {
    const failure = run({ url: 'https://127.0.0.1:8443' }, () => Promise.reject(answered(502, 'invalid_client')));
    await expect(failure).rejects.toThrow('in the Secret of the credential');
  });

  it('is a wrong argument if a named file cannot be used', async () => {
    const { path, remove } = temporaryDirectory();
    const [caller, empty, ca] = ['caller', 'empty', 'ca.crt'].map((name) => join(path, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(caller, 'caller-token');
    writeFileSync(empty, '');
    mkdirSync(ca);
    const url = 'https://127.0.0.1:1';
    try {
      for (const [options, sentence] of [
        [{ callerToken: join(path, 'missing') }, 'missing cannot be read (ENOENT)'],
        [{ callerToken: path }, 'cannot be read (EISDIR)'],
        [{ callerToken: empty }, 'holds a token that is empty'],
        [{ callerToken: caller, caFile: ca }, 'The CA file'],
      ] as const) {
        const settings = { url, namespace: 'billing', secret: 'billing-tokens', callerTokenFile: options.callerToken };
        const { reissue } = createHttpsReissuer({ ...settings, ...('caFile' in options && { caFile: ca }) });
        const failure = run({ url, ...options }, reissue);
        await expect(failure).rejects.toMatchObject({ exitCode: 2 });
        await expect(failure).rejects.toThrow(sentence);
        await expect(failure).rejects.not.toThrow('port-forward');
      }
    } finally {
      rmSync(ca, { recursive: true });
      remove();
    }
  });
});

describe('the text of a server', () => {
  const EVIL = '\u001b]0;owned\u0007\u009b2J\u202e';
  const last_error = { code: 'invalid_client', message: `Refused.${EVIL}\nbilling/x/y  Valid`, at: NOW };
  const condition = {
    type: 'Stored',
    status: 'False',
    reason: `Because${EVIL}`,
    message: `${EVIL}\nIt is full.`,
    last_transition_time: NOW,
  } as const;
  const hostile = { ...TOKEN, token: `a/b/c${EVIL}`, last_error, conditions: [condition] };

  async function printed(output: 'table' | 'json', body: string): Promise<string> {
    let text = '';
    const stream = { write: (part: string) => (text += part) };
    const terminal = createTerminalOutput({ stdout: stream, stderr: stream });
    const get = () => Promise.resolve({ status: 200, body });
    try {
      await statusCommand({ statusUrl: 'http://127.0.0.1:1', output }, get, terminal);
    } catch (error) {
      terminal.error(`${(error as Error).message}\n`);
    }
    return text;
  }

  it.each(['table', 'json'] as const)('is printed as a %s without control sequences', async (output) => {
    const text = await printed(output, JSON.stringify({ ...REPORT, tokens: [hostile] }));
    expect(text).toContain('\\u001b');
    expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
  });

  it('cannot fake a row of the table', async () => {
    const text = await printed('table', JSON.stringify({ ...REPORT, tokens: [{ ...hostile, conditions: [] }] }));
    const [table = '', advice] = text.split('\n\n');
    expect(table.split('\n')).toHaveLength(2);
    expect(advice).toBe('What to do about the errors:\n  docs/reference/errors.md#invalid_client\n');
  });

  it('stays the same JSON', async () => {
    const report = { ...REPORT, tokens: [{ ...hostile, state: 'Suspended', conditions: [] }] };
    expect(JSON.parse(await printed('json', JSON.stringify(report)))).toEqual(report);
  });
});
