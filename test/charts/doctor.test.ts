import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { command, type Ended } from '../e2e/acquirer-process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { type ChainPlace, makePlace } from './chain-place.ts';
import { CHART } from './chart.ts';
import { helm, helmBinaries } from './helm.ts';

const RELEASE = 'token-acquirer';
const SECOND = 1000;

interface Report {
  readonly checks: readonly { readonly check: string; readonly result: string; readonly findings: readonly object[] }[];
}

describeInCluster('The doctor', (cluster) => {
  let place: ChainPlace;
  let binary: Awaited<ReturnType<typeof helmBinaries>>[number];
  let directory: ReturnType<typeof temporaryDirectory>;
  let values: { readonly config: { readonly tokens: readonly object[] } };

  const kubectl = (args: readonly string[], input?: string): Promise<string> => cluster().kubectl(args, input);
  const doctor = (...args: string[]): Promise<Ended> =>
    command(['doctor', ...args, '--namespace', place.acquirer, '--kubeconfig', cluster().kubeconfig]);

  /** The exit code, and what was found. */
  async function found(...args: string[]): Promise<readonly [number | null, readonly object[]]> {
    const { code, stdout, stderr } = await doctor('--output', 'json', ...args);
    expect(stderr).toBe('');
    const { checks } = JSON.parse(stdout) as Report;
    return [code, checks.flatMap(({ check, findings }) => findings.map((finding) => ({ check, ...finding })))];
  }

  const passes = async (...args: string[]): Promise<void> => {
    await expect.poll(() => found(...args), { timeout: 60 * SECOND, interval: SECOND }).toEqual([0, []]);
  };

  beforeAll(async () => {
    const [newest] = (await helmBinaries()).toReversed();
    if (newest === undefined) throw new Error('There is no helm.');
    binary = newest;
    directory = temporaryDirectory();
    place = await makePlace(cluster());
    const { config, ...others } = place.values as typeof values;
    const clientApp = { namespace: place.client, selector: 'app=billing' };
    values = { ...others, config: { ...config, tokens: config.tokens.map((token) => ({ ...token, clientApp })) } };
    await kubectl(['apply', '--filename=-'], JSON.stringify(pod('billing', {})));
  }, CLUSTER_TIMEOUT);

  afterAll(async () => {
    await helm(binary, ['uninstall', RELEASE, `--namespace=${place.acquirer}`], { kubeconfig: cluster().kubeconfig });
    await place.remove();
    directory.remove();
  }, 60 * SECOND);

  /** Pending, because no node has this label, which is enough to count as running. */
  function pod(name: string, container: object): object {
    const items = ['dynamics', 'dynamics.json', 'ca.crt'].map((key) => ({ key, path: key }));
    const securityContext = {
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    };
    const volumeMounts = [{ name: 'tokens', mountPath: '/var/run/tokens' }];
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: place.client, labels: { app: 'billing' } },
      spec: {
        serviceAccountName: 'billing-app',
        nodeSelector: { 'test.token-acquirer.dev/no-such-node': 'true' },
        containers: [{ name: 'app', image: 'none:1', securityContext, volumeMounts, ...container }],
        volumes: [{ name: 'tokens', secret: { secretName: 'billing-tokens', items } }],
      },
    };
  }

  it('finds nothing before the installation, and no installation', async () => {
    const file = join(directory.path, 'config.yaml');
    writeFileSync(file, stringify(values.config));
    await passes('--pre', '--config', file);
    expect(await found('--config', file)).toEqual([1, [expect.objectContaining({ check: 'deployment' })]]);
  });

  it('takes the ConfigMap that helm renders', async () => {
    const rendered = await helm(
      binary,
      [
        'template',
        RELEASE,
        CHART,
        `--namespace=${place.acquirer}`,
        '--values=-',
        '--show-only=templates/configmap.yaml',
      ],
      { kubeconfig: cluster().kubeconfig, input: stringify(values) },
    );
    const where = ['--namespace', place.acquirer, '--kubeconfig', cluster().kubeconfig];
    const { code, stdout, stderr } = await command(['doctor', '--pre', '--config', '-', ...where], rendered);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/\n\d+ checks, nothing found\.\n$/);
  });

  it('finds nothing in what helm installed', async () => {
    const args = ['install', RELEASE, CHART, `--namespace=${place.acquirer}`, '--values=-', '--wait'];
    await helm(binary, args, { kubeconfig: cluster().kubeconfig, input: stringify(values) });
    await passes();
    expect((await doctor()).stdout).toMatch(/\n\d+ checks, nothing found\.\n$/);
  });

  describe('in the pods of client apps', () => {
    const named = (): string => `--namespace=${place.client}`;
    const options = ['--in-pods', '--request-token'] as const;

    /** A pod of the client app that runs, with a token of its ServiceAccount for the endpoint. */
    async function start(name: string, serviceAccountName: string): Promise<void> {
      const { metadata, spec } = pod(name, {}) as { metadata: object; spec: Record<string, unknown> };
      const [container] = spec['containers'] as [{ volumeMounts: object[] }];
      const { image } = (values as unknown as { test: { image: { repository: string; tag: string } } }).test;
      const app = {
        ...container,
        image: `${image.repository}:${image.tag}`,
        command: ['node', '-e', 'setInterval(() => {}, 60000)'],
        volumeMounts: [...container.volumeMounts, { name: 'caller', mountPath: '/var/run/caller' }],
      };
      const serviceAccountToken = { audience: `${RELEASE}.${place.acquirer}`, path: 'token', expirationSeconds: 600 };
      const caller = { name: 'caller', projected: { sources: [{ serviceAccountToken }] } };
      const volumes = [...(spec['volumes'] as object[]), caller];
      const running = { serviceAccountName, containers: [app], volumes, terminationGracePeriodSeconds: 0 };
      const object = { apiVersion: 'v1', kind: 'Pod', metadata, spec: running };
      await kubectl(['apply', '--filename=-'], JSON.stringify(object));
      await kubectl(['wait', '--for=condition=Ready', `pod/${name}`, named(), '--timeout=180s']);
    }

    it('finds nothing where files, endpoint and credentials are as they should be', async () => {
      await start('live', 'billing-app');
      expect(await found(...options)).toEqual([0, []]);
      const { stdout } = await doctor(...options);
      expect(stdout).toContain('✓ Each pod has the stored token\n');
      expect(stdout).toContain('✓ The reissue endpoint answers client apps\n');
      expect(stdout).toContain('✓ The authorization servers accept them\n');
      await kubectl(['delete', 'pod', 'live', named(), '--now']);
    });

    it('finds an endpoint that rejects the ServiceAccount of a pod', async () => {
      await start('stranger', 'default');
      const [code, findings] = await found(...options);
      expect([code, findings.length]).toEqual([1, 2]);
      expect(findings).toContainEqual(
        expect.objectContaining({
          check: 'endpoint-call',
          message: expect.stringMatching(
            /rejects its ServiceAccount default for the token \S+ \(HTTP 403\)/,
          ) as unknown,
        }),
      );
      await kubectl(['delete', 'pod', 'stranger', named(), '--now']);
    });

    it('finds a credential that the authorization server rejects', async () => {
      await place.setCredential('wrong');
      const rejected = { check: 'credential-trial', message: expect.stringContaining('invalid_client') as unknown };
      await expect
        .poll(() => found('--request-token'), { timeout: 300 * SECOND, interval: 5 * SECOND })
        .toEqual([1, [expect.objectContaining(rejected)]]);
      await place.setCredential('right');
    });
  });

  describe('of an installation', () => {
    it.each<[string, string, () => readonly string[]]>([
      ['no credential', 'credential-secret', () => ['secret', 'dynamics-credentials', `--namespace=${place.acquirer}`]],
      ['no Service', 'endpoint', () => ['service', RELEASE, `--namespace=${place.acquirer}`]],
      [
        'no permission in the namespace of the client app',
        'acquirer-permissions',
        () => ['rolebinding', `${RELEASE}.${place.acquirer}`, `--namespace=${place.client}`],
      ],
      [
        'no ServiceAccount of the client',
        'client-account',
        () => ['serviceaccount', 'billing-app', `--namespace=${place.client}`],
      ],
    ])('finds %s, and nothing else', async (_what, check, what) => {
      const kept = await kubectl(['get', ...what(), '--output=json']);
      await kubectl(['delete', ...what()]);
      expect(await found()).toEqual([1, [expect.objectContaining({ check })]]);
      const { metadata, ...object } = JSON.parse(kept) as { metadata: Record<string, unknown> };
      const { name, namespace, labels, annotations } = metadata;
      const again = { ...object, metadata: { name, namespace, labels, annotations } };
      await kubectl(['create', '--filename=-'], JSON.stringify(again));
      await passes();
    });

    it('finds a pod that reads the token into its environment', async () => {
      const secretKeyRef = { name: 'billing-tokens', key: 'dynamics' };
      const env = [{ name: 'TOKEN', valueFrom: { secretKeyRef } }];
      await kubectl(['apply', '--filename=-'], JSON.stringify(pod('frozen', { env })));
      expect(await found()).toEqual([1, [expect.objectContaining({ check: 'pod-environment' })]]);
      await kubectl(['delete', 'pod', 'frozen', `--namespace=${place.client}`, '--now']);
    });

    it('finds policies in the way, of the client and of the token-acquirer', async () => {
      const policy = (namespace: string, policyTypes: readonly string[]): object => ({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'nothing', namespace },
        spec: { podSelector: {}, policyTypes },
      });
      const items = [policy(place.client, ['Egress']), policy(place.acquirer, ['Ingress', 'Egress'])];
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
      await kubectl(['apply', '--filename=-'], list);
      const [code, findings] = await found();
      expect(code).toBe(1);
      const checks = findings.map((finding) => (finding as { readonly check: string }).check);
      const expected = ['policy-client', 'policy-dns', 'policy-endpoint', 'policy-server'];
      expect([...new Set(checks)].toSorted()).toEqual(expected);
      await kubectl(['delete', '--filename=-'], list);
    });

    it('finds an upgrade to an image that does not exist, while the old pod is ready', async () => {
      const image = 'token-acquirer=local.invalid/none:1';
      await kubectl(['set', 'image', `deployment/${RELEASE}`, image, `--namespace=${place.acquirer}`]);
      const waiting = {
        check: 'deployment-ready',
        message: expect.stringMatching(/older form.* waits: \w+\./) as unknown,
      };
      await expect
        .poll(() => found(), { timeout: 60 * SECOND, interval: SECOND })
        .toEqual([1, [expect.objectContaining(waiting)]]);
    });

    it('finds a token-acquirer that was scaled to 0', async () => {
      await kubectl(['scale', `deployment/${RELEASE}`, '--replicas=0', `--namespace=${place.acquirer}`]);
      expect(await found()).toEqual([1, [expect.objectContaining({ check: 'deployment-ready' })]]);
    });
  });
});
