import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { documentKey, toVolumeData } from '../../../src/core/token-volume.ts';
import { BILLING, drawSecrets } from '../../../src/demo/cast.ts';
import { fileIn, residentMemory, sample } from '../../../src/demo/page/sample.ts';
import { createWorkspace, removeFolders, replaceFile, type Workspace } from '../../../src/demo/workspace.ts';
import { registerSecret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { buildToken } from '../../support/tokens.ts';

const ISSUED = Date.UTC(2026, 0, 1);

let folder: ReturnType<typeof temporaryDirectory>;

beforeEach(() => {
  folder = temporaryDirectory();
});

afterEach(() => folder.remove());

/** As the kubelet lays a Secret out. */
function store(data: Readonly<Record<string, string>>): void {
  mkdirSync(join(folder.path, '..2026'));
  symlinkSync('..2026', join(folder.path, '..data'));
  for (const [key, text] of Object.entries(data)) {
    writeFileSync(join(folder.path, '..2026', key), text);
    symlinkSync(join('..data', key), join(folder.path, key));
  }
}

describe('a token directory', () => {
  const token = buildToken({ issuedAt: ISSUED, expiresAt: ISSUED + 20_000, generation: 7 });

  it('shows its keys and what may be said of its token', () => {
    store(toVolumeData('dynamics', token));
    expect(fileIn(folder.path)).toEqual({
      keys: ['dynamics', 'dynamics.json'],
      token: { hash: token.sha256.slice(0, 8), generation: 7, expiresAt: ISSUED + 20_000 },
    });
  });

  it('shows nothing of the token itself', () => {
    store(toVolumeData('dynamics', token));
    expect(JSON.stringify(fileIn(folder.path))).not.toContain(token.accessToken.reveal());
  });

  it.each<[string, Record<string, string>]>([
    ['is empty', {}],
    ['holds no JSON', { [documentKey('dynamics')]: '{' }],
    ['holds JSON of another kind', { [documentKey('dynamics')]: '[]' }],
    ['holds a token without a time', { [documentKey('dynamics')]: '{"sha256":"x","generation":1}' }],
  ])('that %s shows no token', (_name, data) => {
    store(data);
    expect(fileIn(folder.path)).toEqual({ keys: Object.keys(data), token: undefined });
  });

  it('shows nothing where it is missing', () => {
    expect(fileIn(join(folder.path, 'gone'))).toEqual({ keys: [], token: undefined });
  });
});

describe('the memory of a process', () => {
  it('comes from the kernel', () => {
    expect(residentMemory(String(process.pid))).toBeGreaterThan(10_000_000);
  });

  it.each([undefined, '', '4194304', 'self/../x'])('is unknown for %j', (pid) => {
    expect(residentMemory(pid)).toBeUndefined();
  });
});

describe('an app', () => {
  let workspace: Workspace;

  beforeEach(() => {
    const secrets = drawSecrets();
    const { clientSecret, callerToken, user } = secrets.of(BILLING);
    for (const value of [clientSecret, callerToken, user?.password ?? '']) registerSecret(value);
    workspace = createWorkspace(secrets);
  });

  afterEach(() => removeFolders(workspace.folders));

  it('shows the names of its credentials, and none of their values', () => {
    expect(sample(workspace, BILLING)).toEqual({
      name: 'billing-app',
      credentials: ['client_id', 'client_secret'],
      interval: '',
      memory: undefined,
      file: { keys: [], token: undefined },
    });
  });

  it('shows the interval that was set', () => {
    replaceFile(workspace.intervalFileOf(BILLING), '5s\n');
    expect(sample(workspace, BILLING).interval).toBe('5s');
  });

  it('shows the memory of its process while it runs', () => {
    replaceFile(workspace.pidFileOf(BILLING), String(process.pid));
    expect(sample(workspace, BILLING).memory).toBeGreaterThan(0);
  });
});
