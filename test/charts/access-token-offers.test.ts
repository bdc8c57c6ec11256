import { describe, expect, it } from 'vitest';
import { FINALIZER } from '../../src/core/access-token-end.ts';
import { realParts } from '../real/real-parts.ts';
import { configurationOf, find, HELMS, minimal, ofKind, openChart, podOf } from './chart.ts';

const SERVICE = {
  authorizationServer: 'corporate',
  credential: 'shared',
  grant: 'client_credentials',
  namespaces: ['billing', 'crm'],
};
const WITH_SERVICE = { services: { dynamics: SERVICE } };
const DEFINITION = 'CustomResourceDefinition/accesstokens.token-acquirer.dev';

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

  it('open the endpoint to their namespaces, where a NetworkPolicy guards it', async () => {
    const values = minimal({ networkPolicy: { enabled: true } }, { ...WITH_SERVICE, tokens: [] });
    const [policy] = ofKind(await chart().objects(values), 'NetworkPolicy');
    expect(JSON.stringify(policy?.spec)).toContain('"values":["billing","crm"]');
  });
});
