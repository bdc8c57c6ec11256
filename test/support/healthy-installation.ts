import type { ExpectedToken } from '../../src/core/doctor/expected-token.ts';
import type { NetworkPolicyFacts } from '../../src/core/doctor/network-policies.ts';
import type {
  Observed,
  ObservedAcquirer,
  ObservedCluster,
  ObservedPod,
  ObservedSecret,
  ObservedServer,
} from '../../src/core/doctor/observed.ts';
import type { ObservedAccessToken, ObservedAccessTokens } from '../../src/core/doctor/observed-access-tokens.ts';
import type { ObservedCall, ObservedInPods, ObservedMount } from '../../src/core/doctor/observed-in-pods.ts';
import { acquirerNeeds, installerNeeds } from '../../src/core/doctor/permissions.ts';

export const NOW = Date.parse('2026-01-01T00:00:00Z');
export const HOUR = 3_600_000;
export const ACQUIRER = 'token-acquirer';
export const SECRET = 'billing/billing-tokens';

export const TOKEN: ExpectedToken = {
  identity: { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' },
  key: 'dynamics',
  keys: ['dynamics', 'dynamics.json'],
  server: 'corporate',
  credential: 'dynamics',
  neededKeys: ['client_id', 'client_secret'],
  clients: [{ namespace: 'billing', name: 'billing-app' }],
  app: { namespace: 'billing', selector: 'app=billing' },
};

export const SERVER: ObservedServer = {
  name: 'corporate',
  host: 'login.example.com',
  port: 443,
  reach: { kind: 'answered', skew: 0 },
  authority: { place: 'the key ca.crt of the ConfigMap token-acquirer/corporate-ca', found: 'found' },
};

export const DEPLOYMENT: ObservedAcquirer = {
  name: ACQUIRER,
  image: 'registry.example.com/token-acquirer:1.0.0',
  account: ACQUIRER,
  labels: { 'app.kubernetes.io/name': ACQUIRER },
  wanted: 2,
  ready: 2,
  updated: 2,
  total: 2,
  lease: { holder: 'token-acquirer-1_x', renewedAt: NOW - 10_000, duration: 60_000 },
};

export const STORED: ObservedSecret = {
  writers: { dynamics: ACQUIRER, 'dynamics.json': ACQUIRER, 'ca.crt': ACQUIRER },
  documents: { dynamics: { issuedAt: NOW - HOUR, expiresAt: NOW + HOUR, generation: 7, sha256: 'a'.repeat(64) } },
  isImmutable: false,
};

export const POD: ObservedPod = {
  namespace: 'billing',
  name: 'billing-1',
  labels: { app: 'billing' },
  account: 'billing-app',
  isRunning: true,
  isTest: false,
  uses: [
    {
      secret: 'billing-tokens',
      container: 'app',
      way: 'volume',
      items: ['dynamics', 'dynamics.json', 'ca.crt'],
    },
  ],
};

export const ACCESS_TOKEN: ObservedAccessToken = {
  namespace: 'billing',
  name: 'incidents',
  service: 'dynamics',
  secret: 'incident-tokens',
  changedAt: NOW - HOUR,
  isKnown: true,
  isServed: true,
  ready: { status: 'True', reason: 'TokenValid', message: 'The stored token is valid.', isStalled: false },
};

/** Of an AccessToken, which another pod than that of `TOKEN` uses. */
export const ASKED_TOKEN: ExpectedToken = {
  ...TOKEN,
  identity: { namespace: 'billing', secret: 'incident-tokens', name: 'incidents' },
  key: 'incidents',
  keys: ['incidents', 'incidents.json'],
  accessToken: 'incidents',
};

export const ACCESS_TOKENS: ObservedAccessTokens = {
  versions: ['v1alpha1'],
  version: 'v1alpha1',
  namespaces: ['billing'],
  items: [ACCESS_TOKEN],
};

export const MOUNT: ObservedMount = {
  pod: { namespace: 'billing', name: 'billing-1' },
  container: 'app',
  secret: SECRET,
  key: 'dynamics',
  file: '/var/run/tokens/dynamics.json',
  found: { sha256: 'a'.repeat(64) },
};

export const CALL: ObservedCall = {
  pod: { namespace: 'billing', name: 'billing-1' },
  account: 'billing-app',
  token: 'billing/billing-tokens/dynamics',
  result: { step: 'accepted', detail: '200' },
};

export const IN_PODS: ObservedInPods = {
  mounts: [MOUNT],
  calls: [CALL],
  leftOut: [],
  uncalled: [],
  endpoint: 'token-acquirer.token-acquirer.svc:443',
};

const DNS_RULE = { ports: [{ port: 53, protocol: 'UDP' }, { port: 53 }] };

/** As the chart makes it. */
export const OWN_POLICY: NetworkPolicyFacts = {
  name: ACQUIRER,
  podSelector: { matchLabels: DEPLOYMENT.labels },
  policyTypes: ['Ingress', 'Egress'],
  ingress: [
    {
      from: [
        {
          namespaceSelector: {
            matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['billing'] }],
          },
        },
      ],
      ports: [{ port: 'https' }],
    },
  ],
  egress: [DNS_RULE, { ports: [{ port: 443 }, { port: 6443 }] }],
};

/** One for the pods of the client app, as careful teams have it. */
export const CLIENT_POLICY: NetworkPolicyFacts = {
  name: 'billing',
  podSelector: { matchLabels: { app: 'billing' } },
  policyTypes: ['Egress'],
  egress: [
    DNS_RULE,
    {
      to: [
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': ACQUIRER } },
          podSelector: { matchLabels: DEPLOYMENT.labels },
        },
      ],
      ports: [{ port: 8443 }],
    },
  ],
};

const HEALTHY_CLUSTER: ObservedCluster = {
  acquirers: [DEPLOYMENT],
  namespaces: {
    [ACQUIRER]: { labels: { 'kubernetes.io/metadata.name': ACQUIRER }, isEnding: false },
    billing: { labels: { 'kubernetes.io/metadata.name': 'billing' }, isEnding: false },
  },
  credentials: {
    dynamics: { isMounted: true, secret: 'dynamics-credentials', keys: ['client_id', 'client_secret'], keyIn: {} },
  },
  secrets: { [SECRET]: STORED },
  events: {},
  accounts: { 'billing/billing-app': 'found' },
  pods: { [ACQUIRER]: [], billing: [POD] },
  selected: { 'billing app=billing': ['billing-1'] },
  policies: { [ACQUIRER]: [OWN_POLICY], billing: [CLIENT_POLICY] },
  endpoint: { selector: DEPLOYMENT.labels },
  acquirerPermissions: acquirerNeeds([TOKEN]).map((permission) => ({ ...permission, isAllowed: true })),
  ownPermissions: installerNeeds(ACQUIRER, [TOKEN]).map((permission) => ({ ...permission, isAllowed: true })),
  unread: [],
};

const HEALTHY: Observed = {
  now: NOW,
  namespace: ACQUIRER,
  configuration: { place: 'the key config.yaml of the ConfigMap token-acquirer/token-acquirer-config' },
  tokens: [TOKEN],
  needs: [{ credential: 'dynamics', neededKeys: ['client_id', 'client_secret'] }],
  accessTokens: ACCESS_TOKENS,
  servers: [SERVER],
  service: ACQUIRER,
  credentialFaults: [],
  cluster: HEALTHY_CLUSTER,
  inPods: IN_PODS,
  trials: [{ credential: 'dynamics', outcome: 'accepted', message: 'It gave a token.' }],
};

/** An installation in which nothing is wrong, except for these differences. */
export function healthyInstallation({
  cluster = {},
  ...differences
}: Partial<Omit<Observed, 'cluster'>> & { readonly cluster?: Partial<ObservedCluster> } = {}): Observed {
  return { ...HEALTHY, ...differences, cluster: { ...HEALTHY_CLUSTER, ...cluster } };
}
