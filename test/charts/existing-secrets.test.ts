import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestCluster, TestNamespace } from '../cluster/cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { CommandFailed } from '../real/install/run.ts';
import { CHART, minimal, tokenWith } from './chart.ts';
import { type HelmBinary, helm, helmBinaries } from './helm.ts';

const HELMS = ['helm 3', 'helm 4'] as const;

describeInCluster('an installation over Secrets that exist', (cluster: () => TestCluster) => {
  let home: TestNamespace;
  let binaries: readonly HelmBinary[];

  beforeAll(async () => {
    home = await cluster().namespace('existing');
    binaries = await helmBinaries();
  }, CLUSTER_TIMEOUT);

  afterAll(() => home?.remove(), CLUSTER_TIMEOUT);

  const kubectl = (...args: string[]): Promise<string> => cluster().kubectl([...args, `--namespace=${home.name}`]);
  /** What helm said last where it failed, else nothing. */
  async function run(name: (typeof HELMS)[number], args: readonly string[], values?: object): Promise<string> {
    const binary = binaries.find((one) => one.name === name);
    if (binary === undefined) throw new Error(`There is no ${name}.`);
    const options = { kubeconfig: cluster().kubeconfig, ...(values && { input: JSON.stringify(values) }) };
    return helm(binary, [...args, `--namespace=${home.name}`], options).then(
      () => '',
      (error: unknown) => {
        if (error instanceof CommandFailed) return error.output;
        throw error;
      },
    );
  }
  const install = (name: (typeof HELMS)[number], release: string, secret: string, ...more: string[]) =>
    run(name, ['install', release, CHART, '--values=-', ...more], valuesFor(secret));

  function valuesFor(secret: string): object {
    const token = {
      secret: { namespace: home.name, name: secret },
      clients: [{ namespace: home.name, serviceAccount: 'billing-app' }],
      clientApp: { namespace: home.name, selector: 'app=billing' },
    };
    return minimal({ image: { repository: 'none.invalid/none' } }, { tokens: [tokenWith(token)] });
  }

  it.each([
    ['another type', 'has the type example.com/other, and nothing was changed'],
    ['no changes allowed', 'is immutable, so no token can be stored in it, and nothing was changed'],
  ])('is rejected before anything is changed, also with --take-ownership: %s', async (kind, sentence) => {
    const release = `r-${randomUUID().slice(0, 8)}`;
    const secret = `${release}-tokens`;
    const type = kind === 'another type' ? 'example.com/other' : 'Opaque';
    await kubectl('create', 'secret', 'generic', secret, `--type=${type}`);
    if (type === 'Opaque') await kubectl('patch', 'secret', secret, '--patch={"immutable":true}');
    for (const name of HELMS) {
      const output = await install(name, release, secret, '--take-ownership');
      expect(output).toContain(`The Secret ${home.name}/${secret} exists and ${sentence}`);
      expect(output).toContain(`kubectl -n ${home.name} delete secret ${secret}`);
    }
    const made = ['deployments,configmaps,serviceaccounts', `--selector=app.kubernetes.io/instance=${release}`];
    expect(await kubectl('get', ...made, '--output=name')).toBe('');
  });

  it.each(HELMS)('takes over one that was made by hand, with --take-ownership, by %s', async (name) => {
    const release = `r-${randomUUID().slice(0, 8)}`;
    const secret = `${release}-tokens`;
    await kubectl('create', 'secret', 'generic', secret, '--from-literal=mine=kept');
    try {
      expect(await install(name, release, secret)).toContain('exists and cannot be imported into the current release');
      expect(await install(name, release, secret, '--take-ownership')).toBe('');
      expect(await kubectl('get', 'secret', secret, '--output=jsonpath={.data.mine}')).not.toBe('');
      // Its own Secret is no obstacle to the next upgrade.
      expect(await run(name, ['upgrade', release, CHART, '--values=-'], valuesFor(secret))).toBe('');
    } finally {
      await run(name, ['uninstall', release]);
    }
  });

  it('looks at no Secret where that is not wanted', async () => {
    const release = `r-${randomUUID().slice(0, 8)}`;
    await kubectl('create', 'secret', 'generic', `${release}-tokens`, '--type=example.com/other');
    const output = await install(
      'helm 4',
      release,
      `${release}-tokens`,
      '--set=checks.secrets=false',
      '--dry-run=server',
    );
    expect(output).toContain('cannot be imported into the current release');
  });
});
