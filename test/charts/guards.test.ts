import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { realParts } from '../real/real-parts.ts';
import { CHART, HELMS, minimal, openChart, type Rendering, tokenWith } from './chart.ts';

const LONG = 'a-very-long-name-of-which-nobody-knows-who-came-up-with-it';
const SECRET = { namespace: 'billing', name: 'billing-tokens' };
const CREDENTIAL = { key: 'credential', form: 'bearer' };
const IDENTIFIED = { authorizationServer: 'corporate', credential: 'dynamics', grant: 'client_credentials' };
const OWN = { namespace: 'token-acquirer' };

interface Fault {
  readonly sentence: string;
  readonly values: object;
  readonly rendering?: Rendering;
  readonly messages: readonly string[];
}

const tokens = (...all: readonly object[]) => minimal({}, { tokens: all.map(tokenWith) });
const MANAGED = { enabled: true, issuerRef: { name: 'ca' } };
const servers = (authorizationServers: object) => ({ authorizationServers, tokens: [] });
const ISSUER = { issuer: 'https://login.example.com' };

const FAULTS: readonly Fault[] = [
  {
    sentence: 'no image, with how to make one',
    values: minimal({ image: {} }),
    messages: [
      "image.repository is empty: there is no public image. Build it in the project's folder, push it to your registry, and name it:",
      '  docker build -f Dockerfile.token-acquirer -t registry.example.com/token-acquirer:0.1.0 .',
      '  docker push registry.example.com/token-acquirer:0.1.0',
      '  and in the values: image: { registry: registry.example.com, repository: token-acquirer }',
    ],
  },
  {
    sentence: 'no image, with the registry that was named',
    values: minimal({ image: { registry: 'own.example.com', tag: '0.3.0' } }),
    messages: [
      "image.repository is empty: there is no public image. Build it in the project's folder, push it to your registry, and name it:",
      '  docker build -f Dockerfile.token-acquirer -t own.example.com/token-acquirer:0.3.0 .',
      '  docker push own.example.com/token-acquirer:0.3.0',
      '  and in the values: image: { registry: own.example.com, repository: token-acquirer }',
    ],
  },
  ...['0.0.9', 'v0.0.9', '0.0.9-rc.1', '0.0'].map((tag) => ({
    sentence: `the image ${tag}, older than the chart`,
    values: minimal({ image: { repository: 'token-acquirer', tag } }),
    messages: [
      `image.tag: the image ${tag} is older than this chart, which is made for 0.1: take an image of that version, or the chart of the image's version.`,
    ],
  })),
  {
    sentence: 'tokens of a mapping whose identity is not clear, before what follows from it',
    values: minimal(
      { credentials: { formerly: {} } },
      {
        tokens: { 'a/b/c': tokenWith({ name: 'd' }), 'e.f': { ...tokenWith({}), name: undefined, secret: undefined } },
      },
    ),
    messages: [
      'config.tokens["a/b/c"].name differs from the key of the token: remove it, or correct the key.',
      'config.tokens["a/b/c"].secret.name differs from the key of the token: remove it, or correct the key.',
      'config.tokens["a/b/c"].secret.namespace differs from the key of the token: remove it, or correct the key.',
      'config.tokens["e.f"] needs a name, because its key is neither namespace/secret/name nor a DNS label: add it, or correct the key.',
      'config.tokens["e.f"] needs a secret with namespace and name, because its key is not of the form namespace/secret/name: add it, or correct the key.',
    ],
  },
  {
    sentence: 'errors of tokens of a mapping, by their keys',
    values: minimal(
      {},
      {
        tokens: {
          'billing/billing-tokens/dynamics': { ...IDENTIFIED, authorizationServer: 'corp' },
          again: { ...IDENTIFIED, name: 'dynamics', secret: SECRET },
          long: { ...IDENTIFIED, secret: SECRET, credential: 'Ledger' },
        },
      },
    ),
    messages: [
      'config.tokens["billing/billing-tokens/dynamics"].authorizationServer names no entry of config.authorizationServers (existing entries: corporate): correct it, or add the entry.',
      'config.tokens["billing/billing-tokens/dynamics"].name is also the name of config.tokens.again in the same Secret, billing/billing-tokens: use another name, or another Secret.',
      'config.tokens.long.credential is not a valid DNS label of at most 52 characters, but a volume and Secrets have its name: use lower-case letters, digits and hyphens.',
    ],
  },
  {
    sentence: 'a name too long for what is called after it',
    values: minimal({ fullnameOverride: LONG }),
    messages: [
      `The name ${LONG} has 58 characters, but only 52 are possible, because other names are derived from it: use a shorter release name, or set fullnameOverride.`,
    ],
  },
  {
    sentence: 'a release whose name is too long with that of the chart',
    values: minimal(),
    rendering: { release: LONG.slice(0, 40) },
    messages: [
      `The name ${LONG.slice(0, 40)}-token-acquirer has 55 characters, but only 52 are possible, because other names are derived from it: use a shorter release name, or set fullnameOverride.`,
    ],
  },
  {
    sentence: 'a name that no Service can have',
    values: minimal(),
    rendering: { release: 'corp.token-acquirer' },
    messages: [
      'The name corp.token-acquirer is not a valid DNS label: set fullnameOverride to lower-case letters, digits and hyphens.',
    ],
  },
  {
    sentence: 'a name that a Service can have only in late versions of Kubernetes',
    values: minimal(),
    rendering: { release: '2fa' },
    messages: [
      'The name 2fa-token-acquirer begins with a digit, which not every version of Kubernetes accepts for a Service: set fullnameOverride to a name that begins with a letter.',
    ],
  },
  {
    sentence: 'a port that the Service has already',
    values: minimal({ service: { port: 9090 }, metrics: { serviceMonitor: { enabled: true } } }),
    messages: [
      'service.port: 9090 is the metrics port, which metrics.serviceMonitor adds to the Service: use another port.',
    ],
  },
  {
    sentence: 'the Secret of all credentials, as if it were its state',
    values: minimal(
      { credentialsSecret: 'all' },
      { state: { secret: 'all' }, endpoint: { authoritySecret: 'all-intervals' } },
    ),
    messages: [
      'config.endpoint.authoritySecret: all-intervals is the credentialsSecret, which the token-acquirer may not read through the API: name another Secret.',
      'config.state.secret: all is the credentialsSecret, which the token-acquirer may not read through the API: name another Secret.',
    ],
  },
  {
    sentence: 'a token in the Secret of all credentials',
    values: minimal(
      { credentialsSecret: 'all' },
      { tokens: ['all', 'all-intervals'].map((name) => tokenWith({ secret: { namespace: 'token-acquirer', name } })) },
    ),
    messages: [
      'config.tokens[0].secret: token-acquirer/all is a Secret of credentials: use another Secret for the token.',
      'config.tokens[1].secret: token-acquirer/all-intervals is a Secret of intervals: use another Secret for the token.',
    ],
  },
  {
    sentence: 'a credential that it could read through the API, as if it were its state',
    values: minimal(
      {},
      { state: { secret: 'dynamics-credentials' }, endpoint: { authoritySecret: 'dynamics-interval' } },
    ),
    messages: [
      'config.endpoint.authoritySecret: dynamics-interval is the Secret of the credential dynamics, which the token-acquirer may not read through the API: name another Secret.',
      'config.state.secret: dynamics-credentials is the Secret of the credential dynamics, which the token-acquirer may not read through the API: name another Secret.',
    ],
  },
  {
    sentence: 'one Secret for its state and its CA',
    values: minimal({}, { state: { secret: 'own' }, endpoint: { authoritySecret: 'own' } }),
    messages: ['config.state.secret and config.endpoint.authoritySecret are both own: give one of them another name.'],
  },
  ...(
    [
      ['tls', { tls: { existingSecret: 'own' } }],
      ['image.pullSecrets, or global.imagePullSecrets', { image: { repository: 'a', pullSecrets: ['own'] } }],
      ['image.pullSecrets, or global.imagePullSecrets', { global: { imagePullSecrets: [{ name: 'own' }] } }],
      ['certificateAuthorities.corporate.secret', { certificateAuthorities: { corporate: { secret: 'own' } } }],
      ['envFrom', { envFrom: [{ configMapRef: { name: 'a' } }, { secretRef: { name: 'own' } }] }],
      ['extraEnv', { extraEnv: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'own', key: 'a' } } }] }],
      ['extraVolumes', { extraVolumes: [{ name: 'a', secret: { secretName: 'own' } }] }],
      ['extraVolumes', { extraVolumes: [{ name: 'a', projected: { sources: [{ secret: { name: 'own' } }] } }] }],
      ['extraVolumes', { extraVolumes: [{ name: 'a', csi: { nodePublishSecretRef: { name: 'own' } } }] }],
      ['extraContainers', { extraContainers: [{ name: 'a', envFrom: [{ secretRef: { name: 'own' } }] }] }],
      ['extraInitContainers', { extraInitContainers: [{ name: 'a', envFrom: [{ secretRef: { name: 'own' } }] }] }],
    ] as const
  ).map(([place, values]) => ({
    sentence: `a Secret of ${place} that it could read and change through the API: ${JSON.stringify(values)}`,
    values: minimal(values, { state: { secret: 'own' } }),
    messages: [
      `config.state.secret: own is also the Secret of ${place}, and the token-acquirer may read and change it through the API: name another Secret.`,
    ],
  })),
  {
    sentence: 'a CA that another volume is made of',
    values: minimal(
      { extraVolumes: [{ name: 'a', secret: { secretName: 'own' } }] },
      { endpoint: { authoritySecret: 'own' } },
    ),
    messages: [
      'config.endpoint.authoritySecret: own is also the Secret of extraVolumes, and the token-acquirer may read and change it through the API: name another Secret.',
    ],
  },
  {
    sentence: 'a Secret of the pods of helm test in its own namespace',
    values: minimal(
      { test: { certificateAuthority: { secret: 'own' } } },
      { state: { secret: 'own' }, tokens: [tokenWith({ secret: { namespace: 'token-acquirer', name: 'a' } })] },
    ),
    messages: [
      'config.state.secret: own is also the Secret of test.certificateAuthority.secret, and the token-acquirer may read and change it through the API: name another Secret.',
    ],
  },
  {
    sentence: 'a name that is no label',
    values: minimal({ nameOverride: 'Tokens', fullnameOverride: 'tokens' }),
    messages: ['nameOverride is not a valid DNS label: use lower-case letters, digits and hyphens, at most 63.'],
  },
  {
    sentence: 'keys by the names that other charts give them',
    values: minimal({ imagePullSecrets: [], replicaCount: 2 }),
    messages: [
      'imagePullSecrets is called image.pullSecrets here: move it there.',
      'replicaCount is called replicas here: move it there.',
    ],
  },
  ...[0, 3].map((replicas) => ({
    sentence: `${replicas} replicas`,
    values: minimal({ replicas }),
    messages: [
      `replicas is ${replicas}: use 2, or 1. One replica renews the tokens, and the other one takes over if it ends. A third one would renew nothing.`,
    ],
  })),
  {
    sentence: 'a variable of the environment that the chart sets',
    values: minimal({ extraEnv: [{ name: 'POD_IP', value: '192.0.2.1' }] }),
    messages: ['extraEnv[0].name: POD_IP is already set by the chart: remove one of them.'],
  },
  {
    sentence: 'a token of a missing authorization server',
    values: tokens({}, { name: 'ledger', authorizationServer: 'corporat' }),
    messages: [
      'config.tokens[1].authorizationServer names no entry of config.authorizationServers (existing entries: corporate): correct it, or add the entry.',
    ],
  },
  {
    sentence: 'a token where no authorization server is',
    values: minimal({}, { authorizationServers: {} }),
    messages: [
      'config.tokens[0].authorizationServer names no entry of config.authorizationServers (existing entries: none): correct it, or add the entry.',
    ],
  },
  {
    sentence: 'two tokens of one name in one Secret',
    values: tokens({}, {}, { secret: { namespace: 'billing', name: 'other' } }),
    messages: [
      'config.tokens[1].name is also the name of config.tokens[0] in the same Secret, billing/billing-tokens: use another name, or another Secret.',
    ],
  },
  {
    sentence: 'two tokens with one key in one Secret',
    values: tokens({}, { name: 'other', key: 'dynamics' }, { name: 'third', key: 'x', secret: SECRET }),
    messages: [
      'config.tokens[1].key is also the key of config.tokens[0] in the same Secret, billing/billing-tokens: use another key, or another Secret.',
    ],
  },
  {
    sentence: "a token whose key is another's document",
    values: tokens({}, { name: 'other', key: 'dynamics.json' }),
    messages: [
      'config.tokens[1].key is also the key of config.tokens[0] in the same Secret, billing/billing-tokens: use another key, or another Secret.',
    ],
  },
  {
    sentence: 'two tokens with the same copy in one Secret',
    values: tokens({ copies: [CREDENTIAL] }, { name: 'other', copies: [{ key: 'more', form: 'raw' }, CREDENTIAL] }),
    messages: [
      'config.tokens[1].copies[1].key, credential, is also a key of config.tokens[0] in the same Secret, billing/billing-tokens: use another key. Where a program expects this one, give each token its own Secret.',
    ],
  },
  {
    sentence: 'a copy in the place of its own token',
    values: tokens({ copies: [{ key: 'dynamics', form: 'bearer' }] }),
    messages: ['config.tokens[0].copies[0].key, dynamics, is a key of this token already: use another key.'],
  },
  {
    sentence: 'a token in the place of a copy',
    values: tokens({ copies: [{ key: 'other', form: 'raw' }] }, { name: 'other' }),
    messages: [
      'config.tokens[1].key is also the key of config.tokens[0] in the same Secret, billing/billing-tokens: use another key, or another Secret.',
    ],
  },
  {
    sentence: 'copies of a token that is stored nowhere',
    values: tokens({ delivery: 'endpoint', copies: [CREDENTIAL] }),
    messages: [
      'config.tokens[0].copies needs delivery: secret, because this token is stored nowhere: remove one of them.',
    ],
  },
  {
    sentence: "a token in the place of the CA's certificate",
    values: tokens({ key: 'ca.crt' }),
    messages: ['config.tokens[0].key is ca.crt, which is reserved for the CA certificate: use another key.'],
  },
  {
    sentence: "tokens in the token-acquirer's own Secrets",
    values: tokens(
      ...['token-acquirer-state', 'token-acquirer-ca', 'dynamics-credentials', 'dynamics-interval'].map((name) => ({
        secret: { ...OWN, name },
      })),
    ),
    messages: [
      'config.tokens[0].secret: token-acquirer/token-acquirer-state is the Secret of the refresh tokens: use another Secret for the token.',
      "config.tokens[1].secret: token-acquirer/token-acquirer-ca is the Secret of the token-acquirer's CA: use another Secret for the token.",
      'config.tokens[2].secret: token-acquirer/dynamics-credentials is the Secret of the credential dynamics: use another Secret for the token.',
      'config.tokens[3].secret: token-acquirer/dynamics-interval is the Secret of the interval of dynamics: use another Secret for the token.',
    ],
  },
  ...['My_Account', 'dynamics.prod', 'a'.repeat(53)].map((credential) => ({
    sentence: `a credential that can name no volume: ${credential}`,
    values: tokens({ credential }),
    messages: [
      'config.tokens[0].credential is not a valid DNS label of at most 52 characters, but a volume and Secrets have its name: use lower-case letters, digits and hyphens.',
    ],
  })),
  {
    sentence: 'a place for a credential that no token has',
    values: minimal({ credentials: { dynamic: { existingSecret: 'crm' } } }),
    messages: [
      'credentials.dynamic is the credential of no token (existing entries: dynamics): correct the name, or remove it.',
    ],
  },
  {
    sentence: 'an interval among the keys of a credential',
    values: minimal({ credentials: { dynamics: { keys: { interval: 'every' } } } }),
    messages: [
      'credentials.dynamics.keys.interval: the interval has its own Secret, dynamics-interval: put it there, and remove this key.',
    ],
  },
  {
    sentence: 'two sources of the certificate',
    values: minimal({ tls: { existingSecret: 'own', certManager: MANAGED } }),
    messages: ['tls.existingSecret and tls.certManager.enabled exclude each other: remove one of them.'],
  },
  {
    sentence: 'a certificate by nobody',
    values: minimal({ tls: { certManager: { enabled: true } } }),
    messages: [
      'tls.certManager.issuerRef.name is empty: name the issuer, as in { name: internal-ca, kind: ClusterIssuer }.',
    ],
  },
  {
    sentence: 'a certificate, and a CA in the configuration',
    values: minimal({ tls: { certManager: MANAGED } }, { endpoint: { authoritySecret: 'own', service: 'own' } }),
    messages: ['authoritySecret', 'service'].map(
      (key) => `config.endpoint.${key} and tls both name the certificate of the endpoint: remove one of them.`,
    ),
  },
  {
    sentence: 'the CA of a missing server',
    values: minimal({ certificateAuthorities: { corporat: { configMap: 'ca' } } }),
    messages: [
      'certificateAuthorities.corporat is no entry of config.authorizationServers (existing entries: corporate): correct the name, or remove it.',
    ],
  },
  {
    sentence: 'a CA that is named twice, in no place or in two',
    values: minimal(
      { certificateAuthorities: { one: {}, two: { configMap: 'a', secret: 'b' } } },
      servers({ one: { ...ISSUER, caFile: '/ca' }, two: ISSUER }),
    ),
    messages: [
      'certificateAuthorities.one and config.authorizationServers.one.caFile both name a CA: remove one of them.',
      'certificateAuthorities.one needs either configMap or secret, and not both.',
      'certificateAuthorities.two needs either configMap or secret, and not both.',
    ],
  },
  {
    sentence: 'names of authorization servers too long for volumes',
    values: minimal(
      { certificateAuthorities: { [LONG]: { configMap: 'a' } } },
      servers({ [LONG]: { ...ISSUER, clientAuthentication: 'workload_identity' } }),
    ),
    messages: [
      `certificateAuthorities.${LONG} has more than 53 characters, but a volume has its name: rename the authorization server.`,
      `config.authorizationServers.${LONG} has more than 53 characters, but a volume has its name: rename it.`,
    ],
  },
  {
    sentence: 'an identity for a server that asks for none',
    values: minimal({ workloadIdentity: { corporate: {} } }),
    messages: [
      'workloadIdentity.corporate names no authorization server that is sent such a token: correct the name, or remove it. It is for clientAuthentication: workload_identity without assertionFile, the grant token_exchange without subjectTokenFile, and the file /var/run/secrets/workload-identity/corporate/token.',
    ],
  },
  {
    sentence: 'a token to exchange without an audience',
    values: minimal({}, { tokens: [tokenWith({ grant: 'token_exchange' })] }),
    messages: [
      'workloadIdentity.corporate.audience is empty: name the audience that the authorization server wants in ServiceAccount tokens.',
    ],
  },
  {
    sentence: 'variables that are set twice, which Helm 4 rejects and Helm 3 does not',
    values: minimal({
      proxy: { noProxy: '.svc' },
      extraEnv: ['NO_PROXY', 'TZ', 'TZ', 'FILE_ORIGINS'].map((name) => ({ name, value: 'a' })),
    }),
    messages: [
      'extraEnv[0].name: NO_PROXY is already set by proxy.noProxy: remove one of them.',
      'extraEnv[2].name: TZ is already set by extraEnv[1]: remove one of them.',
      'extraEnv[3].name: FILE_ORIGINS is already set by the chart: remove one of them.',
    ],
  },
  {
    sentence: "volumes and containers by the names of the chart's own",
    values: minimal({
      extraVolumes: ['config', 'scratch', 'credential-a', 'api-access', 'credentials'].map((name) => ({
        name,
        emptyDir: {},
      })),
      extraContainers: [{ name: 'token-acquirer' }],
      extraInitContainers: [{ name: 'first' }, { name: 'token-acquirer' }],
    }),
    messages: [
      'extraVolumes[0].name: the chart itself may have a volume config: use another name.',
      'extraVolumes[2].name: the chart itself may have a volume credential-a: use another name.',
      'extraVolumes[3].name: the chart itself may have a volume api-access: use another name.',
      'extraVolumes[4].name: the chart itself may have a volume credentials: use another name.',
      "extraContainers[0].name: the chart's own container has the name token-acquirer: use another name.",
      "extraInitContainers[1].name: the chart's own container has the name token-acquirer: use another name.",
    ],
  },
  {
    sentence: 'the nudge without the policy that bounds it',
    values: minimal({}, { propagation: { nudge: true } }),
    rendering: { args: ['--kube-version=1.29.4'] },
    messages: [
      'config.propagation.nudge needs Kubernetes 1.30 or later for its admission policy, and this cluster has v1.29.4: remove it, or upgrade the cluster.',
    ],
  },
  {
    sentence: 'metrics and alerts that must be, and cannot',
    values: minimal({
      metrics: {
        serviceMonitor: { enabled: true, renderMode: 'failIfMissing' },
        prometheusRule: { enabled: true, renderMode: 'failIfMissing' },
      },
    }),
    messages: ['serviceMonitor', 'prometheusRule'].map(
      (name) =>
        `metrics.${name}.renderMode is failIfMissing, and the cluster has no monitoring.coreos.com/v1: install the Prometheus operator, or set skipIfMissing.`,
    ),
  },
];

describe('values that cannot work are reported, with where and what to do:', () => {
  const chart = realParts(() => openChart('helm 4'));

  it.each(FAULTS)('$sentence', async ({ values, rendering, messages }) => {
    expect(await chart().faults(values, rendering)).toEqual(messages);
  });
});

describe.each(HELMS)('several errors', (helm) => {
  const chart = realParts(() => openChart(helm));

  it(`are reported all together by ${helm}`, async () => {
    const values = { ...tokens({}, {}), image: {}, imagePullSecrets: [], proxy: { noProxy: 'a' } };
    const messages = await chart().faults({ ...values, extraEnv: [{ name: 'NO_PROXY', value: 'b' }] });
    expect(messages.map((sentence) => sentence.trim().split(/[ :[]/)[0])).toEqual([
      'image.repository',
      'docker',
      'docker',
      'and',
      'imagePullSecrets',
      'config.tokens',
      'extraEnv',
    ]);
  });
});

describe('values that are accepted', () => {
  const chart = realParts(() => openChart('helm 4'));

  it.each<[string, object, Rendering]>([
    ['a tag that is no version', minimal({ image: { repository: 'a', tag: 'latest' } }), {}],
    ['a tag that is a day', minimal({ image: { repository: 'a', tag: '20261123' } }), {}],
    ['a newer image', minimal({ image: { repository: 'a', tag: '0.2.0' } }), {}],
    ['an older patch of this version', minimal({ image: { repository: 'a', tag: '0.1.0-rc.1' } }), {}],
    [
      'an older tag next to a digest',
      minimal({ image: { repository: 'a', tag: '0.0.1', digest: `sha256:${'a'.repeat(64)}` } }),
      {},
    ],
    ['the longest name', minimal({ fullnameOverride: LONG.slice(0, 52) }), {}],
    ['the longest credential', tokens({ credential: 'a'.repeat(52) }), {}],
    ['one name in two Secrets', tokens({}, { secret: { namespace: 'billing', name: 'other' } }), {}],
    ['one key in two Secrets', tokens({}, { name: 'b', key: 'dynamics', secret: { ...SECRET, name: 'b' } }), {}],
    ['the nudge with its policy', minimal({}, { propagation: { nudge: true } }), { args: ['--kube-version=1.30.0'] }],
    ['the suffix of a cloud', minimal(), { args: ['--kube-version=v1.29.3-eks-adc7111'] }],
  ])('%s', async (_, values, rendering) => {
    expect((await chart().objects(values, rendering)).length).toBeGreaterThan(8);
  });
});

describe('keys by other names', () => {
  const renamed = parse(readFileSync(join(CHART, 'renamed.yaml'), 'utf8')) as Readonly<Record<string, string>>;
  const values = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as Readonly<Record<string, unknown>>;

  it.each(Object.entries(renamed))('lead from %s to what there is: %s', (old, now) => {
    expect(values).not.toHaveProperty(old);
    const path = now.split('.').filter((part) => part !== '');
    if (path[0] === 'credentials') expect(values).toHaveProperty('credentials');
    else if (path.length > 0) expect(values).toHaveProperty(path);
  });
});
