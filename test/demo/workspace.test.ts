import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve, sep } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { APPS, BILLING, drawSecrets, REPORT, type Secrets } from '../../src/demo/cast.ts';
import { acquirerCommand, type Command, clientAppCommand, partCommand } from '../../src/demo/commands.ts';
import { configurationFor } from '../../src/demo/configuration.ts';
import { welcome } from '../../src/demo/welcome.ts';
import {
  createWorkspace,
  removeFolders,
  replaceFile,
  type Workspace,
  writeConfiguration,
} from '../../src/demo/workspace.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { registerSecret } from '../support/secrets.ts';

let folder: string;
let secrets: Secrets;
let workspace: Workspace;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo-workspace-'));
  vi.stubEnv('TMPDIR', folder);
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  secrets = drawSecrets();
  for (const value of allSecrets()) registerSecret(value);
  workspace = createWorkspace(secrets);
});

afterEach(() => removeFolders(workspace.folders));

function allSecrets(): string[] {
  return [secrets.gateway, ...APPS.flatMap((app) => ofApp(app))];
}

function ofApp(app: (typeof APPS)[number]): string[] {
  const { clientSecret, user, callerToken } = secrets.of(app);
  return [clientSecret, callerToken, ...(user === undefined ? [] : [user.password])];
}

function everythingUnder(top: string): string[] {
  return [top, ...readdirSync(top, { recursive: true, encoding: 'utf8' }).map((name) => join(top, name))];
}

const ADDRESSES = {
  issuer: 'http://127.0.0.1:1',
  tokenEndpoint: 'http://127.0.0.1:2/token',
  service: 'http://127.0.0.1:3',
  gateway: 'http://127.0.0.1:4',
  reissue: 'http://127.0.0.1:5',
  status: 'http://127.0.0.1:6',
};

describe('secrets', () => {
  it('are long, and others at each start', () => {
    const drawn = [...allSecrets(), ...((secrets = drawSecrets()), allSecrets())];
    expect(new Set(drawn).size).toBe(drawn.length);
    expect(Math.min(...drawn.map(({ length }) => length))).toBeGreaterThanOrEqual(32);
  });

  it('are missing for an app that does not exist', () => {
    expect(() => secrets.of({ name: 'nobody', grant: 'password' })).toThrow('no app nobody');
  });
});

describe('the files of a demo', () => {
  it('are open only to their owner', () => {
    const open = everythingUnder(folder)
      .slice(1)
      .filter((path) => (statSync(path).mode & 0o077) !== 0);
    expect(open).toEqual([]);
  });

  it('hold the credentials of each grant where the token-acquirer reads them', () => {
    const names = (app: string): string[] => readdirSync(join(workspace.credentials, app)).sort();
    expect(names('report-app')).toEqual(['client_id', 'client_secret', 'password', 'username']);
    expect(names('billing-app')).toEqual(['client_id', 'client_secret']);
  });

  it('give app and token-acquirer the same caller token, each in its own tree', () => {
    const [theirs, known] = [workspace.callerTokenFileOf(BILLING), workspace.knownCallerFileOf(BILLING)];
    expect(readFileSync(theirs, 'utf8')).toBe(readFileSync(known, 'utf8'));
    expect(theirs).not.toBe(known);
    expect(readFileSync(theirs, 'utf8')).not.toBe(readFileSync(workspace.callerTokenFileOf(REPORT), 'utf8'));
  });

  it('leave nothing behind', () => {
    expect(readdirSync(folder)).not.toEqual([]);
    removeFolders(workspace.folders);
    expect(readdirSync(folder)).toEqual([]);
    removeFolders(workspace.folders);
  });

  it('are replaced in one step', () => {
    const file = workspace.intervalFileOf(BILLING);
    replaceFile(file, '5s');
    replaceFile(file, '6s');
    expect(readFileSync(file, 'utf8')).toBe('6s');
    expect(existsSync(`${file}.new`)).toBe(false);
  });
});

describe('the configuration', () => {
  it('is one that the token-acquirer accepts, for both apps and their grants', () => {
    writeConfiguration(workspace, configurationFor(workspace, ADDRESSES.tokenEndpoint));
    const text = readFileSync(workspace.configFile, 'utf8');
    const { servers, tokens, callers } = parseConfiguration(text, workspace.configFile);
    expect(servers['demo']).toMatchObject({ tokenEndpoint: ADDRESSES.tokenEndpoint });
    expect(tokens.map(({ identity, use, clients }) => ({ ...identity, use, clients }))).toEqual([
      {
        namespace: 'billing',
        secret: 'billing-app',
        name: 'dynamics',
        use: 'client_credentials',
        clients: ['billing-app'],
      },
      {
        namespace: 'billing',
        secret: 'report-app',
        name: 'dynamics',
        use: 'password',
        clients: ['report-app'],
      },
    ]);
    expect(callers.map(({ tokenFile }) => existsSync(tokenFile))).toEqual([true, true]);
    expect(allSecrets().filter((value) => text.includes(value))).toEqual([]);
  });
});

describe('the command lines', () => {
  const commands = (): Command[] => [
    partCommand('authorization-server', 'mark'),
    partCommand('gateway', 'mark'),
    partCommand('incident-desk', 'mark'),
    acquirerCommand(workspace, 'mark'),
    ...APPS.map((app) => clientAppCommand(app, workspace, ADDRESSES, 'mark')),
  ];

  it('hold no secret, and the mark by which the processes are found', () => {
    for (const command of commands()) {
      const text = JSON.stringify(command);
      expect(allSecrets().filter((value) => text.includes(value))).toEqual([]);
      expect(command.env['TOKEN_ACQUIRER_DEMO']).toBe('mark');
    }
  });

  it('name programs that exist', () => {
    const programs = commands().flatMap(({ args }) => args.filter((arg) => arg.endsWith('.ts')));
    expect(programs.filter((file) => !existsSync(file))).toEqual([]);
  });

  it('inherit nothing from the environment of the demo', () => {
    expect(commands().flatMap(({ env }) => Object.keys(env).filter((name) => name in process.env))).toEqual([]);
  });

  it.each(APPS)('show $name nothing but its own volume, its folder and its caller token', (app) => {
    const { args, env, cwd } = clientAppCommand(app, workspace, ADDRESSES, 'mark');
    const shown = [...args, ...Object.values(env), cwd].filter((text) => text.startsWith(folder));
    expect(shown.sort()).toEqual(
      [workspace.volumeOf(app), workspace.folderOf(app), workspace.callerTokenFileOf(app)].sort(),
    );
    const others = [
      workspace.credentials,
      workspace.state,
      ...APPS.filter((other) => other !== app).map(workspace.folderOf),
    ];
    const trees = new Set(shown.map((path) => topOf(path)));
    expect(others.filter((path) => trees.has(topOf(path)))).toEqual([]);
  });

  function topOf(path: string): string {
    return (
      resolve(path)
        .slice(folder.length + 1)
        .split(sep, 1)[0] ?? ''
    );
  }

  it('give the apps a directory each', () => {
    expect(new Set(APPS.map((app) => workspace.volumeOf(app))).size).toBe(APPS.length);
    expect(new Set(APPS.map((app) => workspace.folderOf(app))).size).toBe(APPS.length);
  });
});

describe('the welcome', () => {
  const text = (): string =>
    welcome({ addresses: ADDRESSES, workspace, control: 'http://127.0.0.1:7', page: 'http://127.0.0.1:8' }).join('\n');

  it('says where everything is', () => {
    const { tokenEndpoint: _notShown, ...shown } = ADDRESSES;
    for (const url of Object.values(shown)) expect(text()).toContain(url);
    for (const app of APPS) expect(text()).toContain(workspace.volumeOf(app));
    expect(text()).toContain('See it live, and act on it: http://127.0.0.1:8');
  });

  it('says what to try', () => {
    for (const command of [
      'status --status-url',
      'interval set billing-app 5s',
      'reissue billing/billing-app/dynamics',
    ]) {
      expect(text()).toContain(command);
    }
    for (const path of ['/revoke/billing-app', '/stop/report-app', '/outage/on']) {
      expect(text()).toContain(`curl -X POST http://127.0.0.1:7${path}`);
    }
  });

  it('holds no secret', () => {
    expect(allSecrets().filter((value) => text().includes(value))).toEqual([]);
  });
});
