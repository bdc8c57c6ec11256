import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { isScalar, parse, parseAllDocuments, visit } from 'yaml';
import { createMetrics } from '../../src/adapters/telemetry/metrics.ts';
import { fileOrigins } from '../../src/core/file-origin.ts';
import type { OAuthServerSettings, ServerSettings } from '../../src/ports/protocols.ts';
import { memoryNeed } from '../../src/token-acquirer/configuration/memory-need.ts';
import { realParts } from '../real/real-parts.ts';
import {
  CHART,
  configurationOf,
  find,
  minimal,
  nameOf,
  ofKind,
  openChart,
  podOf,
  type Rendered,
  tokenWith,
  trialValues,
} from './chart.ts';

const OPERATOR = ['--api-versions=monitoring.coreos.com/v1'];
const description = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as {
  readonly [field: string]: unknown;
  readonly annotations: Readonly<Record<string, string>>;
};
const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
  version: string;
};

/**
 * What charts of this kind often have, and this one has not.
 *
 * Tested elsewhere: values.schema.json (schema.test.ts, valid.test.ts), the README (test/documents.test.ts), `helm lint`
 * of all trial values (valid.test.ts), a second upgrade (the lifecycle tests). For Artifact Hub there is no key that it is
 * signed with, as nobody publishes it yet, and there are no examples of resources that it does not define.
 */
const WHY_NOT = [
  [
    'Job',
    'jobs as hooks: nothing has to be made ready before or after, and an upgrade brings the definition of AccessTokens',
  ],
  ['Namespace', "namespaces: they are somebody else's, and would go with the release, with all that is in them"],
  [
    'Ingress',
    'way in from outside of the cluster, nor an HTTPRoute: the reissue endpoint is for pods, and the status page for who forwards a port',
  ],
  ['HorizontalPodAutoscaler', 'autoscaler: one replica renews the tokens, however many there are'],
  ['PodMonitor', 'second way to be scraped next to the ServiceMonitor'],
] as const;

/** Where the ports of a policy are open: pods, and all addresses but these. */
const ANYWHERE = [
  { namespaceSelector: {} },
  {
    ipBlock: {
      cidr: '0.0.0.0/0',
      except: ['169.254.0.0/16', '168.63.129.16/32', '100.100.100.200/32', '192.0.0.192/32'],
    },
  },
  {
    ipBlock: {
      cidr: '::/0',
      except: ['fe80::/10', 'fd00:ec2::254/128', 'fd20:ce::254/128', 'fd00:c1::a9fe:a9fe/128', 'fd00:42::42/128'],
    },
  },
];
/** The pods that pass calls on to each other. */
const REPLICAS = [
  {
    podSelector: {
      matchLabels: { 'app.kubernetes.io/name': 'token-acquirer', 'app.kubernetes.io/instance': 'token-acquirer' },
    },
  },
];
const NOT_TEN = [
  { namespaceSelector: {} },
  { ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] } },
  { ipBlock: { cidr: '::/0' } },
];

const DIGEST = `sha256:${'a'.repeat(64)}`;

/** Reasons why values do not exist. */
const NO_VALUES = [
  ['replicaCount', 'it is `replicas` here, as in a Deployment; a file that names it is rejected'],
  ['namespaceOverride', 'objects would outlive what `helm uninstall -n` finds'],
  ['leaderElection', 'replicas always elect a leader, by a Lease'],
  ['scopedNamespaces', 'the namespaces follow from the tokens, and nothing else is looked at'],
  ['installCRDs', 'there are none'],
  ['ingress', 'see there'],
  ['artifacthub-repo.yml', 'of a published repository, of which none exists yet; the annotations for it do'],
  ['dashboard', 'the alerts say what one would look for; `extraObjects` takes the ConfigMap of one'],
  ['strategy', 'any other than RollingUpdate would leave a time without a pod that answers'],
] as const;

describe('the chart', () => {
  const chart = realParts(() => openChart('helm 4'));
  const objects = (values: object, args: readonly string[] = []): Promise<readonly Rendered[]> =>
    chart().objects(values, { args });
  const pod = async (values: object, args: readonly string[] = []) => podOf(await objects(values, args));

  describe('is described', () => {
    it('in the second version of the format, for Kubernetes with native sidecars and the suffixes of clouds', () => {
      expect(description).toMatchObject({ apiVersion: 'v2', type: 'application', kubeVersion: '>=1.29.0-0' });
    });

    it('with the version of the application, which is also that of its images', () => {
      expect(description['appVersion']).toBe(version);
      const images = parse(description.annotations['artifacthub.io/images'] ?? '') as { image: string }[];
      expect(images.map(({ image }) => image)).toEqual([`token-acquirer:${version}`, `client-app:${version}`]);
    });

    it('for Artifact Hub: license, category, changes, links', () => {
      expect(description.annotations).toMatchObject({
        'artifacthub.io/category': 'security',
        'artifacthub.io/license': 'Apache-2.0',
      });
      const changes = parse(description.annotations['artifacthub.io/changes'] ?? '') as object[];
      for (const change of changes) expect(Object.keys(change)).toEqual(['kind', 'description']);
      const links = parse(description.annotations['artifacthub.io/links'] ?? '') as { url: string }[];
      for (const { url } of links) expect(url).toMatch(/^https:/);
    });

    it('without a dependency on another chart', () => {
      expect(description).not.toHaveProperty('dependencies');
    });
  });

  describe('has nothing to do with', () => {
    const kinds = new Set<string>();
    beforeAll(async () => {
      for (const text of trialValues().values()) {
        for (const { kind } of await objects(parse(text) as object)) kinds.add(kind);
      }
    });

    it.each(WHY_NOT)('a %s: no %s', (kind) => {
      expect(kinds.size).toBeGreaterThan(15);
      expect([...kinds]).not.toContain(kind);
    });

    it.each(NO_VALUES)('the value %s: %s', (key) => {
      expect(parse(readFileSync(join(CHART, 'values.yaml'), 'utf8'))).not.toHaveProperty(key);
    });
  });

  describe('names', () => {
    it.each([
      ['a release that is called after the chart, as the release', { release: 'token-acquirer' }, {}, 'token-acquirer'],
      ['a release with the name in it, as the release', { release: 'my-token-acquirer' }, {}, 'my-token-acquirer'],
      ['another release, after both', { release: 'corp' }, {}, 'corp-token-acquirer'],
      ["after the chart's other name", { release: 'corp' }, { nameOverride: 'tokens' }, 'corp-tokens'],
      ['as the whole name says', { release: 'corp' }, { fullnameOverride: 'tokens' }, 'tokens'],
    ])('%s', async (_, rendering, values, name) => {
      const all = await chart().objects(minimal(values), rendering);
      expect(find(all, `Deployment/${name}`)).toBeDefined();
      expect(find(all, `Service/${name}`)).toBeDefined();
      const { cluster } = configurationOf(all);
      const own = { stateSecret: `${name}-state`, authoritySecret: `${name}-ca`, service: name };
      expect(cluster).toMatchObject(own);
      for (const secret of [own.stateSecret, own.authoritySecret]) expect(find(all, `Secret/${secret}`)).toBeDefined();
    });

    it('stay texts, also where YAML takes them for numbers and switches', async () => {
      const [token, clients] = [{ namespace: 'no', name: '1' }, [{ namespace: 'no', serviceAccount: '2' }]];
      const values = minimal(
        {
          image: { repository: 'token-acquirer', pullSecrets: ['007'] },
          nameOverride: '77',
          fullnameOverride: 'tokens',
          serviceAccount: { name: '3' },
          credentials: { on: { existingSecret: '4', keys: { client_id: 'y', client_secret: '5' } } },
          certificateAuthorities: { on: { secret: '6', key: '7' } },
          tls: { existingSecret: '1e3' },
          priorityClassName: '8',
          metrics: { serviceMonitor: { enabled: true, interval: '0' } },
          test: { image: { repository: 'client-app' }, certificateAuthority: { configMap: '9', key: '10' } },
        },
        {
          authorizationServers: { on: { issuer: 'https://login.example.com' } },
          tokens: [tokenWith({ authorizationServer: 'on', credential: 'on', secret: token, clients })],
          propagation: { nudge: true },
        },
      );
      const text = await chart().text(values, { release: '12345678', namespace: '99', args: OPERATOR });
      const odd: string[] = [];
      for (const document of parseAllDocuments(text, { version: '1.1' })) {
        visit(document, {
          Pair(_, { key, value }) {
            const isText = !isScalar(value) || typeof value.value === 'string';
            if (/(?:^name(?:space)?|Name|^key|^interval|kubernetes\.io\/\w+)$/.test(String(key)) && !isText) {
              odd.push(String(key));
            }
          },
        });
      }
      expect(odd).toEqual([]);
      expect(text).toContain('name: "1"\n  namespace: "no"\n');
    });

    it('what lies outside its namespace so that no other release has the same', async () => {
      const of = async (namespace: string, release: string) => {
        const values = parse(trialValues().get('ci/nudge-and-watch-values.yaml') ?? '') as object;
        const all = await chart().objects(values, { namespace, release });
        return all.map(nameOf).filter((name) => !/^(Role|RoleBinding|Secret|Service|ConfigMap|Deploy)/.test(name));
      };
      const one = await of('a-token-acquirer', 'token-acquirer');
      const shared = new Set([...one, ...(await of('a', 'token-acquirer-token-acquirer'))]);
      expect(one.length).toBeGreaterThan(8);
      // The token Secret that both write, and the ServiceAccount, which is of the release's own namespace.
      expect([...shared].filter((name) => /Role|Policy/.test(name))).toHaveLength(
        2 * one.filter((name) => /Role|Policy/.test(name)).length,
      );
    });

    it("no namespace in what is of the release's own", async () => {
      const inNone = (await objects(minimal())).filter(({ metadata }) => metadata.namespace === undefined).map(nameOf);
      expect(inNone.toSorted()).toEqual([
        'ClusterRole/token-acquirer.token-acquirer.callers',
        'ClusterRoleBinding/token-acquirer.token-acquirer.callers',
        'ConfigMap/token-acquirer-config',
        'Deployment/token-acquirer',
        'Lease/token-acquirer',
        'PodDisruptionBudget/token-acquirer',
        'Role/token-acquirer',
        'RoleBinding/token-acquirer',
        'Secret/token-acquirer-ca',
        'Secret/token-acquirer-state',
        'Service/token-acquirer',
        'ServiceAccount/token-acquirer',
      ]);
    });
  });

  describe('labels and annotates', () => {
    it('every object as Kubernetes recommends, and with what is common to all', async () => {
      const common = { commonLabels: { team: 'platform' }, commonAnnotations: { owner: 'platform' } };
      for (const { metadata } of await objects(minimal(common))) {
        expect(metadata.labels).toEqual({
          'app.kubernetes.io/name': 'token-acquirer',
          'app.kubernetes.io/instance': 'token-acquirer',
          'app.kubernetes.io/version': version,
          'app.kubernetes.io/managed-by': 'Helm',
          'app.kubernetes.io/part-of': 'token-acquirer',
          'helm.sh/chart': `token-acquirer-${String(description['version'])}`,
          team: 'platform',
        });
        expect(metadata.annotations).toMatchObject({ owner: 'platform' });
      }
    });

    it('its pod, but not with what changes in every upgrade', async () => {
      const values = { commonLabels: { team: 'platform' }, podLabels: { zone: 'a' }, podAnnotations: { note: 'b' } };
      const { metadata } = await pod(minimal(values));
      expect(metadata.labels).toEqual({
        'app.kubernetes.io/name': 'token-acquirer',
        'app.kubernetes.io/instance': 'token-acquirer',
        'app.kubernetes.io/part-of': 'token-acquirer',
        'token-acquirer.dev/release': 'token-acquirer',
        'token-acquirer.dev/shard': '0',
        team: 'platform',
        zone: 'a',
      });
      expect(metadata.annotations).toMatchObject({ note: 'b' });
    });

    it('nothing in place of the labels that selectors go by', async () => {
      const wrong = { 'app.kubernetes.io/name': 'other' };
      const all = await objects(minimal({ commonLabels: wrong, podLabels: wrong, service: { labels: wrong } }));
      const selector = { 'app.kubernetes.io/name': 'token-acquirer', 'app.kubernetes.io/instance': 'token-acquirer' };
      expect(find(all, 'Service/token-acquirer').spec?.['selector']).toEqual(selector);
      expect(find(all, 'Deployment/token-acquirer').spec?.['selector']).toEqual({ matchLabels: selector });
      expect(podOf(all).metadata.labels).toMatchObject(selector);
    });

    it('the token Secrets, the Service and the ServiceAccount with their own', async () => {
      const own = (text: string) => ({ labels: { own: text }, annotations: { own: text } });
      const values = { secret: own('secret'), service: own('service'), serviceAccount: own('account') };
      const all = await objects(minimal(values));
      expect(find(all, 'billing/Secret/billing-tokens').metadata).toMatchObject(own('secret'));
      expect(find(all, 'Service/token-acquirer').metadata).toMatchObject(own('service'));
      expect(find(all, 'ServiceAccount/token-acquirer').metadata).toMatchObject(own('account'));
      expect(find(all, 'Secret/token-acquirer-state').metadata.labels).not.toHaveProperty('own');
    });
  });

  describe('takes its image', () => {
    it.each<[string, object, string]>([
      ["of the application's version by default", {}, `token-acquirer:${version}`],
      ['from a registry', { registry: 'registry.example.com/' }, `registry.example.com/token-acquirer:${version}`],
      ['by a tag', { tag: '0.2.1' }, 'token-acquirer:0.2.1'],
      ['by a digest, whatever the tag', { tag: '0.2.1', digest: DIGEST }, `token-acquirer@${DIGEST}`],
    ])('%s', async (_, image, name) => {
      const { container } = await pod(minimal({ image: { repository: 'token-acquirer', ...image } }));
      expect(container.image).toBe(name);
    });

    it('from the registry of all charts first, with the pull secrets of both, each once', async () => {
      const { spec, container } = await pod(
        minimal({
          global: { imageRegistry: 'all.example.com', imagePullSecrets: [{ name: 'all' }, 'both'] },
          image: { registry: 'own.example.com', repository: 'token-acquirer', pullSecrets: ['both', { name: 'own' }] },
        }),
      );
      expect(container.image).toBe(`all.example.com/token-acquirer:${version}`);
      expect(spec['imagePullSecrets']).toEqual([{ name: 'all' }, { name: 'both' }, { name: 'own' }]);
    });
  });

  describe('makes Secrets', () => {
    it('without data, all of them', async () => {
      const secrets = ofKind(await objects(minimal()), 'Secret');
      expect(secrets.map(nameOf)).toHaveLength(3);
      for (const secret of secrets) expect(Object.keys(secret)).toEqual(['apiVersion', 'kind', 'metadata', 'type']);
    });

    it('for no credential', async () => {
      const secrets = ofKind(await objects(minimal()), 'Secret').map(({ metadata }) => metadata.name);
      expect(secrets.filter((name) => name.startsWith('dynamics'))).toEqual([]);
    });

    it('that go with the release, or are kept', async () => {
      for (const keep of [false, true]) {
        for (const { metadata } of ofKind(await objects(minimal({ secret: { keep } })), 'Secret')) {
          expect(metadata.annotations?.['helm.sh/resource-policy']).toBe(keep ? 'keep' : undefined);
        }
      }
    });

    it('for tokens once each, none where somebody else does, and none for a token that is stored nowhere', async () => {
      const tokens = [tokenWith({}), tokenWith({ name: 'other' })];
      const named = async (values: object) => ofKind(await objects(values), 'Secret').map(nameOf);
      expect(await named(minimal({}, { tokens }))).toContain('billing/Secret/billing-tokens');
      const own = ['Secret/token-acquirer-state', 'Secret/token-acquirer-ca'];
      expect(await named(minimal({ secret: { create: false } }))).toEqual(own);
      expect(await named(minimal({}, { tokens: [tokenWith({ delivery: 'endpoint' })] }))).toEqual(own);
    });
  });

  describe('mounts', () => {
    const volumes = async (values: object): Promise<Readonly<Record<string, unknown>>> => {
      const { spec, container } = await pod(values);
      const mounted = new Map(container.volumeMounts?.map((mount) => [mount.name, mount]));
      for (const mount of mounted.values()) expect(mount).toMatchObject({ readOnly: true });
      expect([...mounted.keys()]).toEqual(spec.volumes?.map(({ name }) => name));
      const all = (spec.volumes ?? []).filter(({ name }) => !['api-access', 'replica-token'].includes(name));
      return Object.fromEntries(all.map(({ name, ...source }) => [mounted.get(name)?.mountPath ?? '', source]));
    };
    const interval = (name: string) => ({
      secret: { name: `${name}-interval`, optional: true, items: [{ key: 'interval', path: 'interval' }] },
    });

    it('each credential once, by default the whole of its Secret, and its interval', async () => {
      const tokens = [tokenWith({}), tokenWith({ name: 'b' }), tokenWith({ name: 'c', credential: 'ledger' })];
      const all = await volumes(minimal({}, { tokens }));
      expect(all).toEqual({
        '/etc/token-acquirer/config': { configMap: { name: 'token-acquirer-config' } },
        ...Object.fromEntries(
          ['dynamics', 'ledger'].map((name) => [
            `/etc/token-acquirer/credentials/${name}`,
            {
              projected: {
                defaultMode: 0o440,
                sources: [{ secret: { name: `${name}-credentials`, optional: true } }, interval(name)],
              },
            },
          ]),
        ),
      });
    });

    it('a credential from an existing Secret, under other keys', async () => {
      const dynamics = { existingSecret: 'crm', keys: { client_id: 'app-id', client_secret: 'value' } };
      const all = await volumes(minimal({ credentials: { dynamics } }));
      const items = [
        { key: 'app-id', path: 'client_id' },
        { key: 'value', path: 'client_secret' },
      ];
      expect(all['/etc/token-acquirer/credentials/dynamics']).toMatchObject({
        projected: { sources: [{ secret: { name: 'crm', optional: true, items } }, interval('dynamics')] },
      });
    });

    it('and names such a Secret to the program, for its messages', async () => {
      const dynamics = { existingSecret: 'crm', keys: { client_id: 'app-id' } };
      const named = async (credentials: object) => {
        const { container } = await pod(minimal({ credentials }));
        return container.args?.filter((argument) => argument.startsWith('--credential-secret'));
      };
      expect(await named({ dynamics })).toEqual(['--credential-secret=dynamics=crm,client_id=app-id']);
      expect(await named({ dynamics: { existingSecret: 'crm' } })).toEqual(['--credential-secret=dynamics=crm']);
      expect(await named({})).toEqual([]);
    });

    it('and names the origin of each file that it mounts from a ConfigMap or Secret', async () => {
      const servers = { one: { issuer: 'https://one.example' }, other: { issuer: 'https://other.example' } };
      const values = minimal(
        {
          certificateAuthorities: { one: { configMap: 'one-ca' }, other: { secret: 'other-ca', key: 'root.pem' } },
          tls: { existingSecret: 'endpoint' },
        },
        { authorizationServers: servers, tokens: [tokenWith({ authorizationServer: 'one' })] },
      );
      const { container } = await pod(values);
      const { value = '' } = container.env?.find(({ name }) => name === 'FILE_ORIGINS') ?? {};
      const named = (path: string) => fileOrigins(value, undefined)(`/etc/token-acquirer/${path}`)?.text;
      const paths = ['config/config.yaml', 'authorities/one/ca.crt', 'authorities/other/ca.crt', 'tls/tls.key'];
      expect(paths.map(named)).toEqual([
        'the key config.yaml of the ConfigMap token-acquirer-config',
        'the key ca.crt of the ConfigMap one-ca',
        'the key root.pem of the Secret other-ca',
        'the key tls.key of the Secret endpoint',
      ]);
    });

    it('the CA of an authorization server, which its configuration names', async () => {
      const servers = { one: { issuer: 'https://one.example' }, other: { issuer: 'https://other.example' } };
      const values = minimal(
        { certificateAuthorities: { one: { configMap: 'one-ca' }, other: { secret: 'other-ca', key: 'root.pem' } } },
        { authorizationServers: servers, tokens: [tokenWith({ authorizationServer: 'one' })] },
      );
      const all = await volumes(values);
      const source = (name: string, key: string) => ({ name, optional: true, items: [{ key, path: 'ca.crt' }] });
      expect(all['/etc/token-acquirer/authorities/one']).toMatchObject({
        projected: { sources: [{ configMap: source('one-ca', 'ca.crt') }] },
      });
      expect(all['/etc/token-acquirer/authorities/other']).toMatchObject({
        projected: { sources: [{ secret: source('other-ca', 'root.pem') }] },
      });
      const { servers: configured } = configurationOf(await objects(values));
      expect(configured['one']?.caFile).toBe('/etc/token-acquirer/authorities/one/ca.crt');
      expect(configured['other']?.caFile).toBe('/etc/token-acquirer/authorities/other/ca.crt');
    });

    it('a token that proves to an authorization server who asks, where its configuration looks for one', async () => {
      const server = { clientAuthentication: 'workload_identity' };
      const authorizationServers = {
        corporate: { issuer: 'https://login.example.com', ...server },
        entra: { issuer: 'https://entra.example', ...server },
        elsewhere: { issuer: 'https://other.example', ...server, assertionFile: '/run/token' },
      };
      const workloadIdentity = { corporate: { audience: 'https://login.example.com', expirationSeconds: 600 } };
      const values = minimal({ workloadIdentity }, { authorizationServers });
      const { servers } = configurationOf(await objects(values));
      const all = await volumes(values);
      const expected = {
        corporate: { audience: 'https://login.example.com', expirationSeconds: 600 },
        entra: { audience: 'api://AzureADTokenExchange', expirationSeconds: 3600 },
      };
      for (const [name, token] of Object.entries(expected)) {
        const { assertionFile: file = '' } = servers[name] as OAuthServerSettings & ServerSettings;
        expect(all[file.replace(/\/token$/, '')]).toMatchObject({
          projected: { sources: [{ serviceAccountToken: { ...token, path: 'token' } }] },
        });
      }
      expect(Object.keys(all).filter((path) => path.includes('workload-identity'))).toHaveLength(2);
    });

    it('a token to exchange, or one that a file of the configuration names', async () => {
      const issuer = 'https://login.example.com';
      const file = '/var/run/secrets/workload-identity/named/token';
      const authorizationServers = { exchange: { issuer }, named: { issuer }, own: { issuer } };
      const secret = { namespace: 'billing', name: 'billing-tokens' };
      const token = { credential: 'dynamics', secret };
      const tokens = [
        { ...token, name: 'one', authorizationServer: 'exchange', grant: 'token_exchange' },
        { ...token, name: 'two', authorizationServer: 'named', grant: 'jwt_bearer', assertion: { file } },
        {
          ...token,
          name: 'three',
          authorizationServer: 'own',
          grant: 'token_exchange',
          exchange: { subjectTokenFile: '/run/token' },
        },
      ];
      const workloadIdentity = { exchange: { audience: 'a' }, named: { audience: 'b', expirationSeconds: 600 } };
      const all = await volumes(minimal({ workloadIdentity }, { authorizationServers, tokens }));
      const mounted = Object.keys(all).filter((path) => path.includes('workload-identity'));
      const path = (server: string): string => `/var/run/secrets/workload-identity/${server}`;
      expect(mounted.toSorted()).toEqual([path('exchange'), path('named')]);
      const projected = (audience: string, expirationSeconds: number): object => ({
        projected: { sources: [{ serviceAccountToken: { audience, expirationSeconds, path: 'token' } }] },
      });
      expect(all[path('exchange')]).toMatchObject(projected('a', 3600));
      expect(all[path('named')]).toMatchObject(projected('b', 600));
    });

    it('one Secret for all credentials, so that a further token leaves the pod as it is', async () => {
      const values = (...names: readonly string[]): object => ({
        ...minimal(
          { credentialsSecret: 'all' },
          { tokens: names.map((name) => tokenWith({ name, credential: name })) },
        ),
      });
      const all = await volumes(values('crm', 'ledger'));
      const inFolder = Object.keys(all).filter((path) => path.startsWith('/etc/token-acquirer/credentials'));
      expect(inFolder).toEqual(['/etc/token-acquirer/credentials/.shared']);
      const sources = ['all', 'all-intervals'].map((name) => ({ secret: { name, optional: true } }));
      expect(all['/etc/token-acquirer/credentials/.shared']).toEqual({ projected: { defaultMode: 288, sources } });
      const before = await pod(values('crm', 'ledger'));
      expect(before.container.args).toContain('--credential-secret=*=all');
      expect(await pod(values('crm', 'ledger', 'stock'))).toEqual(before);
    });

    it('a Secret of its own for each credential that is named, next to the one for all others', async () => {
      const tokens = ['crm', 'ledger'].map((name) => tokenWith({ name, credential: name }));
      const all = await volumes(minimal({ credentialsSecret: 'all', credentials: { ledger: {} } }, { tokens }));
      expect(Object.keys(all).filter((path) => path.startsWith('/etc/token-acquirer/credentials'))).toEqual([
        '/etc/token-acquirer/credentials/ledger',
        '/etc/token-acquirer/credentials/.shared',
      ]);
      expect(all['/etc/token-acquirer/credentials/ledger']).toMatchObject({
        projected: { sources: [{ secret: { name: 'ledger-credentials' } }, { secret: { name: 'ledger-interval' } }] },
      });
    });

    it('an empty folder where there is no credential yet', async () => {
      const all = await volumes(minimal({}, { tokens: [] }));
      expect(all['/etc/token-acquirer/credentials']).toEqual({ emptyDir: {} });
    });
  });

  describe('gives the endpoint a certificate', () => {
    const files = {
      certificateFile: '/etc/token-acquirer/tls/tls.crt',
      privateKeyFile: '/etc/token-acquirer/tls/tls.key',
      caFile: '/etc/token-acquirer/tls/ca.crt',
    };

    it.each<[string, object, string]>([
      ['of an existing Secret', { existingSecret: 'own' }, 'own'],
      ['by cert-manager', { certManager: { enabled: true, issuerRef: { name: 'ca' } } }, 'token-acquirer-tls'],
    ])('%s, and makes no own CA', async (_, tls, name) => {
      const all = await objects(minimal({ tls }));
      expect(configurationOf(all).endpoint).toEqual(files);
      expect(ofKind(all, 'Secret').map(nameOf)).not.toContain('Secret/token-acquirer-ca');
      expect(find(all, 'Role/token-acquirer').rules?.[0]?.resourceNames).toEqual(['token-acquirer-state']);
      const { spec } = podOf(all);
      const items = ['tls.crt', 'tls.key'].map((key) => ({ key, path: key }));
      expect(spec.volumes?.find((volume) => volume.name === 'tls')?.projected?.sources).toEqual([
        { secret: { name, items } },
        { secret: { name, optional: true, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      ]);
    });

    it('by cert-manager for all names of the Service', async () => {
      const certManager = { enabled: true, issuerRef: { name: 'ca', kind: 'ClusterIssuer' }, duration: '24h' };
      const all = await chart().objects(minimal({ tls: { certManager } }), { release: 'corp', namespace: 'tokens' });
      expect(find(all, 'Certificate/corp-token-acquirer').spec).toMatchObject({
        secretName: 'corp-token-acquirer-tls',
        dnsNames: ['', '.tokens', '.tokens.svc', '.tokens.svc.cluster.local'].map((end) => `corp-token-acquirer${end}`),
        issuerRef: { name: 'ca', kind: 'ClusterIssuer' },
        duration: '24h',
      });
    });

    it('of files that the user brings, without a word', async () => {
      const endpoint = { certificateFile: '/certificates/tls.crt', privateKeyFile: '/certificates/tls.key' };
      const all = await objects(minimal({}, { endpoint }));
      expect(configurationOf(all).endpoint).toEqual(endpoint);
      expect(ofKind(all, 'Secret').map(nameOf)).not.toContain('Secret/token-acquirer-ca');
    });
  });

  describe('puts into the configuration', () => {
    it('nothing that its hash, an annotation, does not count: the status shows the same one', async () => {
      for (const [name, text] of trialValues()) {
        if (!/minimal|extras|password/.test(name)) continue;
        const all = await objects(parse(text) as object);
        const [configMap] = ofKind(all, 'ConfigMap').filter(({ data }) => data?.['config.yaml'] !== undefined);
        const hash = createHash('sha256').update(configurationOf(all).text).digest('hex');
        expect([name, configMap?.metadata.annotations?.['token-acquirer.dev/config-sha256']]).toEqual([name, hash]);
      }
    });

    it('what the user wrote, and nothing over it', async () => {
      const config = {
        state: { secret: 'own-state' },
        endpoint: { authoritySecret: 'own-ca', service: 'own-service' },
        propagation: { nudge: true, watch: true },
        audience: 'tokens.example',
      };
      const { cluster } = configurationOf(await objects(minimal({}, config)));
      expect(cluster).toMatchObject({
        stateSecret: 'own-state',
        authoritySecret: 'own-ca',
        service: 'own-service',
        nudge: true,
        audience: 'tokens.example',
      });
    });

    it('the proxy of servers that name none, and what is reached without it into the environment', async () => {
      const authorizationServers = {
        corporate: { issuer: 'https://login.example.com' },
        partner: { issuer: 'https://partner.example', proxy: 'http://other:8080' },
      };
      const proxy = { url: 'http://proxy:3128', noProxy: '.svc' };
      const all = await objects(minimal({ proxy }, { authorizationServers }));
      const { servers } = configurationOf(all);
      expect([servers['corporate']?.proxy, servers['partner']?.proxy]).toEqual([
        'http://proxy:3128',
        'http://other:8080',
      ]);
      expect(podOf(all).container.env).toContainEqual({ name: 'NO_PROXY', value: '.svc' });
    });
  });

  describe('restarts the pod', () => {
    const checksum = async (values: object) =>
      (await pod(values)).metadata.annotations?.['token-acquirer.dev/restart-checksum'];

    it.each<[string, object, object]>([
      ['another state', {}, { state: { secret: 'other' } }],
      ['another CA', {}, { endpoint: { authoritySecret: 'other' } }],
      ['another Service', {}, { endpoint: { service: 'other' } }],
      ['a certificate instead of a CA', { tls: { existingSecret: 'other' } }, {}],
    ])('for %s', async (_, values, config) => {
      expect(await checksum(minimal(values, config))).not.toBe(await checksum(minimal()));
    });

    it.each<[string, object]>([
      ['another token', { tokens: [tokenWith({ scope: 'other' })] }],
      ['another authorization server', { authorizationServers: { corporate: { issuer: 'https://other.example' } } }],
      ['callers checked otherwise', { callers: 'jwks', audience: 'other' }],
      ['other ways of propagation', { propagation: { nudge: true, watch: true } }],
    ])('not for %s, which is read again', async (_, config) => {
      expect((await pod(minimal({}, config))).metadata).toEqual((await pod(minimal())).metadata);
    });
  });

  describe('has a pod', () => {
    it('of which two run, and one is replaced before it ends', async () => {
      const { spec } = find(await objects(minimal({ revisionHistoryLimit: 7 })), 'Deployment/token-acquirer');
      const strategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
      expect(spec).toMatchObject({ replicas: 2, strategy, revisionHistoryLimit: 7 });
    });

    it('of which one runs where the values say so', async () => {
      const all = await objects(minimal({ replicas: 1 }));
      expect(find(all, 'Deployment/token-acquirer').spec).toMatchObject({ replicas: 1 });
      expect(podOf(all).spec).not.toHaveProperty('topologySpreadConstraints');
    });

    it('that knows its name and its address', async () => {
      const { container } = await pod(minimal());
      const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } });
      expect(container.env).toEqual(
        expect.arrayContaining([
          { name: 'POD_NAME', ...field('metadata.name') },
          { name: 'POD_IP', ...field('status.podIP') },
        ]),
      );
    });

    it('that the scheduler puts on another node than the other one, if it can', async () => {
      const { spec } = await pod(minimal());
      expect(spec['topologySpreadConstraints']).toEqual([
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: {
            matchLabels: {
              'app.kubernetes.io/name': 'token-acquirer',
              'app.kubernetes.io/instance': 'token-acquirer',
            },
          },
        },
      ]);
    });

    const POD = {
      runAsNonRoot: true,
      runAsUser: 65_532,
      runAsGroup: 65_532,
      fsGroup: 65_532,
      seccompProfile: { type: 'RuntimeDefault' },
    };
    const CONTAINER = {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    };
    const { runAsUser: _u, runAsGroup: _g, fsGroup: _f, ...withoutIds } = POD;

    it.each<[string, object, readonly string[], object]>([
      ['with its own ids', {}, [], POD],
      ['with those of OpenShift, on OpenShift', {}, ['--api-versions=security.openshift.io/v1'], withoutIds],
      ['with those of OpenShift, where it is said', { openshift: 'true' }, [], withoutIds],
      ['with its own, where it is said', { openshift: 'false' }, ['--api-versions=security.openshift.io/v1'], POD],
    ])('that keeps to the restricted profile: %s', async (_, values, args, context) => {
      const { spec, container } = await pod(minimal(values), args);
      expect(spec.securityContext).toEqual(context);
      expect(container.securityContext).toEqual(CONTAINER);
      for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace']) {
        expect(spec).not.toHaveProperty(field);
      }
    });

    it('a token of its ServiceAccount that only another replica accepts', async () => {
      const { spec, container } = await pod(minimal({}));
      const mountPath = '/var/run/secrets/token-acquirer/replica';
      expect(container.volumeMounts).toContainEqual({ name: 'replica-token', mountPath, readOnly: true });
      expect(container.args).toContain(`--replica-token=${mountPath}/token`);
      const source = { audience: 'token-acquirer.token-acquirer', expirationSeconds: 600, path: 'token' };
      expect(spec.volumes?.find(({ name }) => name === 'replica-token')).toMatchObject({
        projected: { sources: [{ serviceAccountToken: source }] },
      });
    });

    it('with a token of ten minutes for the API server in its own container, and in no other one', async () => {
      const other = { name: 'other', image: 'other:1' };
      const all = await objects(minimal({ extraContainers: [other], extraInitContainers: [other] }));
      const { spec, container } = podOf(all);
      expect(spec).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
      expect(find(all, 'ServiceAccount/token-acquirer').automountServiceAccountToken).toBe(false);
      const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
      expect(container.volumeMounts).toContainEqual({ name: 'api-access', mountPath, readOnly: true });
      expect(spec.volumes?.find(({ name }) => name === 'api-access')).toEqual({
        name: 'api-access',
        projected: {
          defaultMode: 0o444,
          sources: [
            { serviceAccountToken: { expirationSeconds: 600, path: 'token' } },
            { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
            {
              downwardAPI: {
                items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
              },
            },
          ],
        },
      });
      expect([spec.containers[1], spec['initContainers']]).toEqual([other, [other]]);
    });

    it('that is probed on its own port, has its memory limited, and asks for some', async () => {
      const { container } = await pod(minimal());
      expect(container).toMatchObject({
        startupProbe: { httpGet: { path: '/livez', port: 'probes' } },
        livenessProbe: { httpGet: { path: '/livez', port: 'probes' } },
        readinessProbe: { httpGet: { path: '/readyz', port: 'probes' } },
        resources: { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '192Mi' } },
        ports: [
          { name: 'https', containerPort: 8443 },
          { name: 'status', containerPort: 9090 },
          { name: 'probes', containerPort: 9091 },
        ],
      });
    });

    const many = (length: number, apps = 1): object[] =>
      Array.from({ length }, (_token, index) =>
        tokenWith({ name: `t-${index}`, clientApp: { namespace: 'billing', selector: `app=${index % apps}` } }),
      );

    it.each<[string, object[], object, object]>([
      [
        'the default amounts',
        many(2000),
        {},
        { requests: { cpu: '20m', memory: '160Mi' }, limits: { memory: '288Mi' } },
      ],
      [
        'more with many client apps',
        many(500, 500),
        {},
        { requests: { cpu: '20m', memory: '192Mi' }, limits: { memory: '288Mi' } },
      ],
      [
        'no other',
        many(100),
        { limits: { memory: '1Gi' } },
        { requests: { memory: '128Mi' }, limits: { memory: '1Gi' } },
      ],
    ])(
      'whose memory follows the number of tokens and client apps: %s',
      async (_, tokens, resources, expected) => {
        const { container } = await pod(minimal({ resources }, { tokens }));
        expect(container).toMatchObject({ resources: expected });
      },
      120_000,
    );

    it('whose memory is at least what the program finds necessary, and changes in steps', async () => {
      const limits: number[] = [];
      for (const [tokens, apps] of [
        [1, 1],
        [200, 200],
        [201, 201],
        [600, 600],
      ] as const) {
        const { container } = await pod(minimal({}, { tokens: many(tokens, apps) }));
        const { limits: given } = container['resources'] as { limits: { memory: string } };
        const limit = Number.parseInt(given.memory, 10);
        expect(limit * 1024 * 1024).toBeGreaterThan(memoryNeed({ tokens, apps }));
        limits.push(limit);
      }
      expect(limits).toEqual([192, 224, 224, 288]);
    });

    it('without limits where that is what the values say', async () => {
      const { container } = await pod(minimal({ resources: { requests: null, limits: null } }));
      expect(container).not.toHaveProperty('resources');
    });

    it('that runs where and how the values say', async () => {
      const fields = {
        nodeSelector: { disk: 'ssd' },
        tolerations: [{ key: 'infra', operator: 'Exists' }],
        affinity: { podAntiAffinity: {} },
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }],
        priorityClassName: 'high',
        runtimeClassName: 'gvisor',
        terminationGracePeriodSeconds: 42,
        hostAliases: [{ ip: '192.0.2.1', hostnames: ['login.example.com'] }],
        dnsConfig: { options: [{ name: 'ndots', value: '1' }] },
        dnsPolicy: 'None',
      };
      expect((await pod(minimal(fields))).spec).toMatchObject(fields);
      const { spec } = await pod(minimal());
      const { terminationGracePeriodSeconds, topologySpreadConstraints, ...absent } = fields;
      expect(spec['topologySpreadConstraints']).not.toEqual(topologySpreadConstraints);
      for (const field of Object.keys(absent)) expect(spec).not.toHaveProperty(field);
      expect(terminationGracePeriodSeconds).not.toBe(spec['terminationGracePeriodSeconds']);
    });

    it('to which everything can be added', async () => {
      const container = { name: 'other', image: 'other:1' };
      const volume = { name: 'scratch', emptyDir: {} };
      const mount = { name: 'scratch', mountPath: '/scratch' };
      const values = {
        logLevel: 'debug',
        extraArgs: ['--grace=5s'],
        extraEnv: [{ name: 'TZ', value: 'UTC' }],
        envFrom: [{ configMapRef: { name: 'settings' } }],
        extraVolumes: [volume],
        extraVolumeMounts: [mount],
        extraContainers: [container],
        extraInitContainers: [container],
      };
      const { spec, container: own } = await pod(minimal(values));
      expect(own.args?.slice(-2)).toEqual(['--log-level=debug', '--grace=5s']);
      expect(own.env).toEqual(expect.arrayContaining(values.extraEnv));
      expect(own).toMatchObject({ envFrom: values.envFrom });
      expect(own.volumeMounts).toContainEqual(mount);
      expect(spec.volumes).toContainEqual(volume);
      expect(spec.containers[1]).toEqual(container);
      expect(spec['initContainers']).toEqual([container]);
    });

    it.each([true, false])('whose log shows traces only if the values ask for it: %s', async (logTraces) => {
      const { container } = await pod(minimal(logTraces ? { logTraces } : {}));
      expect(container.args?.includes('--log-traces')).toBe(logTraces);
    });

    it.each([
      [['IPv4'], 'SingleStack'],
      [['IPv6'], 'SingleStack'],
      [[], 'PreferDualStack'],
      [[], ''],
    ])(
      'that listens on every address, wherever a Service with %j and %j leads to',
      async (ipFamilies, ipFamilyPolicy) => {
        const all = await objects(minimal({ service: { ipFamilies, ipFamilyPolicy } }));
        const listening = podOf(all).container.args?.filter((argument) => argument.includes('listen='));
        expect(listening).toEqual(['--listen=:8443', '--status-listen=:9090', '--probe-listen=:9091']);
        const spec = find(all, 'Service/token-acquirer').spec ?? {};
        expect(spec['ipFamilyPolicy'] ?? '').toBe(ipFamilyPolicy);
        expect(spec['ipFamilies'] ?? []).toEqual(ipFamilies);
      },
    );
  });

  it('adds objects of the user, as mappings and as texts, with templates in them', async () => {
    const object = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: "{{ .Release.Name }}-text" }';
    const all = await objects(minimal({ extraObjects: [object('{{ .Release.Namespace }}-mapping'), text] }));
    expect(all).toContainEqual(object('token-acquirer-mapping'));
    expect(all).toContainEqual(object('token-acquirer-text'));
  });

  it('makes the Lease without a spec, which the replicas fill, and allows them no other', async () => {
    const all = await objects(minimal({ fullnameOverride: 'tokens' }));
    const lease = find(all, 'Lease/tokens');
    expect(lease).toMatchObject({ apiVersion: 'coordination.k8s.io/v1' });
    expect(lease).not.toHaveProperty('spec');
    const rules = ofKind(all, 'Role').flatMap(({ rules: own = [] }) => own);
    expect(rules.filter(({ resources }) => resources?.includes('leases'))).toEqual([
      {
        apiGroups: ['coordination.k8s.io'],
        resources: ['leases'],
        resourceNames: ['tokens'],
        verbs: ['get', 'update', 'watch'],
      },
    ]);
  });

  describe('is off by default, and can be had:', () => {
    it.each(['NetworkPolicy', 'ServiceMonitor', 'PrometheusRule', 'Certificate'])('no %s', async (kind) => {
      expect(ofKind(await objects(minimal(), OPERATOR), kind)).toEqual([]);
    });

    it('a PodDisruptionBudget by which nodes can be drained, unless the values say otherwise', async () => {
      const without = await objects(minimal({ podDisruptionBudget: { enabled: false } }));
      expect(ofKind(without, 'PodDisruptionBudget')).toEqual([]);
      const all = await objects(minimal());
      const { spec } = find(all, 'PodDisruptionBudget/token-acquirer');
      expect(spec).toMatchObject({ maxUnavailable: 1 });
      expect(spec).not.toHaveProperty('minAvailable');
    });

    it.each(['serviceMonitor', 'prometheusRule'])(
      'a %s where the cluster knows it, or it is wanted anyway',
      async (name) => {
        const kind = name.replace(/^./, (letter) => letter.toUpperCase());
        const countOf = async (renderMode: string, args: readonly string[]) => {
          const all = await objects(
            minimal({ metrics: { [name]: { enabled: true, renderMode, labels: { own: 'a' } } } }),
            args,
          );
          const found = ofKind(all, kind);
          for (const { metadata } of found) expect(metadata.labels).toMatchObject({ own: 'a' });
          return found.length;
        };
        expect(await countOf('skipIfMissing', [])).toBe(0);
        expect(await countOf('skipIfMissing', OPERATOR)).toBe(1);
        expect(await countOf('failIfMissing', OPERATOR)).toBe(1);
        expect(await countOf('alwaysRender', [])).toBe(1);
      },
    );

    it('a ServiceMonitor that finds a port of the Service, and keeps the namespace of tokens', async () => {
      const metrics = { serviceMonitor: { enabled: true, interval: '15s' } };
      const all = await objects(minimal({ metrics }), OPERATOR);
      const { spec } = find(all, 'ServiceMonitor/token-acquirer');
      const endpoint = { port: 'status', path: '/metrics', honorLabels: true, interval: '15s' };
      expect(spec?.['endpoints']).toEqual([endpoint]);
      const selector = spec?.['selector'] as { matchLabels: object };
      const service = find(all, 'Service/token-acquirer');
      expect(service.spec?.['ports']).toContainEqual({ name: 'status', port: 9090, targetPort: 'status' });
      expect(service.metadata.labels).toMatchObject(selector.matchLabels);
    });

    it('a dashboard only if the values ask for it, for the sidecar of Grafana, unchanged', async () => {
      expect(ofKind(await objects(minimal()), 'ConfigMap').map(nameOf)).not.toContain('token-acquirer-dashboard');
      const dashboard = { enabled: true, labels: { team: 'platform' }, annotations: { grafana_folder: 'Tokens' } };
      const { metadata, ...rest } = find(
        await objects(minimal({ metrics: { dashboard } })),
        'ConfigMap/token-acquirer-dashboard',
      );
      expect(metadata.labels).toMatchObject({ grafana_dashboard: '1', team: 'platform' });
      expect(metadata['annotations']).toEqual({ grafana_folder: 'Tokens' });
      const { data } = rest as unknown as { data: Readonly<Record<string, string>> };
      expect(Object.keys(data)).toEqual(['token-acquirer.json']);
      const file = readFileSync(join(CHART, 'dashboard.json'), 'utf8');
      expect(JSON.parse(data['token-acquirer.json'] ?? '')).toEqual(JSON.parse(file));
    });

    it('alerts on metrics that exist, each with what to do', async () => {
      const all = await objects(minimal({ metrics: { prometheusRule: { enabled: true } } }), OPERATOR);
      const spec = find(all, 'PrometheusRule/token-acquirer').spec as unknown as {
        groups: { rules: { alert: string; expr: string; labels: object; annotations: Record<string, string> }[] }[];
      };
      const known = createMetrics({ now: () => 0, monotonic: () => 0, wait: () => Promise.resolve() }).describe();
      const names = new Set(known.map(({ name }) => name));
      const rules = spec.groups.flatMap(({ rules: some }) => some);
      expect(rules.length).toBeGreaterThanOrEqual(8);
      for (const { alert, expr, labels, annotations } of rules) {
        expect(alert).toMatch(/^Token[A-Za-z]+$/);
        const used = expr.match(/token_acquirer_\w+/g) ?? [];
        if (alert !== 'TokenAcquirerDown') expect(used.length).toBeGreaterThan(0);
        for (const name of used) expect([...names]).toContain(name);
        expect(labels).toMatchObject({ severity: expect.stringMatching(/^(critical|warning)$/) as unknown });
        expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook']);
        expect(Object.values(annotations).join()).not.toMatch(/\.Values|\.Release/);
      }
    });

    it('a NetworkPolicy that lets in clients and Prometheus, and out what is configured', async () => {
      const values = minimal(
        {
          networkPolicy: {
            enabled: true,
            metricsFrom: [{ namespaceSelector: {} }],
            apiServer: { cidrs: ['10.0.0.1/32'], ports: [6443] },
            extraIngress: [{ from: [{ podSelector: {} }] }],
            extraEgress: [{ ports: [{ port: 9 }] }],
          },
        },
        { authorizationServers: { corporate: { issuer: 'https://login.example.com:8444/realms/corp' } } },
      );
      const { spec } = find(await objects(values), 'NetworkPolicy/token-acquirer');
      const key = 'kubernetes.io/metadata.name';
      const clients = { matchExpressions: [{ key, operator: 'In', values: ['billing'] }] };
      expect(spec).toMatchObject({
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          { from: [{ namespaceSelector: clients }], ports: [{ port: 'https' }] },
          { from: REPLICAS, ports: [{ port: 'https' }] },
          { from: [{ namespaceSelector: {} }], ports: [{ port: 'status' }] },
          { from: [{ podSelector: {} }] },
        ],
        egress: [
          { ports: [{ port: 53, protocol: 'UDP' }, { port: 53 }, { port: 5353, protocol: 'UDP' }, { port: 5353 }] },
          { to: REPLICAS, ports: [{ port: 'https' }] },
          { ports: [{ port: 6443 }], to: [{ ipBlock: { cidr: '10.0.0.1/32' } }] },
          { ports: [{ port: 8444 }], to: ANYWHERE },
          { ports: [{ port: 9 }] },
        ],
      });
    });

    it('a NetworkPolicy that lets in the gateways that report rejected tokens', async () => {
      const evidence = { reporters: [{ namespace: 'gateways', serviceAccount: 'envoy' }] };
      const values = minimal({ networkPolicy: { enabled: true } }, { tokens: [tokenWith({ evidence })] });
      const ingress = find(await objects(values), 'NetworkPolicy/token-acquirer').spec?.['ingress'] as object[];
      const home = { key: 'kubernetes.io/metadata.name', operator: 'In', values: ['billing', 'gateways'] };
      expect(ingress[0]).toMatchObject({ from: [{ namespaceSelector: { matchExpressions: [home] } }] });
    });

    it.each([
      ['a Service', 'https://login.keycloak.svc/realms/corp', 'keycloak'],
      ['a Service, in full and with a port', 'https://login.keycloak.svc.cluster.local:8080', 'keycloak'],
      ['a pod of a Service', 'https://login-0.login.keycloak.svc', 'keycloak'],
      ['a namespace that is a number', 'https://login.123.SVC', '123'],
    ])('a NetworkPolicy that lets out to the pods behind %s', async (_, issuer, namespace) => {
      const values = minimal({ networkPolicy: { enabled: true } }, { authorizationServers: { corporate: { issuer } } });
      const egress = find(await objects(values), 'NetworkPolicy/token-acquirer').spec?.['egress'] as object[];
      const home = { key: 'kubernetes.io/metadata.name', operator: 'In', values: [namespace] };
      expect(egress.slice(3)).toEqual([
        { to: [{ namespaceSelector: { matchExpressions: [home] } }], ports: [{ protocol: 'TCP' }] },
      ]);
    });

    it('a NetworkPolicy that lets out to both, where some of the URLs are those of Services', async () => {
      const servers = ['https://b.two.svc', 'https://a.one.svc', 'https://c.two.svc', 'https://svc.example.com:8444'];
      const authorizationServers = Object.fromEntries(servers.map((issuer, index) => [`at-${index}`, { issuer }]));
      const config = {
        authorizationServers,
        tokens: [
          tokenWith({ authorizationServer: 'at-0', clientApp: { healthUrl: 'https://app.billing.svc/healthz' } }),
        ],
      };
      const all = await objects(minimal({ networkPolicy: { enabled: true } }, config));
      const egress = find(all, 'NetworkPolicy/token-acquirer').spec?.['egress'] as { to?: object[] }[];
      const [outside, inside, ...more] = egress.slice(3);
      expect(outside).toEqual({ ports: [{ port: 8444 }], to: ANYWHERE });
      expect(JSON.stringify(inside?.to)).toContain('"values":["billing","one","two"]');
      expect(more).toEqual([]);
    });

    it('a NetworkPolicy that opens nothing for an issuer next to a token endpoint', async () => {
      const corporate = {
        issuer: 'https://login.example.com:8445',
        tokenEndpoint: 'https://login.example.com:8444/token',
      };
      const all = await objects(minimal({ networkPolicy: { enabled: true } }, { authorizationServers: { corporate } }));
      const egress = find(all, 'NetworkPolicy/token-acquirer').spec?.['egress'] as object[];
      expect(egress.slice(3)).toEqual([{ ports: [{ port: 8444 }], to: ANYWHERE }]);
    });

    it('a NetworkPolicy that opens the port of a revocation endpoint', async () => {
      const corporate = {
        tokenEndpoint: 'https://login.example.com:8444/token',
        revocationEndpoint: 'https://login.example.com:8446/revoke',
      };
      const all = await objects(minimal({ networkPolicy: { enabled: true } }, { authorizationServers: { corporate } }));
      const egress = find(all, 'NetworkPolicy/token-acquirer').spec?.['egress'] as object[];
      expect(egress.slice(3)).toEqual([{ ports: [{ port: 8444 }, { port: 8446 }], to: ANYWHERE }]);
    });

    it('a NetworkPolicy that opens the ports of servers with another protocol', async () => {
      const authorizationServers = {
        corporate: { protocol: 'github_app' },
        partner: {
          protocol: 'http_login',
          url: 'https://login.example.com:8444/login',
          token: { pointer: '/token' },
          logout: { url: 'https://login.example.com:8445/logout', headers: [{ name: 'X-Auth-Token' }] },
        },
      };
      const token = { ...tokenWith({ installation: '42' }), grant: undefined };
      const config = { authorizationServers, tokens: [token] };
      const all = await objects(minimal({ networkPolicy: { enabled: true } }, config));
      const egress = find(all, 'NetworkPolicy/token-acquirer').spec?.['egress'] as object[];
      expect(egress.slice(3)).toEqual([{ ports: [{ port: 443 }, { port: 8444 }, { port: 8445 }], to: ANYWHERE }]);
    });

    it.each<[string, object, readonly string[], unknown, unknown]>([
      ['except for link-local addresses and metadata', {}, [], ANYWHERE, ANYWHERE],
      ['except for other addresses', { except: ['10.0.0.0/8'] }, [], NOT_TEN, NOT_TEN],
      ['without an exception', { except: [] }, [], undefined, undefined],
      // https://docs.cilium.io/en/stable/network/kubernetes/policy: an ipBlock is no node there.
      ['with an API server on a node that Cilium knows', {}, ['--api-versions=cilium.io/v2'], undefined, ANYWHERE],
    ])('a NetworkPolicy that opens ports to every address %s', async (_, given, args, apiServer, outside) => {
      const all = await objects(minimal({ networkPolicy: { enabled: true, ...given } }), args);
      const egress = find(all, 'NetworkPolicy/token-acquirer').spec?.['egress'] as { to?: object[] }[];
      expect(egress.map(({ to }) => to)).toEqual([undefined, REPLICAS, apiServer, outside]);
    });

    it('a NetworkPolicy that opens nothing for what is in the pod itself', async () => {
      const tokens = [tokenWith({ clientApp: { healthUrl: 'http://127.0.0.1:8081/healthz' } })];
      const all = await objects(minimal({ networkPolicy: { enabled: true } }, { tokens }));
      const egress = find(all, 'NetworkPolicy/token-acquirer').spec?.['egress'] as object[];
      expect(egress.slice(3)).toEqual([{ ports: [{ port: 443 }], to: ANYWHERE }]);
    });

    it('a NetworkPolicy that lets out only to the proxy, where there is one', async () => {
      const values = { networkPolicy: { enabled: true }, proxy: { url: 'http://proxy:3128' } };
      const { spec } = find(await objects(minimal(values)), 'NetworkPolicy/token-acquirer');
      const egress = spec?.['egress'] as object[];
      expect(egress.slice(3)).toEqual([{ ports: [{ port: 3128 }], to: ANYWHERE }]);
    });

    it.each([
      ['as the values say', { proxy: { url: 'http://proxy:3128', noProxy: '.svc' } }],
      [
        'as the environment says',
        { proxy: { url: 'http://proxy:3128' }, extraEnv: [{ name: 'no_proxy', value: '*' }] },
      ],
    ])('a NetworkPolicy that lets out to what is reached without the proxy, %s', async (_, values) => {
      const all = await objects(minimal({ networkPolicy: { enabled: true }, ...values }));
      const egress = find(all, 'NetworkPolicy/token-acquirer').spec?.['egress'] as object[];
      expect(egress.slice(3)).toEqual([{ ports: [{ port: 3128 }, { port: 443 }], to: ANYWHERE }]);
    });
  });
});
