import { describe, expect, it } from 'vitest';
import { FINALIZER } from '../../src/core/access-token-end.ts';
import { realParts } from '../real/real-parts.ts';
import {
  configurationOf,
  find,
  HELMS,
  minimal,
  nameOf,
  ofKind,
  openChart,
  podOf,
  type Rendered,
  tokenWith,
} from './chart.ts';

const SERVICE = {
  authorizationServer: 'corporate',
  credential: 'shared',
  grant: 'client_credentials',
  namespaces: ['billing', 'crm'],
};
const WITH_SERVICE = { services: { dynamics: SERVICE } };
const DEFINITION = 'CustomResourceDefinition/accesstokens.token-acquirer.dev';
const BOUNDS = 'token-acquirer.token-acquirer.access-token-services';
const VIEW = 'token-acquirer.token-acquirer.access-tokens-view';

function elsewhere(otherNamespaces: string): object {
  return { accessTokens: { policy: { otherNamespaces } } };
}

function expressionsIn({ spec }: Rendered): ReadonlyMap<string, string> {
  const variables = (spec?.['variables'] ?? []) as readonly { readonly name: string; readonly expression: string }[];
  return new Map(variables.map(({ name, expression }) => [name, expression]));
}

describe.each(HELMS)('services of the configuration, by %s', (name) => {
  const chart = realParts(() => openChart(name));

  it('reach the token-acquirer', async () => {
    const { services } = configurationOf(await chart().objects(minimal({}, WITH_SERVICE)));
    expect(services.namespaces).toEqual(['billing', 'crm']);
  });

  it('bring the CustomResourceDefinition, which stays when the release goes', async () => {
    const definition = find(await chart().objects(minimal({}, WITH_SERVICE)), DEFINITION);
    expect(definition.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
  });

  it.each([
    ['without a service', minimal()],
    ['where a null deletes the only one', minimal({}, { services: { dynamics: null } })],
    ['where somebody else installs it', minimal({ crds: { enabled: false } }, WITH_SERVICE)],
  ])('bring none %s', async (_, values) => {
    expect(ofKind(await chart().objects(values), 'CustomResourceDefinition')).toEqual([]);
  });

  it('may have it deleted with the release', async () => {
    const values = minimal({ crds: { keep: false } }, WITH_SERVICE);
    expect(find(await chart().objects(values), DEFINITION).metadata.annotations).toEqual({});
  });

  it('have their credentials mounted', async () => {
    const { spec } = podOf(await chart().objects(minimal({}, WITH_SERVICE)));
    expect(JSON.stringify(spec.volumes)).toContain('"shared-credentials"');
  });

  it('do without any token', async () => {
    const objects = await chart().objects(minimal({}, { ...WITH_SERVICE, tokens: [] }));
    expect(configurationOf(objects).tokens).toEqual([]);
    expect(find(objects, 'crm/Role/token-acquirer.token-acquirer-access-tokens')).toBeDefined();
  });

  it('hold the token-acquirer to Secrets of AccessTokens, and to those that the configuration names', async () => {
    const policy = 'ValidatingAdmissionPolicy/token-acquirer.token-acquirer.access-tokens';
    const text = JSON.stringify(find(await chart().objects(minimal({}, WITH_SERVICE)), policy));
    for (const secret of [
      'billing/billing-tokens',
      'token-acquirer/token-acquirer-ca',
      'token-acquirer/token-acquirer-state',
    ])
      expect(text).toContain(secret);
    const older = await chart().objects(minimal({}, WITH_SERVICE), { args: ['--kube-version=1.29.0'] });
    expect(ofKind(older, 'ValidatingAdmissionPolicy')).toEqual([]);
  });

  it('leave the token-acquirer one finalizer of AccessTokens, where they allow revokeOnDelete', async () => {
    const named = 'token-acquirer.token-acquirer.access-token-finalizers';
    const none = await chart().objects(minimal({}, WITH_SERVICE));
    expect(JSON.stringify(none)).not.toContain(named);
    const services = {
      dynamics: { ...SERVICE, allowRevokeOnDelete: true },
      other: { ...SERVICE, namespaces: ['shipping'] },
    };
    const objects = await chart().objects(minimal({}, { services }));
    const { spec } = find(objects, `ValidatingAdmissionPolicy/${named}`);
    const text = JSON.stringify(spec);
    expect(text).toContain('request.namespace in [\\"billing\\",\\"crm\\"]');
    expect(text).toContain(FINALIZER);
    expect(text).toContain('system:serviceaccount:token-acquirer:token-acquirer');
    expect(find(objects, `ValidatingAdmissionPolicyBinding/${named}`).spec).toMatchObject({ policyName: named });
    const older = await chart().objects(minimal({}, { services }), { args: ['--kube-version=1.29.0'] });
    expect(find(older, `ClusterRole/${named}`)).toBeDefined();
  });

  it('are the bounds of an admission policy', async () => {
    const services = {
      dynamics: { ...SERVICE, scope: 'base  read', scopes: ['read', 'write'], shortestInterval: '5m' },
      partner: { ...SERVICE, namespaces: ['crm', 'crm'], allowRevokeOnDelete: true },
    };
    const objects = await chart().objects(minimal({}, { services }));
    const expressions = expressionsIn(find(objects, `ValidatingAdmissionPolicy/${BOUNDS}`));
    expect(JSON.parse(expressions.get('services0') ?? '')).toEqual({
      dynamics: { namespaces: ['billing', 'crm'], scopes: ['read', 'write', 'base'], shortestInterval: ['5m'] },
      partner: { namespaces: ['crm'], scopes: [], shortestInterval: ['1m'], revokeOnDelete: ['allowed'] },
    });
    expect(JSON.parse(expressions.get('secrets0') ?? '')).toEqual(['billing/billing-tokens']);
    const { spec } = find(objects, `ValidatingAdmissionPolicyBinding/${BOUNDS}`);
    expect(spec).toEqual({ policyName: BOUNDS, validationActions: ['Deny'] });
  });

  it('have no expression that is too long for the API server, however many there are', async () => {
    const names = Array.from({ length: 700 }, (_, index) => `name-${String(index).padStart(50, '0')}`);
    const services = Object.fromEntries(names.map((one) => [one, SERVICE]));
    const tokens = names.map((one) => tokenWith({ secret: { namespace: 'billing', name: one } }));
    const objects = await chart().objects(minimal({}, { services, tokens }));
    const [bounds = new Map<string, string>(), secrets = new Map<string, string>()] = [
      BOUNDS,
      'token-acquirer.token-acquirer.access-tokens',
    ].map((one) => expressionsIn(find(objects, `ValidatingAdmissionPolicy/${one}`)));
    for (const expression of [...bounds.values(), ...secrets.values()]) expect(expression.length).toBeLessThan(60_000);
    const parts = [...bounds].filter(([variable]) => variable.startsWith('services'));
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.flatMap(([, text]) => Object.keys(JSON.parse(text) as object)).toSorted()).toEqual(names);
    for (const [variable] of parts) expect(bounds.get('bounds')).toContain(`variables.${variable}[`);
    expect(bounds.get('isTaken')).toContain('|| variables.secret in variables.secrets2');
    expect(secrets.get('isNamed')).toContain('|| variables.name in variables.secrets2');
  });

  const only = (operator: string, values: readonly string[]): object => ({
    namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator, values }] },
  });

  it.each<[string, object, object | undefined]>([
    ['in all namespaces, where the release has the CustomResourceDefinition', {}, undefined],
    [
      'only in their namespaces, where another one has it',
      { crds: { enabled: false } },
      only('In', ['billing', 'crm']),
    ],
    ['only in their namespaces, where the values say so', elsewhere('ignore'), only('In', ['billing', 'crm'])],
    ['in all namespaces, where the values say so', { crds: { enabled: false }, ...elsewhere('reject') }, undefined],
    [
      'but in those of other releases',
      { accessTokens: { policy: { namespacesOfOtherReleases: ['sales', 'hr'] } } },
      only('NotIn', ['hr', 'sales']),
    ],
  ])('hold AccessTokens to their bounds %s', async (_, values, matched) => {
    const objects = await chart().objects(minimal(values, WITH_SERVICE));
    expect(find(objects, `ValidatingAdmissionPolicyBinding/${BOUNDS}`).spec?.['matchResources']).toEqual(matched);
  });

  it.each<[string, object, readonly string[], readonly string[]]>([
    ['by a ClusterRole and the policy', {}, [], [`ClusterRole/${VIEW}`, `ValidatingAdmissionPolicyBinding/${BOUNDS}`]],
    ['by a ClusterRole in an older Kubernetes', {}, ['--kube-version=1.29.0'], [`ClusterRole/${VIEW}`]],
    [
      'by a ClusterRole without the policy',
      { accessTokens: { policy: { enabled: false } } },
      [],
      [`ClusterRole/${VIEW}`],
    ],
    [
      'by the policy, where somebody else gives the permissions',
      { rbac: { create: false } },
      [],
      [`ValidatingAdmissionPolicyBinding/${BOUNDS}`],
    ],
  ])('show their namespaces to other releases %s', async (_, values, args, expected) => {
    const objects = await chart().objects(minimal(values, WITH_SERVICE), { args });
    const shows = ({ metadata }: Rendered): boolean =>
      metadata.annotations?.['token-acquirer.dev/serves-namespaces'] === 'billing crm';
    expect(objects.filter(shows).map(nameOf).toSorted()).toEqual(expected);
  });

  it.each<[string, object, readonly string[]]>([
    ['in an older Kubernetes', {}, ['--kube-version=1.29.0']],
    ['where the values say so', { accessTokens: { policy: { enabled: false } } }, []],
  ])('have no such policy %s', async (_, values, args) => {
    const names = (await chart().objects(minimal(values, WITH_SERVICE), { args })).map(nameOf);
    expect(names.filter((one) => one.includes(BOUNDS))).toEqual([]);
  });

  it('open the endpoint to their namespaces, where a NetworkPolicy guards it', async () => {
    const values = minimal({ networkPolicy: { enabled: true } }, { ...WITH_SERVICE, tokens: [] });
    const [policy] = ofKind(await chart().objects(values), 'NetworkPolicy');
    expect(JSON.stringify(policy?.spec)).toContain('"values":["billing","crm"]');
  });
});
