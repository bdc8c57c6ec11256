import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kubeconfigApiServer } from '../../../src/adapters/kubernetes/api/api-server.ts';
import { kubeconfigFiles, loadKubeconfig } from '../../../src/adapters/kubernetes/api/kubeconfig.ts';
import { UsageError } from '../../../src/core/errors.ts';
import { secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

const at = (name: string): string => join(directory.path, name);

/** Returns a kubeconfig of one cluster. */
function file(name: string, contexts: readonly string[], current?: string): string {
  const config = {
    clusters: contexts.map((context) => ({
      name: context,
      cluster: { server: `https://${name}-${context}.example.com` },
    })),
    users: contexts.map((context) => ({ name: context, user: { token: secret('kubeconfig-token') } })),
    contexts: contexts.map((context) => ({ name: context, context: { cluster: context, user: context } })),
    ...(current !== undefined && { 'current-context': current }),
  };
  writeFileSync(at(name), JSON.stringify(config));
  return at(name);
}

describe('the kubeconfig', () => {
  beforeEach(() => {
    file('one', ['a'], 'a');
    file('two', ['b'], 'b');
    mkdirSync(at('home/.kube'), { recursive: true });
    file('home/.kube/config', ['c'], 'c');
  });

  it.each<[string, string | undefined, () => string | undefined, readonly string[]]>([
    ['comes from the given path', 'named', () => at('one'), ['named']],
    ['comes from KUBECONFIG', undefined, () => at('one'), ['one']],
    ['comes from each file in KUBECONFIG', undefined, () => [at('two'), at('one')].join(delimiter), ['two', 'one']],
    [
      'comes from each existing file in KUBECONFIG',
      undefined,
      () => [at('gone'), '', at('one')].join(delimiter),
      ['one'],
    ],
    ['comes from the home folder', undefined, () => undefined, ['home/.kube/config']],
    ['comes from the home folder with an empty KUBECONFIG', undefined, () => '', ['home/.kube/config']],
  ])('%s', (_sentence, given, listed, expected) => {
    const found = kubeconfigFiles(given && at(given), { KUBECONFIG: listed() }, at('home'));
    expect(found).toEqual(expected.map(at));
  });

  it.each<[string, () => string | undefined, string]>([
    ['without any of several files in KUBECONFIG', () => [at('x'), at('y')].join(delimiter), 'x and '],
    ['without the one file in KUBECONFIG', () => at('x'), 'x does not exist. Log in to the cluster as for kubectl'],
    [
      'without a file in the home folder',
      () => undefined,
      '.kube/config does not exist. Log in to the cluster as for kubectl',
    ],
  ])('is reported as missing %s', (_sentence, listed, sentence) => {
    const find = (): unknown => kubeconfigFiles(undefined, { KUBECONFIG: listed() }, at('nobody'));
    expect(find).toThrow(UsageError);
    expect(find).toThrow(sentence);
  });
});

describe('a kubeconfig of several files', () => {
  const serverOf = (files: readonly [string, ...string[]], context?: string): string | undefined =>
    loadKubeconfig(files, context).getCurrentCluster()?.server;

  it('uses the first current context', () => {
    const [none, one, two] = [file('none', ['x']), file('one', ['a'], 'a'), file('two', ['b'], 'b')];
    expect(serverOf([none, two, one])).toBe('https://two-b.example.com');
    expect(serverOf([one, two])).toBe('https://one-a.example.com');
  });

  it('uses the first entry of a name', () => {
    const [one, two] = [file('one', ['a'], 'a'), file('two', ['a', 'b'], 'b')];
    expect(serverOf([one, two])).toBe('https://one-a.example.com');
    expect(serverOf([two, one], 'a')).toBe('https://two-a.example.com');
    expect(loadKubeconfig([one, two]).getContexts()).toHaveLength(2);
  });

  it('allows another context', () => {
    expect(serverOf([file('one', ['a', 'b'], 'a')], 'b')).toBe('https://one-b.example.com');
    expect(kubeconfigApiServer(file('one', ['a', 'b'], 'a'), { context: 'b' }).baseUrl).toBe(
      'https://one-b.example.com',
    );
  });

  it.each<[string, readonly string[], string]>([
    ['the existing ones', ['a', 'b'], 'Contexts: a, b.'],
    ['the note that none exists', [], 'Contexts: none.'],
  ])('reports a missing context with %s', (_sentence, contexts, sentence) => {
    const files = [file('one', contexts)] as const;
    expect(() => loadKubeconfig(files, 'c')).toThrow(`The kubeconfig ${at('one')} has no context c. ${sentence}`);
  });

  it('names a damaged file without a quotation', () => {
    const key = secret('key-in-kubeconfig');
    writeFileSync(at('bad'), `{ token: ${key} [`);
    const load = (): unknown => loadKubeconfig([file('one', ['a'], 'a'), at('bad')]);
    expect(load).toThrow(`The kubeconfig ${at('bad')} is damaged.`);
    expect(load).not.toThrow(key);
  });

  it('ignores an empty file', () => {
    writeFileSync(at('empty'), '{}');
    expect(serverOf([at('empty'), file('one', ['a'], 'a')])).toBe('https://one-a.example.com');
  });
});
