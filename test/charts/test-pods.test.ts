import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type CheckConfig, readCheckConfig } from '../../src/client-app/check/config.ts';
import { callerAudience } from '../../src/token-acquirer/configuration/caller-audience.ts';
import { realParts } from '../real/real-parts.ts';
import type { Container, PodSpec } from '../support/manifests.ts';
import { configurationOf, HELMS, minimal, ofKind, openChart, podOf, type Rendered, tokenWith } from './chart.ts';

const TEST = { image: { repository: 'client-app' }, serviceUrl: 'https://gateway.example.com/incidents' };
const SECRET = { namespace: 'billing', name: 'billing-tokens' };
const BILLING = { namespace: 'billing', serviceAccount: 'billing-app' };

interface Pod {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  readonly container: Container;
  /** What the check makes of its arguments and its environment. Throws UsageError. */
  readonly config: CheckConfig;
  /** The same of the init containers. */
  readonly waiters: readonly CheckConfig[];
}

function podIn({ metadata, spec }: Rendered): Pod {
  const pod = spec as unknown as PodSpec;
  const [container] = pod.containers;
  if (container === undefined) throw new Error(`${metadata.name} has no container.`);
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    spec: pod,
    container,
    config: configOf(container),
    annotations: metadata.annotations ?? {},
    labels: metadata.labels ?? {},
    waiters: ((pod['initContainers'] ?? []) as readonly Container[]).map(configOf),
  };
}

function configOf({ args: [command, ...args] = [], env = [] }: Container): CheckConfig {
  expect(command).toBe('check');
  return readCheckConfig(args, Object.fromEntries(env.map(({ name, value }) => [name, value])));
}

/** Who tries which tokens, in the order of the pods. */
const whoTries = (pods: readonly Pod[]): unknown[] =>
  pods.map(({ namespace, spec, config }) => [
    `${config.as} ${namespace}/${spec.serviceAccountName}`,
    config.tokens.map(({ name }) => name),
  ]);

describe('the pods of helm test', () => {
  const chart = realParts(() => openChart('helm 4'));
  const rendered = async (values: object = {}, tokens: readonly object[] = [tokenWith({})]): Promise<Rendered[]> => [
    ...(await chart().objects(minimal({ test: TEST, ...values }, { tokens }))),
  ];
  const pods = async (values?: object, tokens?: readonly object[]): Promise<Pod[]> =>
    ofKind(await rendered(values, tokens), 'Pod').map(podIn);
  const first = async (values?: object, tokens?: readonly object[]): Promise<Pod> => {
    const [pod] = await pods(values, tokens);
    if (pod === undefined) throw new Error('There is no pod.');
    return pod;
  };

  it('do not exist without an image for them', async () => {
    expect(ofKind(await chart().objects(minimal()), 'Pod')).toEqual([]);
    expect(await pods({ test: { serviceUrl: TEST.serviceUrl } })).toEqual([]);
  });

  it('are none of a stranger where a network policy lets nobody in from its namespace', async () => {
    const closed = { networkPolicy: { enabled: true } };
    const tokens = [tokenWith({ delivery: 'endpoint', clients: [{ namespace: 'shipping', serviceAccount: 'app' }] })];
    expect(whoTries(await pods({}, tokens))).toEqual([['stranger billing/default', ['dynamics']]]);
    expect(await pods(closed, tokens)).toEqual([]);
    expect(await pods(closed)).toHaveLength(2);
  });

  it('are one of the client and one of a stranger, in the namespace of the token Secret', async () => {
    const both = await pods();
    expect(whoTries(both)).toEqual([
      ['client billing/billing-app', ['dynamics']],
      ['stranger billing/default', ['dynamics']],
    ]);
    expect(both.map(({ name }) => name)).toEqual([
      'token-acquirer-test-client-billing-tokens',
      'token-acquirer-test-stranger-billing-tokens',
    ]);
  });

  it('are hooks of only helm test, the client first, and stay for their log to be read', async () => {
    const both = await pods({ commonAnnotations: { team: 'platform' } });
    const common = {
      'helm.sh/hook': 'test',
      'helm.sh/hook-delete-policy': 'before-hook-creation',
      team: 'platform',
      'helm.sh/hook-output-log-policy': 'hook-failed',
      'kubectl.kubernetes.io/default-container': 'check',
    };
    expect(both.map(({ annotations }) => annotations)).toEqual([
      { ...common, 'helm.sh/hook-weight': '0' },
      { ...common, 'helm.sh/hook-weight': '10' },
    ]);
  });

  it('ask the token-acquirer of this release for this Secret, with a token for its audience', async () => {
    const { config, spec } = await first({}, [tokenWith({})]);
    expect(config).toMatchObject({
      endpoint: {
        url: 'https://token-acquirer.token-acquirer.svc:8443/',
        namespace: 'billing',
        secret: 'billing-tokens',
        callerTokenFile: '/var/run/secrets/token-acquirer/token',
        caFile: '/var/run/tokens/ca.crt',
      },
      tokenDirectory: '/var/run/tokens',
      tokens: [{ serviceUrl: new URL(TEST.serviceUrl) }],
    });
    expect(spec.volumes?.find(({ name }) => name === 'caller-token')?.projected?.sources[0]).toEqual({
      serviceAccountToken: { audience: 'token-acquirer.token-acquirer', expirationSeconds: 600, path: 'token' },
    });
    const [pod] = ofKind(
      await chart().objects(
        minimal({ test: TEST, service: { port: 443 } }, { audience: 'corporate', tokens: [tokenWith({})] }),
        { release: 'corp', namespace: 'security' },
      ),
      'Pod',
    ).map(podIn);
    expect(pod?.config.endpoint.url).toBe('https://corp-token-acquirer.security.svc/');
    expect(pod?.spec.volumes?.find(({ name }) => name === 'caller-token')?.projected?.sources[0]).toMatchObject({
      serviceAccountToken: { audience: 'corporate' },
    });
  });

  it.each<[string, object, object, string]>([
    ['its own Service and namespace', {}, {}, 'corp-token-acquirer.security'],
    ['a certificate of a Secret', { tls: { existingSecret: 'own' } }, {}, 'corp-token-acquirer.security'],
    [
      'certificate files',
      {},
      { endpoint: { certificateFile: '/tls.crt', privateKeyFile: '/tls.key' } },
      'corp-token-acquirer.security',
    ],
    ['another Service', {}, { endpoint: { service: 'tokens' } }, 'tokens.security'],
  ])('have tokens for the audience that the token-acquirer itself has with %s', async (_, values, config, audience) => {
    const all = await chart().objects(minimal({ test: TEST, ...values }, { tokens: [tokenWith({})], ...config }), {
      release: 'corp',
      namespace: 'security',
    });
    const [pod] = ofKind(all, 'Pod').map(podIn);
    expect(pod?.spec.volumes?.find(({ name }) => name === 'caller-token')?.projected?.sources[0]).toMatchObject({
      serviceAccountToken: { audience },
    });
    expect(callerAudience(configurationOf(all).cluster, 'security').audience).toBe(audience);
  });

  it('mount the token under its name, whatever its key is, and start without it', async () => {
    const [client, stranger] = await pods({}, [tokenWith({ key: 'crm-token' })]);
    const tokens = (pod: Pod | undefined) => pod?.spec.volumes?.find(({ name }) => name === 'tokens')?.secret;
    expect(tokens(client)).toEqual({
      secretName: 'billing-tokens',
      defaultMode: 0o440,
      optional: true,
      items: [
        { key: 'crm-token', path: 'dynamics' },
        { key: 'crm-token.json', path: 'dynamics.json' },
        { key: 'ca.crt', path: 'ca.crt' },
      ],
    });
    // A stranger gets no token, not even by its volume.
    expect(tokens(stranger)).toMatchObject({ items: [{ key: 'ca.crt', path: 'ca.crt' }] });
  });

  it('wait for the first token in two steps, after each of which the kubelet fills the volume anew', async () => {
    const [client, stranger] = await pods();
    expect(client?.waiters).toHaveLength(2);
    for (const waiter of client?.waiters ?? []) {
      expect(waiter).toEqual({ ...client?.config, as: 'waiter', patience: 8000 });
    }
    expect([client?.config.patience, stranger?.waiters]).toEqual([12_000, []]);
    const [, , inMemory] = await pods({}, [tokenWith({}), tokenWith({ name: 'orders', delivery: 'endpoint' })]);
    expect(inMemory?.waiters).toEqual([]);
  });

  it('look for what only the token-acquirer may have', async () => {
    const { config } = await first({ credentials: { dynamics: { existingSecret: 'vault' } } });
    expect(config.apiServer).toEqual({
      url: new URL('https://kubernetes.default.svc'),
      caFile: '/var/run/secrets/token-acquirer/api-server.crt',
      secrets: ['dynamics-interval', 'token-acquirer-ca', 'token-acquirer-state', 'vault'].map(
        (name) => `token-acquirer/${name}`,
      ),
    });
    expect(config.forbiddenFiles).toEqual([
      '/etc/token-acquirer',
      '/var/run/secrets/kubernetes.io/serviceaccount/token',
      'client_secret',
      'password',
      'private_key',
      'refresh_token',
    ]);
  });

  it('have themselves none of that: no token for the API server, and nothing to write to', async () => {
    for (const { spec, container } of await pods()) {
      expect(spec).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        restartPolicy: 'Never',
        securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.volumeMounts?.every(({ readOnly }) => readOnly === true)).toBe(true);
    }
  });

  it('are on OpenShift without fixed ids', async () => {
    const { spec } = await first({ openshift: true });
    expect(spec.securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  });

  it('are not selected by what selects the token-acquirer, though they may be in its namespace', async () => {
    const all = await rendered();
    const { labels } = podOf(all).metadata;
    const [service] = ofKind(all, 'Service');
    const selector = service?.spec?.['selector'] as Record<string, string>;
    expect(labels).toMatchObject(selector);
    for (const pod of ofKind(all, 'Pod').map(podIn)) expect(pod.labels).not.toMatchObject(selector);
  });

  it('take image, pull secrets and resources from the values', async () => {
    const image = {
      registry: 'registry.example.com',
      repository: 'apps/client-app',
      digest: `sha256:${'0'.repeat(64)}`,
    };
    const { spec, container } = await first({
      image: { repository: 'token-acquirer', pullPolicy: 'Always', pullSecrets: ['pull'] },
      test: { image, resources: { limits: { memory: '99Mi' } } },
    });
    expect(container).toMatchObject({
      image: `registry.example.com/apps/client-app@sha256:${'0'.repeat(64)}`,
      imagePullPolicy: 'Always',
      resources: { limits: { memory: '99Mi' } },
    });
    expect(spec['imagePullSecrets']).toEqual([{ name: 'pull' }]);
  });

  describe('of several tokens', () => {
    it('are one of each for each Secret', async () => {
      const tokens = [
        tokenWith({}),
        tokenWith({ name: 'orders' }),
        tokenWith({
          secret: { namespace: 'shipping', name: 'shipping-tokens' },
          clients: [{ namespace: 'shipping', serviceAccount: 'shipping-app' }],
        }),
      ];
      expect(whoTries(await pods({}, tokens))).toEqual([
        ['client billing/billing-app', ['dynamics', 'orders']],
        ['stranger billing/default', ['dynamics', 'orders']],
        ['client shipping/shipping-app', ['dynamics']],
        ['stranger shipping/default', ['dynamics']],
      ]);
    });

    it('are one more where the tokens of a Secret have different clients', async () => {
      const other = { namespace: 'billing', serviceAccount: 'batch' };
      const all = await pods({}, [tokenWith({}), tokenWith({ name: 'orders', clients: [other, BILLING] })]);
      expect(whoTries(all)).toEqual([
        ['client billing/billing-app', ['dynamics']],
        ['stranger billing/default', ['dynamics', 'orders']],
        ['client billing/batch', ['orders']],
      ]);
      expect(new Set(all.map(({ name }) => name)).size).toBe(3);
    });

    it('get those kept in memory from the token-acquirer', async () => {
      const all = await pods({}, [tokenWith({}), tokenWith({ name: 'orders', delivery: 'endpoint' })]);
      expect(all.map(({ config: { as, tokenDirectory, tokens } }) => [as, tokenDirectory, tokens.length])).toEqual([
        ['client', '/var/run/tokens', 1],
        ['stranger', undefined, 2],
        ['client', undefined, 1],
      ]);
    });

    it('call for each its own service, that of all, or none', async () => {
      const tokens = [tokenWith({}), tokenWith({ name: 'orders' })];
      const own = { 'billing/billing-tokens/orders': { serviceUrl: 'https://orders.example.com/?a=b' } };
      const urls = async (test: object) =>
        (await first({ test: { ...TEST, ...test } }, tokens)).config.tokens.map(({ serviceUrl }) => serviceUrl?.href);
      expect(await urls({ tokens: own })).toEqual([TEST.serviceUrl, 'https://orders.example.com/?a=b']);
      expect(await urls({ serviceUrl: '' })).toEqual([undefined, undefined]);
      const plain = 'http://gateway.example.com/incidents';
      await expect(urls({ serviceUrl: plain })).rejects.toThrow('ALLOW_PLAIN_HTTP=true');
      expect(await urls({ serviceUrl: plain, allowPlainHttp: true })).toEqual([plain, plain]);
    });
  });

  describe('of several Secrets', () => {
    const shipping = {
      secret: { namespace: 'shipping', name: 'shipping-tokens' },
      clients: [{ namespace: 'shipping', serviceAccount: 'shipping-app' }],
    };
    const teams = [tokenWith({}), tokenWith(shipping)];
    const kinds = async (test: object, tokens: readonly object[]): Promise<string[]> => {
      const text = await chart().text(minimal({ test: { ...TEST, ...test } }, { tokens }), {
        args: ['--show-only=templates/tests/chain.yaml'],
      });
      return text.match(/^kind: .*$/gm) ?? [];
    };

    it('are one hook, so that helm starts them all and waits for each', async () => {
      expect(await kinds({}, teams)).toEqual(['kind: List']);
      const args = ['--show-only=templates/tests/chain.yaml'];
      const text = await chart().text(minimal({ test: TEST }, { tokens: teams }), { args });
      expect((parse(text) as Rendered).metadata).toEqual({
        name: 'token-acquirer-test',
        annotations: { 'helm.sh/hook': 'test', 'helm.sh/hook-delete-policy': 'before-hook-creation' },
      });
      // Tools that unfold a list, such as Argo CD, have to leave its pods out, too.
      const all = await pods({}, teams);
      expect(all.map(({ annotations }) => annotations['helm.sh/hook'])).toEqual(['test', 'test', 'test', 'test']);
    });

    it('are each a hook where that is wanted, and where they are of one Secret', async () => {
      expect(await kinds({ together: false }, teams)).toEqual(Array.from({ length: 4 }, () => 'kind: Pod'));
      expect(await kinds({}, [tokenWith({}), tokenWith({ name: 'orders' })])).toEqual(['kind: Pod', 'kind: Pod']);
    });

    it('wait as a stranger, too, for what to check the certificate with', async () => {
      const [, stranger] = await pods({}, teams);
      expect(stranger?.config.as).toBe('stranger');
      expect(stranger?.waiters).toHaveLength(2);
      for (const waiter of stranger?.waiters ?? []) {
        expect(waiter).toMatchObject({ as: 'waiter', tokenDirectory: undefined, patience: 8000 });
      }
    });

    it('leave their last words in their status, which one command shows for all namespaces', async () => {
      for (const { container } of await pods({}, teams)) {
        expect(container).toMatchObject({ terminationMessagePolicy: 'FallbackToLogsOnError' });
      }
    });
  });

  it.each<[string, readonly object[], unknown[]]>([
    [
      'no stranger where the ServiceAccount default is a client',
      [{ namespace: 'billing', serviceAccount: 'default' }],
      [['client billing/default', ['dynamics']]],
    ],
    ['no client where no token may be asked for', [], [['stranger billing/default', ['dynamics']]]],
    [
      'no client that could not mount the Secret',
      [{ namespace: 'elsewhere', serviceAccount: 'app' }],
      [['stranger billing/default', ['dynamics']]],
    ],
    [
      'the first client that can mount the Secret',
      [{ namespace: 'elsewhere', serviceAccount: 'app' }, BILLING],
      [
        ['client billing/billing-app', ['dynamics']],
        ['stranger billing/default', ['dynamics']],
      ],
    ],
  ])('have %s', async (_, clients, who) => {
    expect(whoTries(await pods({}, [tokenWith({ clients })]))).toEqual(who);
  });

  it.each([
    ['a ConfigMap', { configMap: 'gateway-ca' }, { configMap: { name: 'gateway-ca' } }],
    ['a Secret under its own key', { secret: 'gateway', key: 'root.pem' }, { secret: { name: 'gateway' } }],
  ])('take the CA of the gateway from %s', async (_, certificateAuthority, source) => {
    const { config, spec } = await first({ test: { ...TEST, certificateAuthority } });
    expect(config.serviceCaFile).toBe('/etc/gateway-authority/ca.crt');
    const volume = spec.volumes?.find(({ name }) => name === 'gateway-authority');
    expect(volume?.projected?.sources).toMatchObject([source]);
  });

  it('have names of less than 63 characters, each another', async () => {
    const long = (end: string) => ({
      ...SECRET,
      name: `a-rather-long-name-of-a-token-secret-that-goes-on-${end}`,
    });
    const all = await pods({ fullnameOverride: 'a-name-of-the-whole-that-is-long-itself' }, [
      tokenWith({ secret: long('one') }),
      tokenWith({ secret: long('two') }),
    ]);
    const names = all.map(({ name }) => name);
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name).toMatch(/^a-name-of-the-whole-that-is-long-itself-test-[-a-z0-9]{1,17}$/);
  });
});

describe('both helms', () => {
  const charts = HELMS.map((name) => realParts(() => openChart(name)));

  it('render the same pods', async () => {
    const values = minimal({ test: TEST }, { tokens: [tokenWith({}), tokenWith({ name: 'orders' })] });
    const [one, other] = await Promise.all(charts.map(async (chart) => ofKind(await chart().objects(values), 'Pod')));
    expect(one).toHaveLength(2);
    expect(one).toEqual(other);
  });
});
