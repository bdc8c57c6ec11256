import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import { docker } from './docker.ts';
import { guard } from './guard.ts';
import { findKubectl, kubectlRunner } from './kubectl.ts';
import { followRestarts } from './restarts.ts';
import { KUBECONFIG_VARIABLE, startCluster } from './start.ts';

const stop = new AbortController();
afterAll(() => stop.abort());

describe('the kubeconfig of a node', () => {
  const directory = temporaryDirectory();
  afterAll(() => directory.remove());
  const given = process.env[KUBECONFIG_VARIABLE];
  const name = `token-acquirer-restarts-${process.pid}`;
  const guarded = guard(name, join(directory.path, 'none'));
  beforeEach(() => {
    delete process.env[KUBECONFIG_VARIABLE];
  });
  afterEach(async () => {
    if (given !== undefined) process.env[KUBECONFIG_VARIABLE] = given;
    await guarded.end();
  });

  it('is written anew after a restart of its container', { timeout: 300_000 }, async () => {
    const record = await startCluster({ name, folder: directory.path });
    // k3s keeps another file; only the project's own node is followed.
    if (!record.ownNode) return;
    const { kubeconfig } = record;
    const kubectl = kubectlRunner(await findKubectl(record), kubeconfig);
    await kubectl(['create', 'namespace', 'kept']);
    const before = readFileSync(kubeconfig, 'utf8');
    const notices: string[] = [];
    const follow = { container: name, kubeconfig };
    void followRestarts(follow, stop.signal, { tell: (text) => void notices.push(text), every: 300 });
    await docker(['restart', '--timeout', '1', name]);
    await until('the new kubeconfig', () => notices.length > 0, 120_000);
    expect(notices[0]).toContain(`${kubeconfig} was written anew`);
    expect(readFileSync(kubeconfig, 'utf8')).not.toBe(before);
    expect(await kubectl(['get', 'namespace', 'kept', '--output=name'])).toBe('namespace/kept\n');
  });
});

describe('a container that restarts', () => {
  const directory = temporaryDirectory();
  afterAll(() => rmSync(directory.path, { recursive: true }));
  const kubeconfig = join(directory.path, 'kubeconfig');

  /** Docker, with a container that was started at these times. */
  function fakeDocker(starts: readonly string[], isReady: () => boolean) {
    let at = 0;
    const token = secret('administrator').replaceAll(/\W/g, '');
    return async (args: readonly string[]): Promise<string> => {
      if (args[0] === 'inspect') {
        const started = starts[Math.min(at++, starts.length - 1)] ?? '';
        if (started === '') throw new Error('It is stopped.');
        return `${started}\n`;
      }
      if (args[0] === 'logs') return isReady() ? 'pulling\nNODE READY\n' : 'pulling\n';
      if (args[0] === 'port') return '127.0.0.1:40123\n';
      return args.at(-1)?.endsWith('.crt') === true
        ? '-----BEGIN CERTIFICATE-----'
        : `users: [{user: {token: "${token}"}}]`;
    };
  }

  async function follow(starts: readonly string[], isReady = () => true): Promise<{ notices: string[]; text: string }> {
    writeFileSync(kubeconfig, 'before');
    const notices: string[] = [];
    const ended = new AbortController();
    const run = fakeDocker(starts, isReady);
    const tell = (text: string): void => void notices.push(text);
    const following = followRestarts({ container: 'node', kubeconfig }, ended.signal, { run, tell, every: 5 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    ended.abort();
    await following;
    return { notices, text: readFileSync(kubeconfig, 'utf8') };
  }

  it('has its new port written once', async () => {
    const { notices, text } = await follow(['one', 'one', 'two']);
    expect(notices).toHaveLength(1);
    expect(text).toContain('https://localhost:40123');
  });

  it('is asked again while it is stopped', async () => {
    expect((await follow(['one', '', '', 'two'])).notices).toHaveLength(1);
  });

  it.each<[string, readonly string[], () => boolean]>([
    ['has not restarted', ['one'], () => true],
    ['is not ready yet', ['one', 'two'], () => false],
  ])('is left alone while it %s', async (_what, starts, isReady) => {
    expect(await follow(starts, isReady)).toEqual({ notices: [], text: 'before' });
  });
});
