import { ACQUIRER, CLIENT_POLICY, OWN_POLICY, SECRET, STORED } from '../../support/healthy-installation.ts';
import { inCluster, type Plant, withPod, withUse } from './plant.ts';

const APPS: readonly Plant[] = [
  {
    what: 'a selector that matches nothing, while a pod uses the Secret',
    seen: inCluster({ selected: { 'billing app=billing': [] } }),
    check: 'selector',
    says: /app=billing matches no pod .* but the pod billing-1 uses the Secret/,
    fix: /get pods --show-labels/,
  },
  {
    what: 'a selector that matches nothing, and nothing runs',
    seen: inCluster({
      selected: {},
      pods: { billing: [] },
      secrets: { [SECRET]: { ...STORED, writers: {}, documents: {} } },
    }),
    check: 'selector',
    says: /matches no pod in the namespace billing that is Pending or Running\.$/,
    fix: /clientApp\.selector/,
    severity: 'warning',
  },
  {
    what: 'a pod that reads the token into its environment',
    seen: withUse({ way: 'environment' }),
    check: 'pod-environment',
    says: /pod billing\/billing-1: Its container app reads the token Secret into environment variables/,
    fix: /as a volume/,
  },
  {
    what: 'a pod that mounts the token with subPath',
    seen: withUse({ way: 'subPath' }),
    check: 'pod-subpath',
    says: /with subPath/,
    fix: /without subPath/,
  },
  {
    what: 'a volume without items',
    seen: withUse({ way: 'volume', items: undefined }),
    check: 'volume-items',
    says: /takes all keys of the Secret billing-tokens/,
    fix: /items/,
    severity: 'warning',
  },
  {
    what: 'a volume that names an unknown key',
    seen: withUse({ way: 'volume', items: ['dynamic'] }),
    check: 'volume-keys',
    says: /names the key dynamic, which no token/,
    fix: /dynamics, dynamics\.json/,
  },
  {
    what: 'a ServiceAccount in clients that does not exist',
    seen: inCluster({ accounts: { 'billing/billing-app': 'missing' } }),
    check: 'client-account',
    says: /ServiceAccount billing\/billing-app/,
    fix: /kubectl -n billing create serviceaccount billing-app/,
  },
  {
    what: 'a pod with another ServiceAccount than clients names',
    seen: withPod({ account: 'default' }),
    check: 'pod-account',
    says: /as the ServiceAccount default, which is not among the clients/,
    fix: /serviceAccount: default/,
    severity: 'warning',
  },
];

const [DNS_OF_CLIENT, TO_ENDPOINT] = CLIENT_POLICY.egress ?? [];
const [DNS_OF_ACQUIRER, TO_SERVERS] = OWN_POLICY.egress ?? [];
const rules = <Rule>(...given: (Rule | undefined)[]): Rule[] => given.filter((rule) => rule !== undefined);

const NETWORK: readonly Plant[] = [
  {
    what: 'a policy that keeps clients from the endpoint',
    seen: inCluster({ policies: { billing: [{ ...CLIENT_POLICY, egress: rules(DNS_OF_CLIENT) }] } }),
    check: 'policy-client',
    says: /NetworkPolicy billing\/billing: It keeps the pod billing-1 from the reissue endpoint/,
    fix: /kubectl -n billing edit networkpolicy billing/,
  },
  {
    what: 'a policy that lets no client into the endpoint',
    seen: inCluster({ policies: { [ACQUIRER]: [{ ...OWN_POLICY, ingress: [] }] } }),
    check: 'policy-endpoint',
    says: /NetworkPolicy token-acquirer\/token-acquirer: It lets no call of the pod billing\/billing-1/,
    fix: /networkPolicy\.extraIngress/,
  },
  {
    what: 'a policy that keeps the token-acquirer from the authorization server',
    seen: inCluster({
      policies: { [ACQUIRER]: [{ ...OWN_POLICY, egress: rules(DNS_OF_ACQUIRER, { ports: [{ port: 6443 }] }) }] },
    }),
    check: 'policy-server',
    says: /keeps the token-acquirer from login\.example\.com:443/,
    fix: /networkPolicy\.extraEgress/,
  },
  {
    what: 'a policy that keeps the token-acquirer from the name server',
    seen: inCluster({ policies: { [ACQUIRER]: [{ ...OWN_POLICY, egress: rules(TO_SERVERS) }] } }),
    check: 'policy-dns',
    says: /keeps token-acquirer from the name server/,
    fix: /port 53/,
  },
  {
    what: 'a policy that keeps a client from the name server',
    seen: inCluster({ policies: { billing: [{ ...CLIENT_POLICY, egress: rules(TO_ENDPOINT) }] } }),
    check: 'policy-dns',
    says: /NetworkPolicy billing\/billing: It keeps billing-1 from the name server/,
    fix: /port 53/,
  },
];

const PERMISSIONS: readonly Plant[] = [
  {
    what: 'a Role that is missing in a client namespace',
    seen: inCluster({
      acquirerPermissions: ['get', 'patch'].map((verb) => ({
        verb,
        group: '',
        resource: 'secrets',
        name: 'billing-tokens',
        namespace: 'billing',
        isAllowed: false,
      })),
    }),
    check: 'acquirer-permissions',
    says: /may not get secrets\/billing-tokens, patch secrets\/billing-tokens/,
    fix: /auth can-i get secrets\/billing-tokens --as system:serviceaccount:token-acquirer:token-acquirer/,
  },
  {
    what: 'a ClusterRole that is missing',
    seen: inCluster({
      acquirerPermissions: [
        { verb: 'create', group: 'authentication.k8s.io', resource: 'tokenreviews', isAllowed: false },
      ],
    }),
    check: 'acquirer-permissions',
    says: /^cluster: .* may not create tokenreviews\.authentication\.k8s\.io/,
    fix: /Try: kubectl auth can-i create tokenreviews\.authentication\.k8s\.io --as/,
  },
  {
    what: 'a user who may not install',
    seen: inCluster({
      ownPermissions: [
        {
          verb: 'create',
          group: 'rbac.authorization.k8s.io',
          resource: 'roles',
          namespace: 'billing',
          isAllowed: false,
        },
      ],
    }),
    check: 'installer-permissions',
    says: /namespace billing: You may not create roles\.rbac\.authorization\.k8s\.io/,
    fix: /auth can-i --list/,
    when: 'before',
  },
  {
    what: 'a user who may not look',
    seen: inCluster({ unread: ['list pods in the namespace billing'] }),
    check: 'own-permissions',
    says: /You may not list pods in the namespace billing/,
    fix: /admin/,
    severity: 'warning',
  },
];

export const CLIENT_PLANTS: readonly Plant[] = [...APPS, ...NETWORK, ...PERMISSIONS];
