import { ACQUIRER, DEPLOYMENT, HOUR, NOW, POD, SECRET, STORED } from '../../support/healthy-installation.ts';
import { inCluster, type Plant, withDeployment, withSecret } from './plant.ts';

const INSTALLATION: readonly Plant[] = [
  {
    what: 'a Kubernetes that is too old',
    seen: inCluster({ versionFault: 'This is Kubernetes v1.20.0.' }),
    check: 'kubernetes',
    says: /API server: This is Kubernetes v1\.20\.0/,
    fix: /Upgrade the cluster/,
    when: 'before',
    severity: 'warning',
  },
  {
    what: 'a pod whose image cannot be pulled',
    seen: inCluster({
      acquirers: [{ ...DEPLOYMENT, ready: 0 }],
      pods: {
        billing: [POD],
        [ACQUIRER]: [
          { ...POD, namespace: ACQUIRER, name: 'acquirer-1', labels: DEPLOYMENT.labels, waits: 'ImagePullBackOff' },
        ],
      },
    }),
    check: 'deployment-ready',
    says: /0 of 2 pods are ready\. The pod acquirer-1 waits: ImagePullBackOff\./,
    fix: /describe pods/,
  },
  {
    what: 'a namespace that is missing',
    seen: inCluster({
      namespaces: { billing: 'missing' },
      secrets: { [SECRET]: 'missing' },
      pods: {},
      selected: {},
      acquirerPermissions: [{ verb: 'get', group: '', resource: 'secrets', namespace: 'billing', isAllowed: false }],
    }),
    check: 'namespaces',
    says: /namespace billing: It does not exist/,
    fix: /kubectl create namespace billing/,
  },
  {
    what: 'a namespace that is being deleted',
    seen: inCluster({ namespaces: { billing: { labels: {}, isEnding: true } } }),
    check: 'namespaces',
    says: /It is being deleted/,
    fix: /correct its name/,
    when: 'before',
  },
  {
    what: 'a namespace without a token-acquirer',
    seen: inCluster({ acquirers: 'missing' }),
    check: 'deployment',
    says: /No Deployment in it runs a token-acquirer/,
    fix: /doctor --pre/,
  },
  {
    what: 'a Deployment that is not ready',
    seen: withDeployment({ ready: 1 }),
    check: 'deployment-ready',
    says: /1 of 2 pods are ready/,
    fix: /logs deployment\/token-acquirer/,
  },
  {
    what: 'a Deployment that is scaled to 0',
    seen: withDeployment({ wanted: 0, ready: 0, updated: 0 }),
    check: 'deployment-ready',
    says: /scaled to 0/,
    fix: /scale deployment\/token-acquirer --replicas=2/,
  },
  {
    what: 'a rollout that does not end',
    seen: withDeployment({ updated: 1 }),
    check: 'deployment-ready',
    says: /1 of 2 pods have its latest form/,
    fix: /describe pods/,
  },
  {
    what: 'an upgrade whose new pod does not start',
    seen: withDeployment({ total: 3 }),
    check: 'deployment-ready',
    says: /1 of 3 pods have an older form/,
    fix: /logs deployment/,
  },
  {
    what: 'shards of two versions',
    seen: inCluster({
      acquirers: [DEPLOYMENT, { ...DEPLOYMENT, name: 'token-acquirer-1', image: 'token-acquirer:0.9' }],
    }),
    check: 'images',
    says: /token-acquirer-1 token-acquirer:0\.9/,
    fix: /one version/,
    severity: 'warning',
  },
  {
    what: 'a Lease that is missing',
    seen: withDeployment({ lease: 'missing' }),
    check: 'lease',
    says: /Lease token-acquirer\/token-acquirer: It does not exist/,
    fix: /helm upgrade/,
  },
  {
    what: 'a Lease that nobody holds',
    seen: withDeployment({ lease: { holder: undefined, renewedAt: undefined, duration: 60_000 } }),
    check: 'lease',
    says: /No replica holds it/,
    fix: /auth can-i update leases\/token-acquirer --as system:serviceaccount:token-acquirer:token-acquirer/,
  },
  {
    what: 'a Lease that was renewed long ago',
    seen: withDeployment({ lease: { holder: 'pod-1', renewedAt: NOW - HOUR, duration: 60_000 } }),
    check: 'lease',
    says: /pod-1 holds it, and renewed it 1h ago/,
    fix: /logs deployment\/token-acquirer/,
  },
  {
    what: 'an endpoint without a Service',
    seen: inCluster({ endpoint: 'missing' }),
    check: 'endpoint',
    says: /Service token-acquirer\/token-acquirer: It does not exist/,
    fix: /endpoint\.service/,
  },
  {
    what: 'a Service that selects other pods',
    seen: inCluster({ endpoint: { selector: { app: 'other' } } }),
    check: 'endpoint',
    says: /selector matches no pod/,
    fix: /helm upgrade/,
  },
];

const failed = { reason: 'RenewalFailed', message: 'The server rejected the client.', at: NOW - 300_000 };

const SECRETS: readonly Plant[] = [
  {
    what: 'a renewal that fails',
    seen: inCluster({ events: { [SECRET]: [failed] } }),
    check: 'renewal',
    says: /RenewalFailed, 5m ago: The server rejected the client\./,
    fix: /token-acquirer credentials check dynamics$/,
  },
  {
    what: 'a renewal that fails again after it had succeeded',
    seen: inCluster({ events: { [SECRET]: [failed, { reason: 'TokenRenewed', message: '', at: NOW - 600_000 }] } }),
    check: 'renewal',
    says: /5m ago/,
    fix: /credentials check/,
  },
  {
    what: 'a token Secret that is missing',
    seen: inCluster({ secrets: { [SECRET]: 'missing' } }),
    check: 'secret',
    says: /Secret billing\/billing-tokens: It does not exist/,
    fix: /helm upgrade/,
  },
  {
    what: 'a token Secret that is immutable',
    seen: withSecret({ isImmutable: true }),
    check: 'secret-immutable',
    says: /immutable/,
    fix: /kubectl -n billing delete secret billing-tokens/,
  },
  {
    what: 'a token Secret without our keys',
    seen: withSecret({ writers: { other: 'kubectl' }, documents: {} }),
    check: 'secret-keys',
    says: /no dynamics and no dynamics\.json for billing\/billing-tokens\/dynamics/,
    fix: /exec deployment\/token-acquirer -- token-acquirer status --namespace billing/,
  },
  {
    what: 'a key of another writer',
    seen: withSecret({ writers: { ...STORED.writers, dynamics: 'argocd-controller' } }),
    check: 'secret-writer',
    says: /Somebody else wrote dynamics \(by argocd-controller\)/,
    fix: /--show-managed-fields/,
  },
  {
    what: 'a document that is damaged',
    seen: withSecret({ documents: { dynamics: { fault: 'The key dynamics.json is not JSON.' } } }),
    check: 'secret-document',
    says: /dynamics\.json is not JSON/,
    fix: /events --for secret\/billing-tokens/,
  },
  {
    what: 'a token that has expired',
    seen: withSecret({ documents: { dynamics: { issuedAt: NOW - 2 * HOUR, expiresAt: NOW - HOUR } } }),
    check: 'token-expired',
    says: /billing\/billing-tokens\/dynamics expired 1h ago/,
    fix: /credentials check dynamics/,
  },
];

export const INSTALLATION_PLANTS: readonly Plant[] = [...INSTALLATION, ...SECRETS];
