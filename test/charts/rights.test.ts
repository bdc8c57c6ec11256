import { describe, expect, it } from 'vitest';
import { realParts } from '../real/real-parts.ts';
import { type KubernetesObject, objectsIn } from '../support/manifests.ts';
import { find, minimal, nameOf, openChart, RELEASE, type Rendered, tokenWith } from './chart.ts';

/** One right a line: where, what, which, and what may be done to it. */
function rightsIn(objects: readonly KubernetesObject[]): string[] {
  const rights = objects.flatMap(({ kind, metadata, rules = [] }) => {
    const where = kind === 'ClusterRole' ? 'cluster' : (metadata.namespace ?? RELEASE.namespace);
    return rules.flatMap(({ apiGroups, resources = [], resourceNames = ['*'], verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          resourceNames.flatMap((name) => verbs.map((verb) => `${where}: ${group}/${resource}/${name} ${verb}`)),
        ),
      ),
    );
  });
  return rights.toSorted();
}

const APP = { namespace: 'billing', selector: 'app=billing' };
const SERVICE = {
  authorizationServer: 'corporate',
  credential: 'shared',
  grant: 'client_credentials',
  namespaces: ['crm'],
};
const POLICY = 'token-acquirer.token-acquirer.volume-nudge';

describe('the permissions of the token-acquirer', () => {
  const chart = realParts(() => openChart('helm 4'));
  const objects = (values: object): Promise<readonly Rendered[]> => chart().objects(values);
  const rights = async (values: object): Promise<string[]> => rightsIn(await objects(values));

  const NAMED = ['token-acquirer: /secrets/token-acquirer-ca', 'token-acquirer: /secrets/token-acquirer-state'];
  const OWN = [
    ...['create', 'patch'].map((verb) => `token-acquirer: /events/* ${verb}`),
    ...NAMED.flatMap((name) => [`${name} get`, `${name} patch`]),
    ...['get', 'update', 'watch'].map((verb) => `token-acquirer: coordination.k8s.io/leases/token-acquirer ${verb}`),
  ];
  const PODS = ['get', 'list', 'watch'].map((verb) => `billing: /pods/* ${verb}`);
  const EVENTS = ['create', 'patch'].map((verb) => `billing: /events/* ${verb}`);
  const TOKENS = ['get', 'patch'].map((verb) => `billing: /secrets/billing-tokens ${verb}`);
  const REVIEWS = ['cluster: authentication.k8s.io/tokenreviews/* create'];
  const ALL = [...EVENTS, ...PODS, ...TOKENS, ...REVIEWS, ...OWN];

  const WITH_SERVICES = [
    ...ALL,
    ...['get', 'list', 'watch'].map((verb) => `crm: token-acquirer.dev/accesstokens/* ${verb}`),
    'crm: token-acquirer.dev/accesstokens/status/* patch',
    ...['create', 'get', 'patch'].map((verb) => `crm: /secrets/* ${verb}`),
    ...[...PODS, ...EVENTS].map((right) => right.replace('billing', 'crm')),
    // Of people, by aggregation.
    ...['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'].map(
      (verb) => `cluster: token-acquirer.dev/accesstokens/* ${verb}`,
    ),
  ];

  it.each<[string, object, readonly string[]]>([
    ['are those that it needs', minimal(), ALL],
    [
      'are none over the cluster, where callers are checked offline',
      minimal({}, { callers: 'jwks' }),
      [...EVENTS, ...PODS, ...TOKENS, ...OWN],
    ],
    [
      'are, to watch the token Secrets, one verb more',
      minimal({}, { propagation: { watch: true } }),
      [...ALL, 'billing: /secrets/billing-tokens watch'],
    ],
    [
      'are, to nudge volumes, one more',
      minimal({}, { propagation: { nudge: true } }),
      [...ALL, 'billing: /pods/status/* patch'],
    ],
    [
      'are, to follow logs, one more',
      minimal({}, { tokens: [tokenWith({ clientApp: APP, evidence: { log: {} } })] }),
      [...ALL, 'billing: /pods/log/* get'],
    ],
    [
      'are, for AccessTokens, to create Secrets where services allow them',
      minimal({}, { services: { dynamics: SERVICE } }),
      WITH_SERVICES,
    ],
    [
      'are, to revoke the tokens of deleted AccessTokens, those to find and patch AccessTokens everywhere',
      minimal({}, { services: { dynamics: { ...SERVICE, allowRevokeOnDelete: true } } }),
      [
        ...WITH_SERVICES,
        ...['get', 'list', 'patch', 'watch'].map((verb) => `cluster: token-acquirer.dev/accesstokens/* ${verb}`),
      ],
    ],
    [
      'are no more, for reports of gateways',
      minimal(
        {},
        { tokens: [tokenWith({ clientApp: APP, evidence: { reporters: [{ namespace: 'g', serviceAccount: 'g' }] } })] },
      ),
      ALL,
    ],
    [
      'are to follow logs where the client app is, if that is elsewhere',
      minimal(
        {},
        { tokens: [tokenWith({ clientApp: { namespace: 'workers', selector: 'app=a' }, evidence: { log: {} } })] },
      ),
      [...ALL, ...['get', 'list', 'watch'].map((verb) => `workers: /pods/* ${verb}`), 'workers: /pods/log/* get'],
    ],
    [
      'are none over a Secret for a token that is stored nowhere',
      minimal(
        {},
        {
          tokens: [tokenWith({ delivery: 'endpoint' })],
        },
      ),
      [...EVENTS, ...PODS, ...REVIEWS, ...OWN],
    ],
    [
      'are to see pods where the client app is, if that is elsewhere',
      minimal(
        {},
        {
          tokens: [tokenWith({ clientApp: { namespace: 'workers', selector: 'app=a' } })],
        },
      ),
      [...ALL, ...['get', 'list', 'watch'].map((verb) => `workers: /pods/* ${verb}`)],
    ],
    [
      'are none, where somebody else gives them',
      minimal(
        { rbac: { create: false } },
        {
          propagation: { nudge: true },
        },
      ),
      [],
    ],
  ])('%s', async (_, values, expected) => {
    expect(await rights(values)).toEqual(expected.toSorted());
  });

  it('are over each token Secret by its name, once', async () => {
    const tokens = [
      tokenWith({}),
      tokenWith({ name: 'b' }),
      tokenWith({ secret: { namespace: 'billing', name: 'a-tokens' } }),
      tokenWith({ secret: { namespace: 'shipping', name: 'shipping-tokens' } }),
    ];
    const secrets = (await rights(minimal({}, { tokens }))).filter((right) =>
      /: \/secrets\/.*-tokens get$/.test(right),
    );
    expect(secrets).toEqual([
      'billing: /secrets/a-tokens get',
      'billing: /secrets/billing-tokens get',
      'shipping: /secrets/shipping-tokens get',
    ]);
  });

  it('are those of the manifests', async () => {
    const files = ['token-acquirer', 'client-app', 'volume-nudge'].map((name) => `manifests/${name}.yaml`);
    const applied = rightsIn(files.flatMap(objectsIn));
    expect(await rights(minimal({}, { propagation: { nudge: true } }))).toEqual(applied);
  });

  it('never have a wildcard, nor any verb over Secrets that is not bound to names', async () => {
    const everything = await rights(minimal({}, { propagation: { nudge: true, watch: true } }));
    for (const right of everything) {
      expect(right).not.toMatch(/ \*$|: \*/);
      expect(right).not.toMatch(/\/secrets\/\*/);
      expect(right).not.toMatch(/\/secrets\/.* (?:create|list|delete|update)$/);
    }
  });

  it('are given to the ServiceAccount that exists, or that is named', async () => {
    const subjectOf = async (serviceAccount: object) => {
      const all = await objects(minimal({ serviceAccount }));
      const account = all.find(({ kind }) => kind === 'ServiceAccount')?.metadata.name;
      return [account, find(all, 'billing/RoleBinding/token-acquirer.token-acquirer').subjects];
    };
    const subjects = (name: string) => [{ kind: 'ServiceAccount', name, namespace: 'token-acquirer' }];
    expect(await subjectOf({})).toEqual(['token-acquirer', subjects('token-acquirer')]);
    expect(await subjectOf({ name: 'robot' })).toEqual(['robot', subjects('robot')]);
    expect(await subjectOf({ create: false, name: 'robot' })).toEqual([undefined, subjects('robot')]);
    expect(await subjectOf({ create: false })).toEqual([undefined, subjects('default')]);
  });

  it('to nudge come with the policy that takes back all but one annotation, from this ServiceAccount only', async () => {
    const values = minimal({ serviceAccount: { name: 'robot' } }, { propagation: { nudge: true } });
    const all = await chart().objects(values, { release: 'corp', namespace: 'tokens' });
    const name = 'corp-token-acquirer.tokens.volume-nudge';
    const { spec } = find(all, `ValidatingAdmissionPolicy/${name}`);
    expect(spec?.['matchConditions']).toEqual([
      {
        name: 'is-the-token-acquirer',
        expression: 'request.userInfo.username == "system:serviceaccount:tokens:robot"',
      },
    ]);
    expect(find(all, `ValidatingAdmissionPolicyBinding/${name}`).spec).toMatchObject({ policyName: name });
    expect(find(all, `billing/RoleBinding/${name}`).roleRef).toMatchObject({ kind: 'Role', name });
  });

  it('to nudge are bounded as by the policy of the manifests', async () => {
    const all = await objects(minimal({}, { propagation: { nudge: true } }));
    const [applied] = objectsIn('manifests/admission-policy.yaml').filter(({ kind }) => kind.endsWith('Policy'));
    expect(find(all, `ValidatingAdmissionPolicy/${POLICY}`).spec).toEqual(applied?.spec);
  });

  it('are all bound by names that only this release has', async () => {
    const all = await objects(minimal({}, { propagation: { nudge: true } }));
    expect(
      all
        .filter(({ kind }) => kind.endsWith('Binding'))
        .map(nameOf)
        .toSorted(),
    ).toEqual([
      'ClusterRoleBinding/token-acquirer.token-acquirer.callers',
      'RoleBinding/token-acquirer',
      `ValidatingAdmissionPolicyBinding/${POLICY}`,
      'billing/RoleBinding/token-acquirer.token-acquirer',
      `billing/RoleBinding/${POLICY}`,
    ]);
  });
});
