import { readFileSync } from 'node:fs';
import { AuthenticationV1Api, CoreV1Api, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { beforeAll, describe, expect, vi } from 'vitest';
import { statusOf } from '../../../src/adapters/kubernetes/api/api-failure.ts';
import { type ApiServer, kubeconfigApiServer } from '../../../src/adapters/kubernetes/api/api-server.ts';
import { NUDGE_ANNOTATION } from '../../../src/adapters/kubernetes/pods/pod-status-patch.ts';
import { minimal, openChart, type Rendered, tokenWith } from '../../charts/chart.ts';
import { apiServerAs, ServiceAccounts } from '../../cluster/caller-accounts.ts';
import type { TestNamespace } from '../../cluster/cluster.ts';
import { describeInCluster } from '../../cluster/in-cluster.ts';
import { CommandFailed } from '../../real/install/run.ts';
import { until } from '../../support/until.ts';
import { row } from '../row.ts';

// The rows share the permissions that they look at.
vi.setConfig({ maxConcurrency: 1 });

const RELEASE = 'attacked';
const SECRET = 'billing-tokens';
const CLIENT = 'billing-app';
/** What every ServiceAccount may do: nothing of it reads a Secret. */
const OF_EVERYONE = /^self(?:subject|node)|^clustertrustbundles/;
const OF_PERMISSIONS = /^(?:ServiceAccount|(?:Cluster)?Role(?:Binding)?|ValidatingAdmissionPolicy(?:Binding)?)$/;
const OF_THE_CLUSTER = /^(?:Cluster|ValidatingAdmission)/;
/** A pod that no node takes. */
const POD = {
  nodeSelector: { 'token-acquirer.test/no-such-node': 'true' },
  automountServiceAccountToken: false,
  containers: [{ name: 'app', image: 'none.invalid/none' }],
};

interface Permission {
  readonly resource: string;
  readonly names: string;
  readonly verbs: readonly string[];
}

describeInCluster('the permissions of pods', (cluster) => {
  let home: TestNamespace;
  let client: TestNamespace;
  let other: TestNamespace;
  let objects: readonly Rendered[];
  const acquirer = (): string => `system:serviceaccount:${home.name}:${accountIn(objects)}`;

  beforeAll(async () => {
    [home, client, other] = await Promise.all([
      cluster().namespace('attacked'),
      cluster().namespace('attacked-client'),
      cluster().namespace('attacked-other'),
    ]);
    objects = await rendered(values({ nudge: false }));
    const made = objects.filter(({ kind }) => OF_PERMISSIONS.test(kind) || kind === 'Secret');
    await apply(made);
    await cluster().kubectl(['create', 'serviceaccount', CLIENT, `--namespace=${client.name}`]);
    return async () => {
      await cluster().kubectl(['delete', '--ignore-not-found', '-f', '-'], asList(made));
      await Promise.all([home.remove(), client.remove(), other.remove()]);
    };
  }, 300_000);

  function values({ nudge }: { readonly nudge: boolean }): object {
    const token = tokenWith({
      secret: { namespace: client.name, name: SECRET },
      clients: [{ namespace: client.name, serviceAccount: CLIENT }],
      clientApp: { namespace: client.name, selector: 'app=billing' },
    });
    return minimal({}, { tokens: [token], propagation: { nudge } });
  }

  function apply(all: readonly object[]): Promise<string> {
    return cluster().kubectl(['apply', '-f', '-'], asList(all));
  }

  /** What the chart renders. Helm puts an object without a namespace into that of the release. */
  async function rendered(given: object): Promise<readonly Rendered[]> {
    const chart = await openChart('helm 4');
    const all = await chart.objects(given, { release: RELEASE, namespace: home.name });
    return all.map((one) =>
      OF_THE_CLUSTER.test(one.kind) ? one : { ...one, metadata: { namespace: home.name, ...one.metadata } },
    );
  }

  /** Everything that the account may do in a namespace, besides what everyone may. */
  async function permissions(account: string, namespace: string): Promise<Permission[]> {
    const groups = ['system:serviceaccounts', 'system:authenticated'].map((group) => `--as-group=${group}`);
    const text = await cluster().kubectl([
      'auth',
      'can-i',
      '--list',
      '--no-headers',
      `--as=${account}`,
      `--namespace=${namespace}`,
      ...groups,
    ]);
    return text.split('\n').flatMap((line) => {
      const [, resource = '', , names = '', verbs = ''] = /^(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]/.exec(line) ?? [];
      return resource === '' || OF_EVERYONE.test(resource)
        ? []
        : [{ resource, names, verbs: verbs.split(' ').toSorted() }];
    });
  }

  /** Returns the status of a patch of a pod's status, as the token-acquirer. */
  async function patched(api: ApiServer, body: object): Promise<number> {
    const header = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    const place = { namespace: client.name, name: 'nudged', body };
    return new CoreV1Api(api.configuration).patchNamespacedPodStatus(place, header).then(
      () => 200,
      (error: unknown) => statusOf(error) ?? 0,
    );
  }

  /** What a command of kubectl reports if it fails. */
  async function outcome(
    args: readonly string[],
    input?: string,
  ): Promise<{ readonly isDone: boolean; readonly failed: string }> {
    try {
      await cluster().kubectl(args, input);
      return { isDone: true, failed: '' };
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      return { isDone: false, failed: error.output };
    }
  }

  describe('as an attacker finds them', () => {
    row('A24', async (run) => {
      run.hasNoCalls();
      const inHome = await permissions(acquirer(), home.name);
      const inClient = await permissions(acquirer(), client.name);
      const secrets = [...inHome, ...inClient].filter(({ resource }) => resource === 'secrets');
      expect(secrets.map(({ names }) => names).toSorted()).toContain(SECRET);
      for (const { names, verbs } of secrets) {
        expect(names).toMatch(/^[a-z0-9-]+$/);
        expect(verbs.filter((verb) => !['get', 'patch'].includes(verb))).toEqual([]);
      }
      const known = ['secrets', 'pods', 'events', 'leases.coordination.k8s.io', 'tokenreviews.authentication.k8s.io'];
      expect([...inHome, ...inClient].filter(({ resource }) => !known.includes(resource))).toEqual([]);
      // Elsewhere it may review tokens, and nothing else.
      const elsewhere = await permissions(acquirer(), other.name);
      expect(elsewhere.map(({ resource, verbs }) => `${resource} ${verbs.join()}`)).toEqual([
        'tokenreviews.authentication.k8s.io create',
      ]);
      // Its credentials are files of its own pod. Through the API it may not read them.
      for (const name of ['dynamics-credentials', 'token-acquirer-credentials'])
        expect(await mayRead(acquirer(), home.name, name)).toBe('no');
    });

    row('A1', async (run) => {
      run.hasNoCalls();
      const account = `system:serviceaccount:${client.name}:${CLIENT}`;
      for (const namespace of [home.name, client.name, other.name])
        expect(await permissions(account, namespace)).toEqual([]);
      for (const { metadata } of objects.filter(({ kind }) => kind === 'Secret'))
        expect(await mayRead(account, metadata.namespace ?? home.name, metadata.name)).toBe('no');
    });

    row('A19', async (run) => {
      run.hasNoCalls();
      const label = ['label', 'namespace', other.name, 'pod-security.kubernetes.io/enforce=restricted', '--overwrite'];
      await cluster().kubectl(label);
      const templates = objects.flatMap(({ kind, spec }) => {
        const template = (spec as { template?: { spec?: object } } | undefined)?.template;
        return template?.spec === undefined ? [] : [{ kind, spec: template.spec }];
      });
      expect(templates.length).toBeGreaterThan(0);
      for (const [at, { spec }] of templates.entries()) {
        const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: `pod-${at}`, namespace: other.name } };
        const bare = { ...spec, serviceAccountName: 'default' };
        await cluster().kubectl(['apply', '--dry-run=server', '-f', '-'], JSON.stringify({ ...pod, spec: bare }));
        const open = { ...bare, hostNetwork: true };
        const { failed } = await outcome(
          ['apply', '--dry-run=server', '-f', '-'],
          JSON.stringify({ ...pod, spec: open }),
        );
        expect(failed).toContain('restricted');
      }
    });

    row('A25', async (run) => {
      run.hasNoCalls();
      // Whoever may create pods can mount the Secret. What is there is worth little elsewhere: no credential, no API token.
      const api = kubeconfigApiServer(cluster().kubeconfig);
      const accounts = new ServiceAccounts(api, client.name);
      const token = await accounts.token(CLIENT, { audiences: ['token-acquirer'] });
      const reviews = new AuthenticationV1Api(api.configuration);
      const { status: review } = await reviews.createTokenReview({ body: { spec: { token } } });
      expect(review?.authenticated).not.toBe(true);
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
        aud: string[];
        exp: number;
        iat: number;
      };
      expect(claims.aud).toEqual(['token-acquirer']);
      expect(claims.exp - claims.iat).toBeLessThanOrEqual(3600);
      expect(readFileSync('docs/explain/threat-model.md', 'utf8')).toContain('create pods');
    });

    row('A26', async (run) => {
      run.hasNoCalls();
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'nudged', namespace: client.name }, spec: POD };
      await apply([pod]);
      const annotated = (text: string): object => ({ metadata: { annotations: { [NUDGE_ANNOTATION]: text } } });
      const allowed = annotated(new Date().toISOString());
      const accounts = new ServiceAccounts(kubeconfigApiServer(cluster().kubeconfig), home.name);
      const { api, stop } = apiServerAs(await accounts.token(accountIn(objects)), cluster().api);
      run.atEnd(stop);
      expect(await patched(api, allowed)).toBe(403);
      const allowing = await rendered(values({ nudge: true }));
      const made = allowing.filter(({ kind }) => OF_PERMISSIONS.test(kind));
      await apply(made);
      const policies = made.filter(({ kind }) => kind.startsWith('Validating'));
      run.atEnd(() => cluster().kubectl(['delete', '--ignore-not-found', '-f', '-'], asList(policies)));
      // A new policy takes effect a moment later. It allows a patch that changes nothing.
      let last = 0;
      const relabeled = (): object => ({ metadata: { labels: { app: `other-${(last += 1)}` } } });
      await until('The permission', async () => (await patched(api, allowed)) === 200, 60_000);
      await until('The policy', async () => (await patched(api, relabeled())) !== 200, 60_000);
      const others = [
        relabeled(),
        annotated('no time'),
        { status: { phase: 'Failed' } },
        { metadata: { finalizers: ['a.b/c'] } },
      ];
      for (const patch of others) expect([patch, await patched(api, patch)]).toEqual([patch, 403]);
      expect(await patched(api, allowed)).toBe(200);
    });
  });

  async function mayRead(account: string, namespace: string, secret: string): Promise<string> {
    const asked = ['auth', 'can-i', 'get', `secrets/${secret}`, `--as=${account}`, `--namespace=${namespace}`];
    return (await outcome(asked)).isDone ? 'yes' : 'no';
  }
});

function accountIn(objects: readonly Rendered[]): string {
  return objects.find(({ kind }) => kind === 'ServiceAccount')?.metadata.name ?? '';
}

function asList(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
