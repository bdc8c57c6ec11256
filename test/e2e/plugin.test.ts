import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeKubernetesApi, startKubernetesApi, writeKubeconfig } from '../fakes/kubernetes-api.ts';
import { addFakeRelease, type FakeRelease } from '../support/fake-release.ts';
import { secret } from '../support/secrets.ts';
import { minutesFrom, statusReport, tokenReport } from '../support/status-reports.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { type Ended, pluginCommand } from './acquirer-process.ts';

const TOKEN = 'billing/billing-tokens/dynamics';
const BIN = join(import.meta.dirname, '../../src/token-acquirer/plugin.mjs');
const COMPLETION = join(import.meta.dirname, '../../src/token-acquirer/plugin-completion.mjs');
const ESCAPE = '\u001B';

describe('the plugin of kubectl', () => {
  let fake: FakeKubernetesApi;
  let release: FakeRelease;
  let directory: ReturnType<typeof temporaryDirectory>;
  beforeEach(async () => {
    fake = await startKubernetesApi({ user: 'ann@example.com' });
    release = await addFakeRelease(fake, statusReport([tokenReport(TOKEN)]));
    directory = temporaryDirectory();
  });
  afterEach(async () => {
    await Promise.all([release.stop(), fake.stop()]);
    directory.remove();
  });

  const run = (...args: readonly string[]): Promise<Ended> =>
    pluginCommand([...args, '--kubeconfig', fake.kubeconfig], { NO_COLOR: '1' });

  it('shows the status through a port forward, and leaves none open', async () => {
    const { code, stdout, stderr } = await run('status');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(
      `TOKEN                            STATE  EXPIRES IN  RENEWS IN  GENERATION  LAST ERROR\n${TOKEN}  Valid  50m         30m        1767268200  -\n`,
    );
    expect(fake.forwards.open.size).toBe(0);
  });

  it('ends with 1 if a token is unhealthy', async () => {
    release.report = statusReport([tokenReport(TOKEN, { state: 'Expired', healthy: false })]);
    expect((await run('status')).code).toBe(1);
  });

  it('inspects a token with its consumers and events, and shows no token', async () => {
    const value = Buffer.from(secret('token')).toString('base64');
    fake.objects.put('/api/v1/namespaces/billing/secrets/billing-tokens', { data: { dynamics: value } });
    fake.objects.put('/api/v1/namespaces/billing/pods/billing-1', {
      spec: {
        volumes: [{ name: 'tokens', secret: { secretName: 'billing-tokens' } }],
        containers: [{ name: 'app', volumeMounts: [{ name: 'tokens', mountPath: '/var/run/tokens' }] }],
      },
      status: { phase: 'Running' },
    });
    fake.objects.put('/api/v1/namespaces/billing/events/one', {
      involvedObject: { kind: 'Secret', name: 'billing-tokens' },
      reason: 'TokenStored',
      lastTimestamp: minutesFrom(-10),
    });
    const { code, stdout, stderr } = await run('inspect', 'dynamics');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('billing-1  Running  a volume  sees new tokens\n');
    expect(stdout).toContain('10m ago  Normal  TokenStored\n');
    expect(fake.requests.some(({ path }) => path.includes('/secrets'))).toBe(false);
  });

  it('sets an interval in the one namespace that has a token-acquirer', async () => {
    const { code, stdout } = await run('interval', 'set', 'dynamics', '10m');
    expect(code).toBe(0);
    expect(stdout).toContain('(new Secret token-acquirer/dynamics-interval)');
  });

  it('sets a credential from standard input', async () => {
    const input = `client_id=billing\nclient_secret=${secret('client-secret')}\n`;
    const args = ['credentials', 'set', 'dynamics', '-n', 'token-acquirer', '--kubeconfig', fake.kubeconfig];
    const { code, stdout } = await pluginCommand(args, {}, input);
    expect(code).toBe(0);
    expect(stdout).toContain('dynamics: client_id, client_secret set');
  });

  it('is usable by a user who may only see the namespace of the token-acquirer', async () => {
    fake.intercept(({ path }) => (path === '/api/v1/pods' ? { status: 403 } : undefined));
    const { code, stderr, stdout } = await run('status');
    expect(code).toBe(0);
    expect(stdout).toContain(TOKEN);
    expect(stderr).toContain('so the search was limited to the namespace token-acquirer');
  });

  describe('says what to do, and ends with', () => {
    it.each<[code: number, what: string, args: readonly string[], part: string]>([
      [3, 'no token-acquirer', ['status', '-n', 'other'], 'Name its namespace with -n'],
      [2, 'an unknown context', ['status', '--context', 'other'], 'has no context other. Contexts: fake.'],
      [
        2,
        'a contradiction',
        ['status', '-A', '-n', 'other'],
        "cannot be used with option '-n, --namespace <namespace>'",
      ],
      [2, 'an unknown format', ['status', '-o', 'xml'], 'Allowed choices are table, json, yaml.'],
      [2, 'no name', ['inspect'], "missing required argument 'name'"],
      [2, 'an unknown command', ['stauts'], '(Did you mean status?)'],
      [1, 'an unknown token', ['inspect', 'other'], `Tokens: ${TOKEN}.`],
    ])('%d for %s', async (code, _what, args, part) => {
      const ended = await run(...args);
      expect(ended.stderr).toContain(part);
      expect([ended.code, ended.stdout]).toEqual([code, '']);
    });

    it('2 for an unknown shell', async () => {
      const { code, stderr } = await pluginCommand(['completion', 'fish']);
      expect(code).toBe(2);
      expect(stderr).toContain("error: argument 'shell' is invalid. Allowed choices are bash, zsh.");
    });

    it('2 for a kubeconfig that does not exist', async () => {
      const { code, stderr } = await pluginCommand(['status'], { KUBECONFIG: join(directory.path, 'none') });
      expect(code).toBe(2);
      expect(stderr).toContain('Log in to the cluster as for kubectl, or name a file with --kubeconfig.');
    });

    it('3 for a cluster that does not answer', async () => {
      const file = join(directory.path, 'kubeconfig');
      writeKubeconfig(file, { url: 'http://127.0.0.1:1', token: fake.token });
      const { code, stderr } = await pluginCommand(['status', '--kubeconfig', file]);
      expect(code).toBe(3);
      expect(stderr).toContain('the API server http://127.0.0.1:1 cannot be reached (ECONNREFUSED)');
    });

    it('2 for a kubeconfig that is damaged, which it does not quote', async () => {
      const file = join(directory.path, 'kubeconfig');
      writeFileSync(file, `users: [{ name: a, user: { token: ${fake.token}`);
      const { code, stderr } = await pluginCommand(['status', '--kubeconfig', file]);
      expect(code).toBe(2);
      expect(stderr).toContain(`The kubeconfig ${file} is damaged.`);
    });

    it('1 for a user who may list no pods', async () => {
      fake.deny({ verb: 'list', resource: 'pods' });
      const { code, stderr } = await run('status');
      expect(code).toBe(1);
      expect(stderr).toContain('ann@example.com may not list pods in all namespaces (403).');
    });

    it('1 for a user who may open no port forward', async () => {
      fake.forwards.set('token-acquirer/token-acquirer-1:9090', { status: 403 });
      const { code, stderr } = await run('status');
      expect(code).toBe(1);
      expect(stderr).toContain('with the verbs get and create on pods/portforward');
    });

    it('3 for a pod that does not listen', async () => {
      fake.forwards.set('token-acquirer/token-acquirer-1:9090', { error: 'connection refused' });
      const { code, stderr } = await run('status');
      expect(code).toBe(3);
      expect(stderr).toContain('cannot be reached (connection refused)');
    });
  });

  it('ends soon if the API server never opens a port forward', async () => {
    fake.forwards.set('token-acquirer/token-acquirer-1:9090', { silent: true });
    const started = performance.now();
    const { code, stderr } = await run('status');
    expect(code).toBe(3);
    expect(stderr).toBe('The pod token-acquirer/token-acquirer-1 does not report its status (no answer within 5 s).\n');
    expect(performance.now() - started).toBeLessThan(15_000);
  }, 30_000);

  describe('in colors', () => {
    it.each<[what: string, env: Readonly<Record<string, string>>, colored: boolean]>([
      ['are none without a terminal', {}, false],
      ['appear where they are forced', { FORCE_COLOR: '1' }, true],
    ])('%s', async (_what, env, isColored) => {
      const args = ['status', '--kubeconfig', fake.kubeconfig];
      const { stdout } = await pluginCommand(args, { NO_COLOR: '', ...env });
      expect(stdout.includes(`${ESCAPE}[32mValid${ESCAPE}[39m`)).toBe(isColored);
      expect(stdout.includes(ESCAPE)).toBe(isColored);
    });

    it('prints no control sequence that a server sent', async () => {
      const message = `${ESCAPE}[2Jgone`;
      const last = { code: 'server_error', message, at: minutesFrom(-1) };
      release.report = statusReport([tokenReport(TOKEN, { last_error: last })]);
      const { stdout } = await run('status');
      expect(stdout).toContain('server_error: \\u001b[2Jgone');
      expect(stdout).not.toContain(ESCAPE);
    });
  });

  it('shows the status again and again until it is stopped', async () => {
    const child = spawn(process.execPath, [BIN, 'status', '--watch', '--kubeconfig', fake.kubeconfig]);
    let shown = '';
    child.stdout.on('data', (part: Buffer) => (shown += part.toString()));
    while (shown.split('TOKEN ').length < 3) await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  });

  it.each<[what: string, words: readonly string[], lines: readonly string[]]>([
    ['commands', ['st'], ['status']],
    ['names of tokens', ['inspect', 'bill'], [TOKEN]],
    ['no names of tokens where there is no cluster', ['inspect', '--context', 'other', ''], []],
  ])('completes %s for kubectl', async (_what, words, lines) => {
    const child = spawn(process.execPath, [COMPLETION, ...words], {
      env: { ...process.env, KUBECONFIG: fake.kubeconfig },
    });
    let printed = '';
    child.stdout.on('data', (part: Buffer) => (printed += part.toString()));
    await once(child, 'close');
    expect(printed).toBe([...lines, ':4', ''].join('\n'));
  });

  it('completes in bash, by the script that it prints', async () => {
    const { stdout: script } = await pluginCommand(['completion', 'bash']);
    const program = join(directory.path, 'kubectl-token_acquirer');
    writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`, { mode: 0o755 });
    const lines = [
      script,
      'COMP_WORDS=(kubectl token-acquirer status --un); COMP_CWORD=3; __token_acquirer_kubectl',
      'echo "${COMPREPLY[@]}"',
      'COMP_WORDS=(kubectl-token_acquirer in); COMP_CWORD=1; __token_acquirer_plugin',
      'echo "${COMPREPLY[@]}"',
    ];
    const env = { ...process.env, PATH: `${directory.path}:${process.env['PATH']}` };
    const child = spawn('bash', ['--norc', '-c', lines.join('\n')], { env });
    let printed = '';
    child.stdout.on('data', (part: Buffer) => (printed += part.toString()));
    await once(child, 'close');
    expect(printed).toBe('--unhealthy\ninspect interval\n');
  });
});
