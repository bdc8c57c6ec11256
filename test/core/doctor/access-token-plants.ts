import type { Observed } from '../../../src/core/doctor/observed.ts';
import type { ObservedAccessToken, ObservedAccessTokens } from '../../../src/core/doctor/observed-access-tokens.ts';
import {
  ACCESS_TOKEN,
  ACCESS_TOKENS,
  ASKED_TOKEN,
  HOUR,
  healthyInstallation,
  NOW,
  POD,
  STORED,
  TOKEN,
} from '../../support/healthy-installation.ts';
import { inCluster, type Plant } from './plant.ts';

const withAccessTokens = (difference: Partial<ObservedAccessTokens>): Observed =>
  healthyInstallation({ accessTokens: { ...ACCESS_TOKENS, ...difference } });
export const withAccessToken = (difference: Partial<ObservedAccessToken>): Observed =>
  withAccessTokens({ items: [{ ...ACCESS_TOKEN, ...difference }] });

const failing = (reason: string, message: string, isStalled = true): Partial<ObservedAccessToken> => ({
  ready: { status: 'False', reason, message, isStalled },
});

const RESOURCES: readonly Plant[] = [
  {
    what: 'a cluster without the definition of AccessTokens',
    seen: withAccessTokens({ versions: 'missing', items: [] }),
    check: 'access-token-definition',
    says: /It does not exist, although the configuration has services/,
    fix: /kubectl apply --server-side -f manifests\/access-token-crd\.yaml/,
  },
  {
    what: 'a definition of another version',
    seen: withAccessTokens({ versions: ['v1', 'v1beta1'], items: [] }),
    check: 'access-token-definition',
    says: /knows the versions v1, v1beta1 of it, and not v1alpha1/,
    fix: /crds\.enabled/,
  },
  {
    what: 'an AccessToken for an unknown service',
    seen: withAccessToken({ rejection: { reason: 'ServiceUnknown', message: 'There is no service x.' } }),
    check: 'access-token-rejected',
    says: /AccessToken billing\/incidents: ServiceUnknown: There is no service x\./,
    fix: /add billing to services\.dynamics\.namespaces in the key config\.yaml/,
  },
  {
    what: 'an AccessToken with a scope that is not allowed',
    seen: withAccessToken({ rejection: { reason: 'ScopeNotAllowed', message: 'It does not allow the scope x.' } }),
    check: 'access-token-rejected',
    says: /ScopeNotAllowed: It does not allow the scope x/,
    fix: /kubectl -n billing edit accesstoken incidents, or add the scope to services\.dynamics\.scopes/,
  },
  {
    what: 'an AccessToken that may not be revoked at its end',
    seen: withAccessToken({ rejection: { reason: 'RevocationNotAllowed', message: 'It does not allow it.' } }),
    check: 'access-token-rejected',
    says: /RevocationNotAllowed/,
    fix: /services\.dynamics\.allowRevokeOnDelete/,
  },
  {
    what: 'an AccessToken with an interval that is too short',
    seen: withAccessToken({ rejection: { reason: 'IntervalNotAllowed', message: 'It is too short.' } }),
    check: 'access-token-rejected',
    says: /IntervalNotAllowed/,
    fix: /services\.dynamics\.shortestInterval/,
  },
  {
    what: 'an AccessToken that the token-acquirer rejected',
    seen: withAccessToken(failing('SpecInvalid', 'spec.scope must be a text. Correct it.')),
    check: 'access-token-rejected',
    says: /SpecInvalid: spec\.scope must be a text/,
    fix: /kubectl -n billing edit accesstoken incidents$/,
  },
  {
    what: 'an AccessToken whose Secret belongs to something else',
    seen: withAccessToken(failing('SecretTaken', 'The Secret billing/incident-tokens exists.')),
    check: 'access-token-secret',
    says: /SecretTaken: The Secret billing\/incident-tokens exists/,
    fix: /kubectl -n billing describe secret incident-tokens/,
  },
  {
    what: 'an AccessToken in a namespace that nobody serves',
    seen: withAccessToken({ namespace: 'shop', isServed: false, isKnown: false, ready: undefined }),
    check: 'access-token-served',
    says: /No service of this configuration names the namespace shop/,
    fix: /Add shop to services\.dynamics\.namespaces/,
  },
  {
    what: 'an AccessToken without a status',
    seen: withAccessToken({ isKnown: false, ready: undefined }),
    check: 'access-token-status',
    says: /has reported nothing about it\./,
    fix: /kubectl -n token-acquirer logs deployment\/token-acquirer, then kubectl -n billing describe accesstoken/,
  },
  {
    what: 'an AccessToken without a status of its current spec',
    seen: withAccessToken({ ready: undefined }),
    check: 'access-token-status',
    says: /has reported nothing about its current spec\./,
    fix: /kubectl -n token-acquirer logs/,
  },
  {
    what: 'an AccessToken whose token request fails',
    seen: healthyInstallation({
      tokens: [TOKEN, { ...ASKED_TOKEN, keys: [] }],
      accessTokens: { ...ACCESS_TOKENS, items: [{ ...ACCESS_TOKEN, ...failing('InvalidClient', 'It rejects it.') }] },
    }),
    check: 'access-token-ready',
    says: /InvalidClient: It rejects it\./,
    fix: /token-acquirer credentials check dynamics$/,
  },
  {
    what: 'an AccessToken whose token is valid, but cannot be renewed',
    seen: withAccessToken({ ready: { status: 'True', reason: 'RenewalFailing', message: 'No.', isStalled: true } }),
    check: 'access-token-ready',
    says: /RenewalFailing: No\./,
    fix: /^Do what the message says\.$/,
  },
  {
    what: 'a Role for AccessTokens that is missing',
    seen: healthyInstallation({
      accessTokens: { ...ACCESS_TOKENS, items: [{ ...ACCESS_TOKEN, ready: undefined }] },
      cluster: {
        acquirerPermissions: [
          { verb: 'list', resource: 'accesstokens', isAllowed: false },
          { verb: 'patch', resource: 'accesstokens', subresource: 'status', isAllowed: false },
        ].map((permission) => ({ ...permission, group: 'token-acquirer.dev', namespace: 'billing' })),
      },
    }),
    check: 'acquirer-permissions',
    says: /may not list accesstokens\.token-acquirer\.dev, patch accesstokens\.token-acquirer\.dev --subresource=status/,
    fix: /kubectl -n billing auth can-i list accesstokens\.token-acquirer\.dev --as/,
  },
];

/** What is worded in another way where an AccessToken asks for the token. */
const TOKENS: readonly Plant[] = [
  {
    what: 'a Secret of an AccessToken that is missing',
    seen: asked({ secrets: { 'billing/incident-tokens': 'missing' } }),
    check: 'secret',
    says: /Secret billing\/incident-tokens: It does not exist/,
    fix: /kubectl -n billing describe accesstoken incidents/,
  },
  {
    what: 'a Secret of an AccessToken that is immutable',
    seen: asked({ secrets: { 'billing/incident-tokens': { ...ownSecret(), isImmutable: true } } }),
    check: 'secret-immutable',
    says: /immutable/,
    fix: /which the token-acquirer then makes anew$/,
  },
  {
    what: 'a ServiceAccount of an AccessToken that does not exist',
    seen: asked({ accounts: { 'billing/billing-app': 'missing' } }),
    check: 'client-account',
    says: /ServiceAccount billing\/billing-app/,
    fix: /correct spec\.serviceAccounts of the AccessToken billing\/incidents$/,
  },
  {
    what: 'a pod with another ServiceAccount than the AccessToken names',
    seen: asked({ pods: { billing: [{ ...ownPod(), account: 'default' }] } }),
    check: 'pod-account',
    says: /as the ServiceAccount default/,
    fix: /Add default to spec\.serviceAccounts of the AccessToken incidents/,
    severity: 'warning',
  },
  {
    what: 'a service whose credential nobody has, before an AccessToken uses it',
    seen: healthyInstallation({
      needs: [{ credential: 'desk', neededKeys: ['client_id'] }],
      cluster: {
        credentials: {
          ...inCluster({}).cluster.credentials,
          desk: { isMounted: true, secret: 'desk-credentials', keys: 'missing', keyIn: {} },
        },
      },
    }),
    check: 'credential-secret',
    says: /Secret token-acquirer\/desk-credentials: It does not exist/,
    fix: /credentials set desk/,
  },
];

/** An installation without tokens in its configuration. */
function asked(cluster: Parameters<typeof inCluster>[0]): Observed {
  const secrets = { 'billing/incident-tokens': ownSecret() };
  return healthyInstallation({
    tokens: [ASKED_TOKEN],
    cluster: { secrets, pods: { billing: [ownPod()] }, ...cluster },
  });
}

function ownSecret(): typeof STORED {
  const documents = { incidents: { issuedAt: NOW - HOUR, expiresAt: NOW + HOUR } };
  const writers = { incidents: 'token-acquirer', 'incidents.json': 'token-acquirer', 'ca.crt': 'token-acquirer' };
  return { ...STORED, documents, writers };
}

function ownPod(): typeof POD {
  const items = ['incidents', 'incidents.json', 'ca.crt'];
  return { ...POD, uses: [{ secret: 'incident-tokens', container: 'app', way: 'volume', items }] };
}

export const ACCESS_TOKEN_PLANTS: readonly Plant[] = [...RESOURCES, ...TOKENS];
