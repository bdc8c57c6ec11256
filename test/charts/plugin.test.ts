import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import type { MergedStatus } from '../../src/token-acquirer/plugin/merged-status.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { pluginCommand } from '../e2e/acquirer-process.ts';
import { registerSecret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import { type ChainPlace, makePlace } from './chain-place.ts';
import { CHART } from './chart.ts';
import { helm, helmBinaries } from './helm.ts';

const RELEASE = 'token-acquirer';
const SECOND = 1000;
const SOURCE = join(import.meta.dirname, '../../src/token-acquirer');
/** As docs/operate/status-and-cli.md lists them. */
const RULES = [
  { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  { apiGroups: [''], resources: ['pods/portforward'], verbs: ['get', 'create'] },
];

describeInCluster('The plugin of kubectl', (cluster) => {
  let place: ChainPlace;
  let binary: Awaited<ReturnType<typeof helmBinaries>>[number];
  let directory: ReturnType<typeof temporaryDirectory>;
  let token: string;

  beforeAll(async () => {
    const [found] = (await helmBinaries()).toReversed();
    if (found === undefined) throw new Error('There is no helm.');
    binary = found;
    directory = temporaryDirectory();
    place = await makePlace(cluster());
    token = `${place.client}/billing-tokens/dynamics`;
    const args = ['install', RELEASE, CHART, `--namespace=${place.acquirer}`, '--values=-', '--wait'];
    const input = stringify({ ...place.values, shards: 2 });
    await helm(binary, args, { kubeconfig: cluster().kubeconfig, input });
    const bin = join(directory.path, 'bin');
    mkdirSync(bin);
    symlinkSync(join(SOURCE, 'plugin.mjs'), join(bin, 'kubectl-token_acquirer'));
    symlinkSync(join(SOURCE, 'plugin-completion.mjs'), join(bin, 'kubectl_complete-token_acquirer'));
    vi.stubEnv('PATH', [bin, process.env['PATH']].join(delimiter));
  }, CLUSTER_TIMEOUT);

  afterAll(async () => {
    vi.unstubAllEnvs();
    await helm(binary, ['uninstall', RELEASE, `--namespace=${place.acquirer}`], { kubeconfig: cluster().kubeconfig });
    await place.remove();
    directory.remove();
  }, 60 * SECOND);

  const plugin = (...args: string[]): Promise<string> =>
    cluster().kubectl(['token-acquirer', ...args, `--namespace=${place.acquirer}`]);

  it('shows the tokens of both shards, by kubectl', async () => {
    const isValid = async (): Promise<boolean> =>
      (await plugin('status').catch(() => '')).includes(`${token}  Valid  `);
    await until('The token is valid', isValid, 60 * SECOND);
    expect(await plugin('status')).toMatch(/shard 0: healthy\n[^]*shard 1: healthy\n/);
    const status = JSON.parse(await plugin('status', '--output=json')) as MergedStatus;
    expect(status.acquirers.map(({ shard }) => shard)).toEqual([0, 1]);
    expect(status.tokens).toMatchObject([{ token, state: 'Valid' }]);
    expect(status.unanswered).toEqual([]);
  });

  it('inspects a token, without it', async () => {
    const text = await plugin('inspect', 'dynamics');
    expect(text).toMatch(new RegExp(`^Token: +${token}\nState: +Valid `));
    expect(text).toMatch(/^Stored=True /m);
    const data = await cluster().kubectl([
      'get',
      'secret',
      'billing-tokens',
      `--namespace=${place.client}`,
      '--output=jsonpath={.data.dynamics}',
    ]);
    expect(text.includes(registerSecret(Buffer.from(data, 'base64').toString()))).toBe(false);
  });

  it('has a token reissued as one of its clients', async () => {
    const text = await plugin('reissue', token);
    expect(text).toMatch(new RegExp(`^${token}: reissued, stored, generation \\d+, expires `));
  });

  it('completes the names of tokens for kubectl', async () => {
    const words = ['token-acquirer', 'inspect', `--namespace=${place.acquirer}`, place.client];
    expect(await cluster().kubectl(['__complete', ...words])).toBe(`${token}\n:4\n`);
  });

  it('needs no other permissions than the documented ones, and names those that are missing', async () => {
    const kubeconfig = await kubeconfigOf('operator');
    const run = (...args: string[]) => pluginCommand([...args, '--kubeconfig', kubeconfig]);
    const named = `--namespace=${place.acquirer}`;
    const before = await run('status', named);
    expect([before.code, before.stdout]).toEqual([1, '']);
    expect(before.stderr).toContain(`may not list pods in the namespace ${place.acquirer} (403)`);
    await allow('operator');
    const status = await run('status', named);
    expect([status.code, status.stderr]).toEqual([0, '']);
    expect(status.stdout).toContain(`${token}  Valid`);
    const inspected = await run('inspect', token, named);
    expect(inspected.code).toBe(0);
    expect(inspected.stdout).toContain(`Not shown: The events of the namespace ${place.client} cannot be listed: `);
    const reissued = await run('reissue', token, named);
    expect(reissued.code).toBe(1);
    expect(reissued.stderr).toMatch(/The pod \S+ cannot be read: .* may not get pods in the namespace/);
  });

  /** A ServiceAccount in the namespace of the token-acquirer, without permissions. */
  async function kubeconfigOf(account: string): Promise<string> {
    const named = [account, `--namespace=${place.acquirer}`];
    await cluster().kubectl(['create', 'serviceaccount', ...named]);
    const bearer = registerSecret((await cluster().kubectl(['create', 'token', ...named])).trim());
    const config = JSON.parse(cluster().api.exportConfig()) as { users: object[] };
    config.users = config.users.map((user) => ({ ...user, user: { token: bearer } }));
    const file = join(directory.path, account);
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  async function allow(account: string): Promise<void> {
    const metadata = { name: account, namespace: place.acquirer };
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: account };
    const subjects = [{ kind: 'ServiceAccount', name: account, namespace: place.acquirer }];
    const items = [
      { apiVersion, kind: 'Role', metadata, rules: RULES },
      { apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects },
    ];
    await cluster().kubectl(['apply', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  }
});
