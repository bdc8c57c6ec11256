import { describe, expect, it } from 'vitest';
import { type CheckDependencies, checkCommand } from '../../src/token-acquirer/cli/check-command.ts';
import { CommandFailed } from '../../src/token-acquirer/cli/exit-codes.ts';
import { type Actions, createProgram } from '../../src/token-acquirer/cli/program.ts';

const checks = (outcome: string, message = 'A sentence.'): object => ({
  checks: [{ token: 'billing/billing-tokens/dynamics', outcome, message }],
});
const problem = (status: number, detail: string): [number, object] => [status, { status, detail }];

interface Run {
  readonly exitCode: number;
  readonly printed: string;
  readonly message: string;
  readonly asked: readonly string[];
}

/** Runs the command against answers in this order. */
async function run(names: readonly string[], ...answers: readonly ([number, object] | Error)[]): Promise<Run> {
  const asked: string[] = [];
  const queue = [...answers];
  let printed = '';
  const dependencies: CheckDependencies = {
    get: async () => ({ status: 200, body: '{"tokens":[]}' }),
    post: async (url, body) => {
      asked.push(`${url} ${JSON.stringify(body)}`);
      const answer = queue.shift();
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error('Nothing more is answered.');
      return { status: answer[0], body: JSON.stringify(answer[1]) };
    },
    output: { out: (text) => void (printed += text), error: () => undefined },
  };
  try {
    await checkCommand(names, { statusUrl: 'http://127.0.0.1:9090' }, dependencies);
    return { exitCode: 0, printed, message: '', asked };
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    return { exitCode: error.exitCode, printed, message: error.message, asked };
  }
}

describe('credentials check', () => {
  it('calls the running token-acquirer, and prints its sentence', async () => {
    expect(await run(['dynamics'], [200, checks('accepted')])).toEqual({
      exitCode: 0,
      printed: 'dynamics: A sentence.\n',
      message: '',
      asked: ['http://127.0.0.1:9090/check {"name":"dynamics"}'],
    });
  });

  it.each(['failed', 'withheld', 'spending', 'something of a later version'])(
    'ends with 1 for the outcome %s',
    async (outcome) => {
      expect(await run(['dynamics'], [200, checks(outcome)])).toMatchObject({
        exitCode: 1,
        printed: 'dynamics: A sentence.\n',
      });
    },
  );

  it('checks each credential, also after a rejected one', async () => {
    const { exitCode, printed, asked } = await run(['a', 'b'], [200, checks('failed')], [200, checks('accepted')]);
    expect([exitCode, printed, asked.length]).toEqual([1, 'a: A sentence.\nb: A sentence.\n', 2]);
  });

  it('lists the names for an unknown one, which it does not repeat', async () => {
    const { exitCode, message } = await run(['dynamic'], problem(404, 'There are: crm.'));
    expect([exitCode, message]).toEqual([1, 'There are: crm.']);
  });

  it('reports that an older token-acquirer does not support it', async () => {
    const { exitCode, message } = await run(['dynamics'], [404, []]);
    expect(exitCode).toBe(1);
    expect(message).toContain('upgrade it');
  });

  it('ends with 3 without an answer', async () => {
    const { exitCode, message } = await run(['dynamics'], new Error('no answer within 60 s'));
    expect([exitCode, message]).toEqual([
      3,
      'The token-acquirer at http://127.0.0.1:9090 did not answer (no answer within 60 s).',
    ]);
  });
});

describe('paths on the command line', () => {
  const inPod = { config: '/etc/token-acquirer/config/config.yaml', credentials: '/etc/token-acquirer/credentials' };

  /** Returns the options of an action from this command line. */
  async function options(words: readonly string[], defaults?: typeof inPod): Promise<unknown> {
    let found: unknown;
    const keep = async (given: unknown): Promise<void> => {
      found = given;
    };
    const actions = { run: keep, validate: keep } as unknown as Actions;
    const program = createProgram(actions, '0.0.0', defaults).configureOutput({ writeErr: () => undefined });
    for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => undefined });
    await program.parseAsync(words, { from: 'user' });
    return found;
  }

  it.each(['validate', 'run'])('have defaults in a pod for %s', async (name) => {
    expect(await options([name], inPod)).toMatchObject(inPod);
  });

  it.each(['validate', 'run'])('can also be named in a pod for %s', async (name) => {
    const named = { config: '/a/config.yaml', credentials: '/b' };
    expect(
      await options([name, `--config=${named.config}`, `--credentials=${named.credentials}`], inPod),
    ).toMatchObject(named);
  });

  it.each([
    ['validate', '--config'],
    ['run', '--config'],
  ])('are required outside a pod for %s %s', async (name, option) => {
    await expect(options([name])).rejects.toThrow(`required option '${option} <file>' not specified`);
  });

  it('are optional for the credentials of validate outside a pod', async () => {
    expect(await options(['validate', '--config=a.yaml'])).toEqual({ config: 'a.yaml' });
  });
});
