import { describe, expect, it } from 'vitest';
import { CONDITION_TYPES } from '../../src/core/conditions.ts';
import { ReissueError, StoreError, UsageError } from '../../src/core/errors.ts';
import type { Reissuer } from '../../src/ports/reissuer.ts';
import { CommandFailed, exitCodeOf } from '../../src/token-acquirer/cli/exit-codes.ts';
import { type Actions, createProgram } from '../../src/token-acquirer/cli/program.ts';
import {
  type ReissueArguments,
  type ReissueSettings,
  reissueCommand,
} from '../../src/token-acquirer/cli/reissue-command.ts';
import { setCredential, setInterval, type Written } from '../../src/token-acquirer/cli/settings-commands.ts';
import { type StatusArguments, statusCommand } from '../../src/token-acquirer/cli/status-command.ts';
import { statusTable } from '../../src/token-acquirer/cli/status-table.ts';
import { parseAddress, requireTls } from '../../src/token-acquirer/endpoints/listener.ts';
import type { StatusReport, TokenReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { secret } from '../support/secrets.ts';

const NOW = '2026-01-01T00:00:00.000Z';
const valid: TokenReport = {
  token: 'billing/billing-tokens/dynamics',
  state: 'Valid',
  healthy: true,
  issued_at: NOW,
  expires_at: '2026-01-01T01:00:00.000Z',
  renew_at: '2026-01-01T00:40:12.000Z',
  generation: 1_767_225_600,
  sha256: 'a'.repeat(64),
  stored: true,
  conditions: [],
};
const failing: TokenReport = {
  ...valid,
  token: 'billing/billing-tokens/crm',
  state: 'Expired',
  healthy: false,
  expires_at: '2025-12-31T23:59:00.000Z',
  last_error: { code: 'invalid_client', message: 'The server rejected the client.', at: NOW },
};

function report(...tokens: TokenReport[]): StatusReport {
  return { ready: true, now: NOW, tokens };
}

function printing(): { text: string; out(text: string): void; error(text: string): void } {
  return {
    text: '',
    out(text) {
      this.text += text;
    },
    error() {
      throw new Error('Nothing is to be printed to standard error.');
    },
  };
}

const answering =
  (body: unknown, status = 200) =>
  () =>
    Promise.resolve({ status, body: typeof body === 'string' ? body : JSON.stringify(body) });

describe('status', () => {
  it('prints a table of the tokens', () => {
    expect(statusTable(report(valid, failing)).split('\n')).toEqual([
      'TOKEN                            STATE    EXPIRES IN  RENEWS IN  GENERATION  LAST ERROR',
      'billing/billing-tokens/dynamics  Valid    1h          40m12s     1767225600  -',
      'billing/billing-tokens/crm       Expired  1m ago      40m12s     1767225600  invalid_client: The server rejected the client.',
      '',
      'What to do about the errors:',
      '  docs/reference/errors.md#invalid_client',
      '',
    ]);
  });

  it('names no page for an error of a later version', () => {
    const later = { ...failing, last_error: { code: 'new_code', message: 'New.', at: NOW } };
    expect(statusTable(report(later))).not.toContain('errors.md');
  });

  const misses: TokenReport['conditions'][number] = {
    type: 'SelectorMatches',
    status: 'False',
    reason: 'NoPodSelected',
    message: 'The selector app=x matches no pod.',
    last_transition_time: NOW,
  };

  it('lists the unhealthy conditions below the table', () => {
    const fine = { ...misses, type: 'PodsFollow', status: 'True', message: '' } as const;
    const text = statusTable(report({ ...valid, conditions: [fine, misses] }));
    expect(text.split('\n').slice(2)).toEqual([
      '',
      'billing/billing-tokens/dynamics: SelectorMatches=False (NoPodSelected)',
      '  The selector app=x matches no pod.',
      '',
    ]);
  });

  const condition = (type: string, message: string, reason = 'Because'): TokenReport['conditions'][number] => ({
    type,
    status: 'False',
    reason,
    message,
    last_transition_time: NOW,
  });
  const suspension = { ...condition('Suspended', 'No pod matches.'), status: 'True' } as const;
  const { message: refusal } = failing.last_error ?? { message: '' };

  it.each<[string, TokenReport, string[]]>([
    [
      'nothing except the row of an expired token',
      { ...failing, conditions: [condition('Ready', 'The token has expired.'), condition('Renewed', refusal)] },
      [],
    ],
    [
      'that a failing token is not stored, either',
      { ...failing, stored: false, conditions: [condition('Renewed', refusal), condition('Stored', 'It is full.')] },
      ['Stored'],
    ],
    [
      'nothing about a store whose error is in the row',
      { ...valid, state: 'NotStored', stored: false, conditions: [condition('Stored', 'It is full.')] },
      [],
    ],
    [
      'nothing about an unreadable store, although the token is in it',
      { ...valid, state: 'NotStored', conditions: [condition('Stored', 'It is unavailable.')] },
      [],
    ],
    [
      'an earlier reason of the last request, if the last error is another',
      { ...failing, conditions: [condition('Renewed', 'The server is down.')] },
      ['Renewed'],
    ],
    [
      'other problems of a suspended token, except its missing token',
      {
        ...valid,
        state: 'Suspended',
        conditions: [suspension, condition('Ready', 'There is no token yet.'), condition('Renewed', 'It is locked.')],
      },
      ['Renewed'],
    ],
  ])('prints below the table %s', (_sentence, token, types) => {
    const text = statusTable(report(token));
    expect([...text.matchAll(/: (\w+)=False \(Because\)\n {2}\S/g)].map(([, type]) => type)).toEqual(types);
  });

  it('shows in the row the reason of an unreadable store, although the token is in it', () => {
    const away = { ...valid, state: 'NotStored', conditions: [condition('Stored', 'It is unavailable.')] } as const;
    expect(statusTable(report(away)).split('\n')[1]).toMatch(/NotStored .* Because: It is unavailable\.$/);
  });

  it('prints below the table the reason of a suspension, which is not a failure', async () => {
    const suspended = { ...misses, type: 'Suspended', status: 'True', reason: 'ClientAppNotRunning' } as const;
    const output = printing();
    const get = answering(report({ ...valid, state: 'Suspended', conditions: [suspended] }));
    await statusCommand({ statusUrl: 'http://127.0.0.1:1', output: 'table' }, get, output);
    expect(output.text).toContain('dynamics: Suspended=True (ClientAppNotRunning)\n  The selector');
  });

  it('prints below the table that an interval is very short, which is not a failure', async () => {
    const short: TokenReport['conditions'][number] = {
      type: 'IntervalValid',
      status: 'True',
      reason: 'VeryShort',
      message: 'The renewal interval 1s is very short.',
      last_transition_time: NOW,
    };
    const output = printing();
    await statusCommand({ output: 'table' }, answering(report({ ...valid, conditions: [short] })), output);
    expect(output.text).toContain('dynamics: IntervalValid=True (VeryShort)\n  The renewal interval 1s is very short.');
    const fine = { ...short, reason: 'Valid', message: '' };
    expect(statusTable(report({ ...valid, conditions: [fine] }))).not.toContain('IntervalValid');
  });

  const inForce: StatusReport['configuration'] = {
    sha256: '0a1b2c3d'.repeat(8),
    loaded_at: '2025-12-31T23:48:00.000Z',
  };
  const ofProcess = (status: 'True' | 'False'): NonNullable<StatusReport['conditions']>[number] => ({
    type: 'ConfigurationInForce',
    status,
    reason: 'NewerFileRejected',
    message: 'Correct it.',
    last_transition_time: '2025-12-31T23:57:00.000Z',
  });

  it('prints last the active configuration and its age', () => {
    const text = statusTable({ ...report(valid), configuration: inForce, conditions: [ofProcess('True')] });
    expect(text.split('\n').slice(2)).toEqual(['', 'Configuration 0a1b2c3d, loaded 12m ago', '']);
  });

  it('prints why the process is not ready, and each of its unhealthy conditions', () => {
    const text = statusTable({ ...report(), ready: false, not_ready: 'It starts.', conditions: [ofProcess('False')] });
    expect(text.split('\n').slice(1)).toEqual([
      '',
      'Not ready',
      '  It starts.',
      '',
      'ConfigurationInForce=False (NewerFileRejected), for 3m',
      '  Correct it.',
      '',
    ]);
  });

  it('prints the answer of the process as JSON', async () => {
    const output = printing();
    await statusCommand({ statusUrl: 'http://127.0.0.1:1', output: 'json' }, answering(report(valid)), output);
    expect(JSON.parse(output.text)).toEqual(report(valid));
  });

  type ExitCase = [sentence: string, get: Parameters<typeof statusCommand>[1], exitCode: number];

  it.each<ExitCase>([
    ['an unhealthy token', answering(report(valid, failing)), 1],
    ['a token whose renewal fails', answering(report({ ...valid, state: 'RenewalFailing' })), 1],
    ['a token that is not stored', answering(report({ ...valid, state: 'NotStored' })), 1],
    ...CONDITION_TYPES.filter((type) => type !== 'Suspended').map<ExitCase>((type) => [
      `a token whose ${type} is false`,
      answering(report({ ...valid, conditions: [condition(type, 'm')] })),
      1,
    ]),
    [
      'a suspended token with a rejected credential',
      answering(report({ ...valid, state: 'Suspended', conditions: [suspension, condition('Renewed', refusal)] })),
      1,
    ],
    ['a process with an unhealthy condition', answering({ ...report(valid), conditions: [ofProcess('False')] }), 1],
    ['a process that is not ready', answering({ ...report(valid), ready: false, not_ready: 'It starts.' }), 1],
    ['no process at the address', () => Promise.reject(new Error('connect ECONNREFUSED')), 3],
    ['another program at the address', answering('<html>'), 3],
    ['an error of the process', answering('', 500), 3],
  ])('has its own exit code for %s', async (_sentence, get, exitCode) => {
    const failure = statusCommand({ statusUrl: 'http://127.0.0.1:1', output: 'table' }, get, printing());
    await expect(failure).rejects.toMatchObject({ name: 'CommandFailed', exitCode });
  });

  describe('of 200 tokens', () => {
    const shipping = { ...valid, token: 'shipping/shipping-tokens/dynamics', conditions: [misses] };
    const others = Array.from({ length: 197 }, (_, index) => ({ ...valid, token: `team${index}/tokens/dynamics` }));
    const get = answering(report(...others, valid, failing, shipping));

    async function shown(
      options: Partial<StatusArguments>,
    ): Promise<{ tokens: string[]; exitCode: number; text: string }> {
      const output = printing();
      const failure = await statusCommand({ output: 'table', ...options }, get, output).then(
        () => undefined,
        exitCodeOf,
      );
      const tokens = [...output.text.matchAll(/^(\S+\/\S+) {2}/gm)].map(([, token = '']) => token);
      return { tokens, exitCode: failure ?? 0, text: output.text };
    }

    it('lists the unhealthy ones with --unhealthy', async () => {
      const { tokens, exitCode, text } = await shown({ unhealthy: true });
      expect(tokens).toEqual([failing.token, shipping.token]);
      expect(text).toContain('shipping/shipping-tokens/dynamics: SelectorMatches=False (NoPodSelected)');
      expect(exitCode).toBe(1);
    });

    it('lists those of a team with --namespace, and has their exit code', async () => {
      expect(await shown({ namespace: 'billing' })).toMatchObject({
        tokens: [valid.token, failing.token],
        exitCode: 1,
      });
      expect(await shown({ namespace: 'team7' })).toMatchObject({ tokens: ['team7/tokens/dynamics'], exitCode: 0 });
      const unhealthy = await shown({ namespace: 'shipping', unhealthy: true });
      expect(unhealthy).toMatchObject({ tokens: [shipping.token], exitCode: 1 });
    });

    it('does not match the beginning of another namespace', async () => {
      expect((await shown({ namespace: 'team1' })).tokens).toEqual(['team1/tokens/dynamics']);
    });

    it('reports that none is unhealthy', async () => {
      const { text, exitCode } = await shown({ namespace: 'team7', unhealthy: true });
      expect([text, exitCode]).toEqual(['No token is unhealthy.\n', 0]);
    });

    it('lists them as JSON', async () => {
      const { text } = await shown({ unhealthy: true, output: 'json' });
      expect((JSON.parse(text) as StatusReport).tokens).toEqual([failing, shipping]);
      expect(
        (JSON.parse((await shown({ namespace: 'team7', unhealthy: true, output: 'json' })).text) as StatusReport)
          .tokens,
      ).toEqual([]);
    });

    it('names the namespaces with tokens for one without any', async () => {
      const command = statusCommand(
        { output: 'table', namespace: 'biling' },
        answering(report(valid, shipping)),
        printing(),
      );
      await expect(command).rejects.toMatchObject({
        exitCode: 1,
        message: 'No token is in the namespace biling. Namespaces with tokens: billing, shipping.',
      });
    });
  });

  it('tries the default address, and then that of a pod', async () => {
    const asked: string[] = [];
    const output = printing();
    const get = (url: string): Promise<{ status: number; body: string }> => {
      asked.push(url);
      if (url.includes(':7081')) return Promise.reject(new Error('connect ECONNREFUSED 127.0.0.1:7081'));
      return answering(report(valid))();
    };
    await statusCommand({ output: 'table' }, get, output);
    expect(asked).toEqual(['http://127.0.0.1:7081/status', 'http://127.0.0.1:9090/status']);
    expect(output.text).toContain('billing/billing-tokens/dynamics');
  });

  it('reports each tried address with the reason', async () => {
    const get = (url: string): Promise<{ status: number; body: string }> =>
      url.includes(':7081') ? Promise.reject(new Error('connect ECONNREFUSED')) : answering({ title: 'other' })();
    const failure = statusCommand({ output: 'table' }, get, printing());
    await expect(failure).rejects.toThrow(
      'No token-acquirer answers at http://127.0.0.1:7081 (connect ECONNREFUSED) or http://127.0.0.1:9090 (its answer is not a status). Is it running? Name its address with --status-url.',
    );
  });

  it('tries only a given address', async () => {
    const failure = statusCommand(
      { statusUrl: 'http://127.0.0.1:1', output: 'table' },
      () => Promise.reject(new Error('reset')),
      printing(),
    );
    await expect(failure).rejects.toThrow('answers at http://127.0.0.1:1 (reset). Is it running?');
  });
});

describe('reissue', () => {
  const answer = {
    outcome: 'reissued',
    stored: true,
    generation: 5,
    issuedAt: 0,
    expiresAt: 0,
    accessToken: undefined,
  } as const;
  const options = { url: 'http://127.0.0.1:1', statusUrl: 'http://127.0.0.1:2', callerToken: '/caller' };

  function reissuer(given: Partial<Reissuer> = {}): Reissuer {
    return { reissue: () => Promise.resolve(answer), current: () => Promise.reject(new Error('not asked')), ...given };
  }

  async function run(name: string, given: Partial<Reissuer> = {}): Promise<string> {
    const output = printing();
    await reissueCommand(name, options, {
      get: answering(report(valid)),
      createReissuer: () => reissuer(given),
      output,
      readInput: () => Promise.reject(new Error('not read')),
    });
    return output.text;
  }

  /** Returns the arguments of the call to the endpoint. */
  async function settingsOf(given: Partial<ReissueArguments>, input = ''): Promise<ReissueSettings> {
    const made: ReissueSettings[] = [];
    const { callerToken } = options;
    await reissueCommand(
      valid.token,
      { callerToken, ...given },
      {
        get: (url) =>
          url.includes(':7081') ? Promise.reject(new Error('connect ECONNREFUSED')) : answering(report(valid))(),
        createReissuer: (settings) => {
          made.push(settings);
          return reissuer();
        },
        output: printing(),
        readInput: () => Promise.resolve(input),
      },
    );
    return made[0] as ReissueSettings;
  }

  it('names the current token as the rejected one and prints the outcome', async () => {
    const asked: unknown[] = [];
    const text = await run(valid.token, {
      reissue: (...given) => {
        asked.push(given);
        return Promise.resolve(answer);
      },
    });
    expect(asked).toEqual([['dynamics', 'a'.repeat(64)]]);
    expect(text).toContain('reissued, stored, generation 5');
  });

  it('lists the tokens for an unknown one', async () => {
    await expect(run('billing/billing-tokens/absent')).rejects.toThrow(
      'No token has this name at http://127.0.0.1:2. Tokens: billing/billing-tokens/dynamics.',
    );
  });

  it.each(['dynamics', 'a/b', 'a/b/c/d'])('reports the form of a name for %s', async (name) => {
    await expect(run(name)).rejects.toThrow(UsageError);
  });

  it.each([
    ['rejected', new ReissueError('It was rejected.', { status: 429 }), 1],
    ['unreachable', new ReissueError('It cannot be reached.'), 3],
  ])('has its own exit code if it is %s', async (_sentence, error, exitCode) => {
    await expect(run(valid.token, { reissue: () => Promise.reject(error) })).rejects.toMatchObject({ exitCode });
  });

  it.each<[string, Partial<ReissueArguments>, Partial<ReissueSettings>]>([
    ['uses the port of a port-forward', {}, { url: 'https://127.0.0.1:8443' }],
    ['uses the given URL', { url: 'https://127.0.0.1:1' }, { url: 'https://127.0.0.1:1' }],
    [
      'uses the default port with a given status address',
      { statusUrl: 'http://127.0.0.1:2' },
      { url: 'http://127.0.0.1:7080' },
    ],
    [
      'uses the host of the given status address of a pod',
      { statusUrl: 'http://localhost:9090' },
      { url: 'https://127.0.0.1:8443' },
    ],
    [
      'uses the CA and the name of the certificate',
      { caFile: 'ca.crt', serverName: 'token-acquirer.identity.svc' },
      { caFile: 'ca.crt', serverName: 'token-acquirer.identity.svc' },
    ],
  ])('%s', async (_sentence, given, expected) => {
    expect(await settingsOf(given)).toMatchObject(expected);
  });

  it('takes the caller token from standard input, and a file otherwise', async () => {
    const token = secret('caller-on-stdin');
    const { callerToken } = await settingsOf({ callerToken: '-' }, `${token}\n`);
    expect(callerToken?.reveal() === token).toBe(true);
    expect(await settingsOf({})).not.toHaveProperty('callerToken');
  });

  it('reports how to get a caller token if standard input is empty', async () => {
    await expect(settingsOf({ callerToken: '-' }, '\n')).rejects.toThrow('Try: kubectl create token');
  });

  it.each<[string, Partial<ReissueArguments>, string]>([
    ['neither', {}, "give --ca-file with the ca.crt of the token's Secret and --server-name with"],
    ['the CA', { caFile: 'ca.crt' }, 'give --server-name with the name of its Service.'],
    ['the name', { serverName: 'x' }, "give --ca-file with the ca.crt of the token's Secret."],
  ])('reports the missing options for TLS, with %s given', async (_sentence, given, hint) => {
    const failure = reissueCommand(
      valid.token,
      { ...options, url: 'https://127.0.0.1:8443', ...given },
      {
        get: answering(report(valid)),
        createReissuer: () => reissuer({ reissue: () => Promise.reject(new ReissueError('It cannot be reached.')) }),
        output: printing(),
        readInput: () => Promise.resolve(''),
      },
    );
    await expect(failure).rejects.toThrow(`It cannot be reached. Through a port-forward, ${hint}`);
  });
});

describe('credentials set', () => {
  async function set(
    keys: string[] | undefined,
    given: { input?: string; answers?: Record<string, string> },
  ): Promise<[string, string][]> {
    const written: [string, string][] = [];
    const prompt =
      given.answers && ((question: string) => Promise.resolve(given.answers?.[question.split(/[ :]/)[0] ?? ''] ?? ''));
    await setCredential('dynamics', keys, {
      write: (_credential, values) => {
        for (const [key, value] of values) written.push([key, value.reveal()]);
        return Promise.resolve({});
      },
      output: printing(),
      prompt,
      readInput: () => Promise.resolve(given.input ?? ''),
    });
    return written;
  }
  const value = secret('typed');

  it.each<[string, string[] | undefined, { input?: string; answers?: Record<string, string> }, [string, string][]]>([
    [
      'stores all of standard input except its last newline for the only key',
      ['private_key'],
      { input: 'line\nline\n' },
      [['private_key', 'line\nline']],
    ],
    [
      'stores lines of the form KEY=VALUE',
      undefined,
      { input: `client_id=billing\nclient_secret=${value}\n` },
      [
        ['client_id', 'billing'],
        ['client_secret', value],
      ],
    ],
    ['accepts an equals sign in a value', undefined, { input: 'password=a=b\n' }, [['password', 'a=b']]],
    ['changes nothing for empty prompts', undefined, { answers: { client_id: 'billing' } }, [['client_id', 'billing']]],
    [
      'prompts only for the named keys',
      ['client_secret'],
      { answers: { client_id: 'x', client_secret: value } },
      [['client_secret', value]],
    ],
  ])('%s', async (_sentence, keys, given, expected) => {
    expect(await set(keys, given)).toEqual(expected);
  });

  it.each<[string, string[] | undefined, string, string]>([
    ['an invalid key', ['secret'], 'x', 'Valid keys: client_id'],
    ['a line without KEY=VALUE', undefined, `${value}\n`, 'Line 1 of standard input is not KEY=VALUE.'],
    ['nothing', ['password'], '', 'No value was given'],
  ])('rejects %s without quoting it', async (_sentence, keys, input, message) => {
    const failure = set(keys, { input });
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.not.toThrow(value);
  });
});

describe('interval set', () => {
  it.each(['30s', '10m', '1h30m'])('takes %s', async (interval) => {
    const written: unknown[] = [];
    await setInterval('dynamics', interval, {
      write: (...given) => {
        written.push(given);
        return Promise.resolve({});
      },
      output: printing(),
    });
    expect(written).toHaveLength(1);
  });

  it.each([
    ['1s', 'Warning: The renewal interval 1s is very short. '],
    ['9999ms', 'Warning: The renewal interval 9s is very short. '],
    ['10s', ''],
    ['1h', ''],
  ])('takes %s, and warns if it is very short', async (interval, warning) => {
    const said = { out: '', error: '' };
    await setInterval('dynamics', interval, {
      write: () => Promise.resolve({}),
      output: { out: (text) => void (said.out += text), error: (text) => void (said.error += text) },
    });
    expect(said.out).toContain(`dynamics: renewed ${interval} after issue`);
    expect(said.error.slice(0, warning.length || undefined)).toBe(warning);
  });

  it.each(['0', '0s', '-1', '10 parsecs', '10', ''])('rejects "%s"', async (interval) => {
    await expect(
      setInterval('dynamics', interval, { write: () => Promise.reject(new Error('written')), output: printing() }),
    ).rejects.toThrow(UsageError);
  });
});

describe('the result of a set command', () => {
  const NEXT = 'It is in force soon.';

  async function say(written: Written): Promise<{ out: string; error: string }> {
    const said = { out: '', error: '' };
    const output = {
      out: (text: string) => void (said.out += text),
      error: (text: string) => void (said.error += text),
    };
    await setInterval('dynamics', '10m', { write: () => Promise.resolve(written), output });
    return said;
  }

  it.each<[string, Written, { out: string; error: string }]>([
    ['has no further text for a folder', {}, { out: 'of the lifetime\n', error: '' }],
    [
      'names the Secret, and the next event',
      { place: 'Secret a/b', next: NEXT },
      { out: `of the lifetime (Secret a/b)\n${NEXT}\n`, error: '' },
    ],
    [
      'has the reason on standard error if nothing reads it',
      { place: 'Secret a/b', warnings: ['One.', 'Two.'] },
      { out: 'of the lifetime (Secret a/b)\n', error: 'Warning: One.\nWarning: Two.\n' },
    ],
  ])('%s', async (_sentence, written, expected) => {
    const { out, error } = await say(written);
    expect({ out: out.slice(out.indexOf('of the lifetime')), error }).toEqual(expected);
  });

  it.each([
    ['rejected', true, 1],
    ['not reachable', false, 3],
  ])('has the sentence and exit code of the API server for %s', async (_sentence, permanent, exitCode) => {
    const write = () => Promise.reject(new StoreError('It cannot be written.', { permanent }));
    const failure = setInterval('dynamics', '10m', { write, output: printing() });
    await expect(failure).rejects.toMatchObject({ name: 'CommandFailed', message: 'It cannot be written.', exitCode });
  });
});

describe('the command line', () => {
  const nothing = (): Promise<void> => Promise.resolve();
  const actions: Actions = {
    run: nothing,
    validate: nothing,
    status: nothing,
    reissue: nothing,
    check: nothing,
    doctor: nothing,
    setCredential: nothing,
    setInterval: nothing,
  };

  async function parse(...args: string[]): Promise<string> {
    const program = createProgram(actions, '0.0.0');
    let text = '';
    const silence = (command: typeof program): void => {
      command
        .exitOverride()
        .configureOutput({ writeOut: (part) => (text += part), writeErr: (part) => (text += part) });
      for (const child of command.commands) silence(child);
    };
    silence(program);
    await program.parseAsync(['node', 'token-acquirer', ...args]).catch((error: unknown) => {
      if (error instanceof CommandFailed || error instanceof UsageError) throw error;
    });
    return text;
  }

  it.each([
    [['--help'], 'Exit codes:'],
    [['run', '--help'], '--token-directory <dir>'],
    [['run'], "required option '--config <file>' not specified"],
    [['frobnicate'], 'unknown command'],
    [['status', '--frob'], "unknown option '--frob'"],
    [['status', '-o', 'xml'], 'Allowed choices are table, json'],
    [['credentials', 'set', '--credentials', 'x'], "missing required argument 'credential'"],
    [['credentials', 'set', '--help'], 'it needs the verbs patch and create on Secrets'],
    [['interval', 'set', 'dynamics'], "missing required argument 'interval'"],
    [['interval', 'set', '--help'], '"<credential>-interval"'],
    [['status', '--help'], 'exec deployment/token-acquirer -- token-acquirer status'],
    [['reissue', '--help'], 'create token billing-app --audience token-acquirer.token-acquirer |'],
    [['reissue', 'a/b/c'], "required option '--caller-token <file>' not specified"],
    [['--version'], '0.0.0'],
  ])('answers %j with %s', async (args, expected) => {
    expect(await parse(...args)).toContain(expected);
  });
});

describe('an address', () => {
  it.each([
    ['127.0.0.1:7080', { host: '127.0.0.1', port: 7080 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    [':7080', { host: '::', port: 7080 }],
    ['localhost:1', { host: 'localhost', port: 1 }],
  ])('is parsed from %s as %o', (text, expected) => {
    expect(parseAddress(text, '--listen')).toEqual(expected);
  });

  it.each(['7080', '127.0.0.1', '127.0.0.1:', '127.0.0.1:70800', 'a:b:c', ''])(
    'is rejected for "%s" with the name of the option',
    (text) => {
      expect(() => parseAddress(text, '--listen')).toThrow('--listen must be HOST:PORT');
    },
  );

  it.each([
    ['0.0.0.0', false],
    ['10.0.0.1', false],
    ['::', false],
    ['127.0.0.1', true],
    ['::1', true],
    ['localhost', true],
  ])('of %s is allowed without TLS: %s', (host, allowed) => {
    const check = (): void => requireTls({ host, port: 1 }, undefined);
    if (allowed) expect(check).not.toThrow();
    else expect(check).toThrow('may not listen on');
  });
});
