import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandFailed } from '../real/install/run.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';
import { enter } from './access.ts';
import { outputOf, succeeds } from './command.ts';
import { imageLoader, loadCommand } from './load-image.ts';
import { capabilitiesIn } from './own-node.ts';
import { containerIn, readRecord, writeKubeconfig, writeRecord } from './record.ts';
import { KUBECONFIG_VARIABLE, prepareCluster, startCluster } from './start.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'token-acquirer-test-'));
});
afterEach(() => {
  delete process.env[KUBECONFIG_VARIABLE];
  rmSync(folder, { recursive: true, force: true });
});

describe('the capabilities of the node', () => {
  it.each<[string, string, readonly string[]]>([
    ['none', '0000000000000000', []],
    ['the first', '0000000000000001', ['CHOWN']],
    ['the last that every Docker knows', '0000002000000000', ['AUDIT_READ']],
    ['not those that came later', '000001c000000000', []],
  ])('are those of this machine: %s', (_, set, expected) => {
    expect(capabilitiesIn(set)).toEqual(expected);
  });

  it('lack what this machine lacks', () => {
    const names = capabilitiesIn('000001fffeffffff');
    expect(names).toContain('SYS_ADMIN');
    expect(names).not.toContain('SYS_RESOURCE');
  });
});

describe('the kubeconfig of a cluster', () => {
  const access = () => ({
    server: 'https://localhost:32768',
    authority: '-----BEGIN CERTIFICATE-----',
    token: secret('administrator'),
    container: 'token-acquirer-dev',
  });

  it('is for its owner only, and names the container', () => {
    const file = join(folder, 'kubeconfig');
    writeKubeconfig(file, access());
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(containerIn(readFileSync(file, 'utf8'))).toBe('token-acquirer-dev');
  });

  it.each<[string, string, string | undefined]>([
    ['in YAML', 'extensions: [{name: token-acquirer.dev/node, extension: {container: ta-dev}}]', 'ta-dev'],
    ['not at all', 'clusters: [{name: container, cluster: {server: "https://container:6443"}}]', undefined],
  ])('names the container %s', (_, text, expected) => {
    expect(containerIn(text)).toBe(expected);
  });

  it('makes a cluster of the environment the one that is used, and nothing is prepared for it', async () => {
    const file = join(folder, 'kubeconfig');
    writeKubeconfig(file, access());
    process.env[KUBECONFIG_VARIABLE] = file;
    const said: string[] = [];
    await prepareCluster();
    const record = await startCluster({ name: 'none', folder, tell: (text) => void said.push(text) });
    expect(record).toMatchObject({ kubeconfig: file, ownNode: true, container: 'token-acquirer-dev' });
    expect(said).toEqual([`Cluster: that of ${KUBECONFIG_VARIABLE}, ${file}.`]);
  });
});

describe('the record of a cluster', () => {
  it('is read by others as it was written', () => {
    const record = { name: 'own node', kubeconfig: '/kubeconfig', ownNode: true, container: 'node' };
    expect(readRecord(folder)).toBeUndefined();
    writeRecord(folder, record);
    expect(readRecord(folder)).toEqual(record);
  });

  it('leads to a sentence about an image that only a registry can bring', async () => {
    const load = imageLoader({ name: 'that of somebody', kubeconfig: '/kubeconfig', ownNode: false });
    expect(await failure(load('local/quux:test'))).toMatchObject({
      message: expect.stringMatching(/local\/quux:test.*Set TOKEN_ACQUIRER_TEST_IMAGES to a registry/),
    });
  });

  it('leads to the command that brings an image into its container', () => {
    expect(loadCommand('token-acquirer:0.1.0', 'dev')).toBe(
      'docker save token-acquirer:0.1.0 | docker exec --interactive dev ctr --namespace=k8s.io images import -',
    );
  });
});

describe('a command', () => {
  const sh = (script: string) => ({ program: '/bin/sh', args: ['-c', script] });

  it('returns what it wrote to stdout, and takes an input', async () => {
    expect(await outputOf({ ...sh('cat; echo aside >&2'), input: 'through' })).toBe('through');
  });

  it.each<[string, Parameters<typeof outputOf>[0], RegExp]>([
    [
      'reports how it ended and what it wrote last',
      sh('echo no such thing >&2; exit 3'),
      /ended with code 3 .*no such thing/,
    ],
    ['ends when it takes too long', { ...sh('sleep 60'), timeout: 200 }, /took more than 0.2 s/],
    [
      'is reported where it is not installed',
      { program: 'no-such-program', args: [] },
      /no-such-program is not installed/,
    ],
  ])('%s', async (_, command, expected) => {
    const error = await failure(outputOf(command));
    expect(error).toBeInstanceOf(CommandFailed);
    expect(error).toMatchObject({ message: expect.stringMatching(expected) });
    expect(await succeeds(command)).toBe(false);
  });
});

describe('a suite that disturbs a cluster', () => {
  it('waits until the others have left', async () => {
    const order: string[] = [];
    const leave = await enter(folder, 'shared');
    const alone = enter(folder, 'alone').then((release) => {
      order.push('alone');
      return release;
    });
    await pause(300);
    order.push('the others left');
    leave();
    (await alone)();
    (await enter(folder, 'shared'))();
    expect(order).toEqual(['the others left', 'alone']);
  });

  it('does not wait for the users of another cluster', async () => {
    const leave = await enter(`${folder}/other`, 'shared');
    (await enter(folder, 'alone'))();
    leave();
  });
});
