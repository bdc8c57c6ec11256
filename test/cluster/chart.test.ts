import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { messageOf } from '../../src/core/errors.ts';
import { CHART, HELMS, minimal, openChart, podOf, tokenWith, trialValues } from '../charts/chart.ts';
import { helm, helmBinaries } from '../charts/helm.ts';
import { CommandFailed } from '../real/install/run.ts';
import { failure } from '../support/failure.ts';
import type { TestCluster, TestNamespace } from './cluster.ts';
import { loadImages } from './example/images.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const RELEASE = 'checked';
const ABSENT = 'chart-nobody-made-this';

describeInCluster('the chart', (cluster: () => TestCluster) => {
  let home: TestNamespace;
  let client: TestNamespace;
  let repository: string;
  let tag: string;
  let helms: Awaited<ReturnType<typeof helmBinaries>>;

  beforeAll(async () => {
    helms = await helmBinaries();
    const named = (await loadImages(cluster()))('image: token-acquirer:0.1.0').replace('image: ', '');
    [repository = '', tag = ''] = named.split(/:(?=[^:/]*$)/);
    [home, client] = await Promise.all([cluster().namespace('chart'), cluster().namespace('chart-client')]);
  }, CLUSTER_TIMEOUT);

  afterAll(async () => {
    const [, binary] = helms;
    if (binary !== undefined) {
      const { kubeconfig } = cluster();
      await helm(binary, ['uninstall', RELEASE, `--namespace=${home.name}`, '--ignore-not-found'], { kubeconfig });
    }
    await Promise.all([home?.remove(), client?.remove()]);
  });

  const tokenIn = (namespace: string) =>
    tokenWith({ secret: { namespace, name: 'tokens' }, clients: [], clientApp: undefined });
  const valuesWith = (tokens: readonly object[], more: object = {}) =>
    minimal({ image: { repository, tag }, ...more }, { tokens });

  function run(name: string, verb: readonly string[], values?: object): Promise<string> {
    const binary = helms.find((one) => one.name === name);
    if (binary === undefined) throw new Error(`There is no ${name}.`);
    const args = [...verb, `--namespace=${home.name}`, ...(values === undefined ? [] : ['--values=-'])];
    const input = values === undefined ? {} : { input: stringify(values, { keepUndefined: false }) };
    return helm(binary, args, { kubeconfig: cluster().kubeconfig, ...input });
  }

  async function refused(name: string, verb: readonly string[], values?: object): Promise<string> {
    const error = await failure(run(name, verb, values));
    return error instanceof CommandFailed ? error.output : messageOf(error);
  }

  const sentence = (namespace: string): string =>
    `config.tokens: the namespace ${namespace} does not exist, and nothing was changed. Create it first: kubectl create namespace ${namespace}\n`;

  it.each(HELMS)('reports a missing client namespace before it changes anything, by %s', async (name) => {
    const output = await refused(
      name,
      ['install', RELEASE, CHART],
      valuesWith([tokenIn(client.name), tokenIn(ABSENT)]),
    );
    expect(output).toContain(sentence(ABSENT));
    expect(output).not.toContain(sentence(client.name));
    const mine = [`--selector=app.kubernetes.io/instance=${RELEASE}`, '--output=name'];
    const kinds = 'secrets,configmaps,roles,rolebindings,deployments,services,serviceaccounts';
    for (const namespace of [home.name, client.name]) {
      expect(await cluster().kubectl(['get', kinds, `--namespace=${namespace}`, ...mine])).toBe('');
    }
    expect(await refused(name, ['status', RELEASE])).toContain('not found');
  });

  it.each(HELMS)('does not ask for the namespace of the release, which %s makes only later', async (name) => {
    const options = ['--dry-run=server', '--create-namespace', '--values=-'];
    const binary = helms.find((one) => one.name === name);
    if (binary === undefined) throw new Error(`There is no ${name}.`);
    const output = await helm(binary, ['install', RELEASE, CHART, `--namespace=${ABSENT}`, ...options], {
      kubeconfig: cluster().kubeconfig,
      input: stringify(valuesWith([tokenIn(ABSENT)]), { keepUndefined: false }),
    });
    expect(output).toContain(`kubectl -n ${ABSENT} rollout status`);
  });

  it.each(HELMS)('says what to do where %s may not read namespaces', async (name) => {
    const output = await refused(name, ['install', RELEASE, CHART, '--kube-as-user=nobody'], valuesWith([]));
    expect(output).toContain('executing "set checks.namespaces to false, if you may not read namespaces"');
    const unchecked = valuesWith([tokenIn(ABSENT)], { checks: { namespaces: false } });
    const further = await refused(name, ['install', RELEASE, CHART, '--kube-as-user=nobody'], unchecked);
    expect(further).not.toContain('checks.namespaces');
    expect(further).toContain('User "nobody"');
  });

  it('is installed, and the commands that it prints do what they say', async () => {
    const output = await run('helm 4', ['install', RELEASE, CHART], valuesWith([]));
    const commands = output.match(/^ {3}(?:kubectl|helm) .*$/gm)?.map((command) => command.trim().split(' ')) ?? [];
    expect(commands).toHaveLength(4);
    for (const [program, ...args] of commands) {
      if (program === 'kubectl') await cluster().kubectl(args);
      else await run('helm 4', args);
    }
  });

  it.each(HELMS)('leaves what is installed as it was where an upgrade is rejected, by %s', async (name) => {
    const output = await refused(
      name,
      ['upgrade', RELEASE, CHART],
      valuesWith([tokenIn(client.name), tokenIn(ABSENT)]),
    );
    expect(output).toContain(sentence(ABSENT));
    const [release] = JSON.parse(await run(name, ['list', '--output=json'])) as {
      revision: string;
      status: string;
    }[];
    expect(release).toMatchObject({ revision: '1', status: 'deployed' });
  });

  it('comes up without a credential, and says which one is missing by the exit code of its status', async () => {
    await run('helm 4', ['upgrade', RELEASE, CHART], valuesWith([tokenIn(client.name)]));
    const deployment = `deployment/${RELEASE}-token-acquirer`;
    await cluster().kubectl(['rollout', 'status', deployment, `--namespace=${home.name}`, '--timeout=2m']);
    const status = ['--', 'token-acquirer', 'status'];
    const output = await failure(cluster().kubectl(['exec', deployment, `--namespace=${home.name}`, ...status]));
    expect(messageOf(output)).toContain('command terminated with exit code 1');
  });

  it('has pods that a restricted namespace admits, whatever the values', async () => {
    const label = 'pod-security.kubernetes.io/enforce=restricted';
    await cluster().kubectl(['label', 'namespace', client.name, label]);
    const chart = await openChart('helm 4');
    const pods = new Map<string, object>();
    for (const values of [
      minimal(),
      minimal({ openshift: 'true' }),
      ...TRIALS.map((text) => parse(text, { merge: true }) as object),
    ]) {
      const {
        serviceAccountName: _account,
        runtimeClassName: _class,
        priorityClassName: _priority,
        ...spec
      } = podOf(await chart.objects(values)).spec;
      pods.set(JSON.stringify(spec), spec);
    }
    expect(pods.size).toBeGreaterThan(10);
    const items = [...pods.values()].map((spec, index) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `tried-${index}`, namespace: client.name },
      spec,
    }));
    const list = stringify({ apiVersion: 'v1', kind: 'List', items }, { aliasDuplicateObjects: false });
    const made = await cluster().kubectl(['apply', '--dry-run=server', '--output=name', '-f', '-'], list);
    expect(made.trim().split('\n')).toHaveLength(pods.size);
  });
});

const TRIALS = [...trialValues().values()];
