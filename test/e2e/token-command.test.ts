import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ReissueError } from '../../src/core/errors.ts';
import { sha256 } from '../../src/core/token.ts';
import { kubernetes } from '../cluster/image.ts';
import { World } from '../conformance/world.ts';
import { isOnPath } from '../real/install/run.ts';
import { realParts } from '../real/real-parts.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { blocksIn, kindOfYaml } from '../support/code-blocks.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { keepText } from '../support/outputs.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = 'docs/use/programs.md';
const blocks = blocksIn(PAGE, readFileSync(join(ROOT, PAGE), 'utf8'));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let world: World;
let folder: ReturnType<typeof temporaryDirectory>;
const servers: LoopbackServer[] = [];
beforeEach(async () => {
  world = await World.open();
  folder = temporaryDirectory();
  const program = join(folder.path, 'client-app');
  const main = join(ROOT, 'src/client-app/main.ts');
  writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`);
  chmodSync(program, 0o755);
});
afterEach(async () => {
  await Promise.all([world.close(), ...servers.splice(0).map((server) => server.stop())]);
  folder.remove();
});

/** Runs a shell command where `client-app` is on the PATH, with the environment of a client. */
async function shell(text: string, more: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const PATH = [folder.path, process.env['PATH']].join(delimiter);
  const env = { PATH, HOME: folder.path, GIT_TERMINAL_PROMPT: '0', PATIENCE: '5s', ...world.env, ...more };
  try {
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', text], { cwd: folder.path, env });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as Ended;
    keepText('client-app token', stderr);
    return { code, stdout, stderr };
  }
}

const tokenOf = (output: string): string => sha256(output);

describe('client-app token', () => {
  it('prints the token of the volume and nothing else', async () => {
    const { code, stdout, stderr } = await shell('client-app token dynamics');
    expect([code, tokenOf(stdout), stderr]).toEqual([0, world.current.sha256, '']);
    expect(world.reissues).toEqual([]);
  }, 60_000);

  it('prints a reissued token if that of the volume has expired or was rejected', async () => {
    const first = await shell('client-app token dynamics --rejected');
    expect([first.code, tokenOf(first.stdout), first.stderr]).toEqual([0, world.current.sha256, '']);
    world.issue(-60_000);
    world.mount();
    const second = await shell('client-app token dynamics');
    expect([second.code, tokenOf(second.stdout)]).toEqual([0, world.current.sha256]);
    expect(world.reissues.map(({ cause }) => cause)).toEqual(['never_accepted', 'expired']);
  }, 60_000);

  it('ends with 1 and the reason if there is no token, and with 2 after a wrong call', async () => {
    world.failures.push(new ReissueError('no', { status: 403 }));
    const none = await shell('client-app token dynamics --rejected');
    expect([none.code, none.stdout]).toEqual([1, '']);
    expect(none.stderr).toContain('answered 403 (some_code). This caller is not among the clients of the token');
    const wrong = await shell('client-app token');
    expect([wrong.code, wrong.stdout, wrong.stderr]).toEqual([
      2,
      '',
      'No token is named.\nRun client-app token --help.\n',
    ]);
  }, 60_000);

  it('retries in the script of the documents', async () => {
    const script = blocks.find(({ text }) => text.startsWith('# report.sh'))?.text ?? '';
    const here = script.replace('https://gateway.example.com', world.gateway);
    expect((await shell(here)).stdout).toBe('200\n');
    world.revoke();
    expect((await shell(here)).stdout).toBe('200\n');
    expect(world.seen).toHaveLength(3);
  }, 60_000);

  it('is a helper for tools with such a setting', async () => {
    const block = blocks.find(({ language }) => language === 'json');
    const { apiKeyHelper } = JSON.parse(block?.text ?? '') as { apiKeyHelper: string };
    expect(tokenOf((await shell(apiKeyHelper)).stdout)).toBe(world.current.sha256);
  }, 60_000);
});

describe('git with client-app token', () => {
  /** Serves a repository over HTTP to those whose password is a token that the gateway accepts. */
  async function serveRepository(): Promise<string> {
    const made =
      'git init -q -b main made && git -C made -c user.name=a -c user.email=a@b commit -q --allow-empty -m one';
    const served = 'git clone -q --bare made served.git && git -C served.git update-server-info';
    expect(await shell(`${made} && ${served}`)).toMatchObject({ code: 0 });
    const server = await startHttpServer((request, response) =>
      answer(request, response, join(folder.path, 'served.git')),
    );
    servers.push(server);
    return server.url;
  }

  function answer({ url = '/', headers }: IncomingMessage, response: ServerResponse, repository: string): void {
    const [, given = ''] = (headers.authorization ?? '').split('Basic ');
    const [user, password = ''] = Buffer.from(given, 'base64').toString().split(':');
    if (user !== 'oauth2' || !world.accepted.has(sha256(password))) {
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    }
    const [path = ''] = url.split('?');
    try {
      response.writeHead(200).end(readFileSync(join(repository, path)));
    } catch {
      response.writeHead(404).end();
    }
  }

  it('reads with the token, reports a rejected one, and reads again', async () => {
    const url = await serveRepository();
    const setting = blocks.find(({ text }) => text.startsWith('git config'))?.text ?? '';
    expect(await shell(setting.replaceAll('https://git.example.com', url))).toMatchObject({ code: 0 });
    expect((await shell(`git ls-remote ${url}`)).stdout).toMatch(/^[0-9a-f]{40}\tHEAD\n/);
    world.revoke();
    const rejected = await shell(`git ls-remote ${url}`);
    expect(rejected.stderr).toContain('Authentication failed');
    expect(world.reissues).toHaveLength(1);
    world.mount();
    expect(await shell(`git ls-remote ${url}`)).toMatchObject({ code: 0 });
    expect(world.reissues).toHaveLength(1);
  }, 60_000);

  const helper = (token: string, attributes: readonly string[], operation = 'get'): string =>
    `printf '${attributes.join('\\n')}\\n\\n' | client-app token ${token} --output git-credential --origin https://git.example.com ${operation}`;

  it('is given no token for another server, and none is reissued for it', async () => {
    for (const other of [
      ['protocol=https', 'host=git.example.net'],
      ['protocol=https', 'host=git.example.com:8443'],
      ['protocol=https', 'host=git.example.com@git.example.net'],
      ['protocol=https', 'host=git.example.com#.example.net'],
      ['protocol=http', 'host=git.example.com'],
      ['protocol=https'],
    ]) {
      expect(await shell(helper('dynamics', other))).toMatchObject({ code: 0, stdout: '' });
    }
    // Not as an argument, which all users of the machine can read.
    const password = { GIVEN: world.current.accessToken.reveal() };
    const erase = helper('dynamics', ['protocol=https', 'host=git.example.net', 'password=%s'], 'erase');
    const erased = await shell(erase.replace(' | ', ' "$GIVEN" | '), password);
    expect([erased.code, world.reissues]).toEqual([0, []]);
  }, 60_000);

  it('is not left waiting for a password', async () => {
    const named = ['protocol=https', 'host=git.example.com'];
    expect((await shell(helper('dynamics', named))).stdout).toMatch(/^username=oauth2\npassword=.+\n/);
    const none = await shell(helper('orders', named), { PATIENCE: '100ms' });
    expect([none.code, none.stdout]).toEqual([1, 'quit=1\n']);
  }, 60_000);
});

describe('kubectl with client-app token', () => {
  const kubectl = realParts(async () => {
    const program = (await isOnPath('kubectl')) ? 'kubectl' : join(await kubernetes(), 'kubectl');
    return { program, stop: async () => {} };
  });

  it('authenticates with the token', async () => {
    const authority = createCertificateAuthority();
    const seen: string[] = [];
    const server = await startHttpServer(({ headers }, response) => {
      seen.push(sha256((headers.authorization ?? '').replace(/^Bearer /, '')));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"major":"1","minor":"36"}');
    }, authority.issue());
    servers.push(server);
    const users = blocks.find(({ text }) => text.startsWith('users:'));
    expect(kindOfYaml(users ?? { language: '', text: '' })).toBe('foreign');
    const cluster = { server: server.url, 'certificate-authority': authority.caFile };
    const others = stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      clusters: [{ name: 'c', cluster }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'billing-app' } }],
    });
    writeFileSync(join(folder.path, 'kubeconfig'), `${others}${users?.text}\n`);
    const { stdout } = await shell(`${kubectl().program} --kubeconfig kubeconfig get --raw /version`);
    authority.remove();
    expect(stdout).toContain('"minor":"36"');
    expect(new Set(seen)).toEqual(new Set([world.current.sha256]));
  }, 60_000);
});
