import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, bundlePrograms, NODE_FLAGS } from '../src/build.ts';
import { readPageFiles } from '../src/token-acquirer/endpoints/status-page/page-files.ts';
import { keepOutput } from './support/outputs.ts';
import { secret } from './support/secrets.ts';
import { temporaryDirectory } from './support/temporary.ts';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

// Outside the checkout, so that nothing can be found in its node_modules.
const { path: root, remove } = temporaryDirectory();
const acquirer = join(root, 'token-acquirer.cjs');
const library = join(root, 'kubernetes-client.cjs');
const app = join(root, 'client-app.mjs');
let bundles: readonly Bundle[];
let running: ChildProcess | undefined;

beforeAll(async () => {
  bundles = await bundlePrograms(root);
});

afterAll(() => {
  running?.kill('SIGKILL');
  remove();
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string, ...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [...NODE_FLAGS, file, ...args], { cwd: root }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
    keepOutput(child, file);
  });
}

/** What a token-acquirer needs to run. The authorization server that it names rejects connections. */
function workplace(): string[] {
  const folders = ['credentials/dynamics', 'tokens', 'state'].map((name) => join(root, name));
  for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(root, 'credentials/dynamics/client_id'), 'billing');
  writeFileSync(join(root, 'credentials/dynamics/client_secret'), secret('client-secret'));
  writeFileSync(join(root, 'caller'), secret('caller'), { mode: 0o600 });
  const token = {
    name: 'dynamics',
    authorizationServer: 'corporate',
    credential: 'dynamics',
    grant: 'client_credentials',
    secret: { namespace: 'billing', name: 'billing-tokens' },
    clients: [{ name: 'billing-app', tokenFile: join(root, 'caller') }],
  };
  const servers = { corporate: { tokenEndpoint: 'http://127.0.0.1:9/token' } };
  // JSON is YAML.
  writeFileSync(
    join(root, 'config.yaml'),
    JSON.stringify({ authorizationServers: servers, tokens: [token], status: { page: true } }),
  );
  const options = {
    '--config': join(root, 'config.yaml'),
    '--credentials': join(root, 'credentials'),
    '--token-directory': join(root, 'tokens'),
    '--state': join(root, 'state'),
    '--listen': '127.0.0.1:0',
    '--status-listen': '127.0.0.1:0',
  };
  return Object.entries(options).flat();
}

/** Starts the bundle; resolves with the URL of its status endpoint. */
async function start(): Promise<string> {
  const child = spawn(process.execPath, [...NODE_FLAGS, acquirer, 'run', ...workplace()], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running = child;
  keepOutput(child, 'token-acquirer.cjs run');
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as { event: string; endpoint?: string; url?: string };
    if (line.event === 'listening' && line.endpoint === 'status') {
      child.stdout.resume();
      return line.url ?? '';
    }
  }
  throw new Error('The bundle ended before it listened.');
}

describe('the bundles', () => {
  it('are one file each, and one more for a cluster', () => {
    expect(bundles.map(({ file, later }) => [file, later])).toEqual([
      [acquirer, library],
      [app, undefined],
    ]);
    for (const { file, later, bytes } of bundles) {
      const lengths = [file, later].map((name) => (name === undefined ? 0 : readFileSync(name).length));
      expect(lengths.reduce((sum, length) => sum + length)).toBe(bytes);
    }
  });

  it('need nothing but Node', async () => {
    expect(await run(acquirer, '--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    expect((await run(app, '--help')).stdout).toMatch(/^Usage: client-app\n/);
  });

  it('end with the exit codes of the programs', async () => {
    expect((await run(acquirer, 'validate', '--config', join(root, 'absent.yaml'))).code).toBe(2);
    expect((await run(app, '--nonsense')).code).toBe(2);
  });

  it.each([
    ['a JSON Schema compiler is loaded for no route', /Routes here have no schemas/, true],
    ['no error message is in Hungarian', /bemenet/, false],
    ['no metrics of Node itself are collected', /nodejs_eventloop_lag/, false],
    ['functions keep their names', /function parseConfiguration\(/, true],
    ['licences that ask for it are named', /Bundled license information/, true],
  ])('are such that %s', (_, pattern, there) => {
    expect(pattern.test(readFileSync(acquirer, 'utf8'))).toBe(there);
  });

  it('keep credential code out of the client app', () => {
    expect(readFileSync(app, 'utf8')).not.toMatch(/client_secret|openid-client/);
  });

  it('run: ready, with their metrics and the status page, and end in order', async () => {
    // Where there is no cluster, its library is not even looked for.
    rmSync(library);
    const url = await start();
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('token_acquirer_token_requests_total');
    // The files of the page are in the bundle.
    for (const [path, { type, content }] of readPageFiles()) {
      const answer = await fetch(`${url}${path}`);
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([path, 200, type]);
      expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true);
    }
    const ended = once(running as ChildProcess, 'exit');
    running?.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    const asked = await run(acquirer, 'run', ...workplace().slice(0, 4), '--kubeconfig', join(root, 'absent'));
    expect(asked.stderr).toContain("Cannot find module './kubernetes-client.cjs'");
  });
});
