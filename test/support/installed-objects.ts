import { stringify } from 'yaml';
import { toVolumeData } from '../../src/core/token-volume.ts';
import type { FakeKubernetesApi, JsonObject } from '../fakes/kubernetes-api.ts';
import { buildToken } from './tokens.ts';

export const NAMESPACE = 'token-acquirer';
const CREDENTIALS = '/etc/token-acquirer/credentials';

/** Paths of the objects of an installation, by what they are. */
export const PLACES = {
  deployment: `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/token-acquirer`,
  config: `/api/v1/namespaces/${NAMESPACE}/configmaps/token-acquirer-config`,
  lease: `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/token-acquirer`,
  service: `/api/v1/namespaces/${NAMESPACE}/services/token-acquirer`,
  credential: `/api/v1/namespaces/${NAMESPACE}/secrets/dynamics-credentials`,
  tokens: '/api/v1/namespaces/billing/secrets/billing-tokens',
  account: '/api/v1/namespaces/billing/serviceaccounts/billing-app',
  pod: '/api/v1/namespaces/billing/pods/billing-1',
  policy: '/apis/networking.k8s.io/v1/namespaces/billing/networkpolicies/billing',
} as const;

/** `managedFields` of a writer of these keys. */
export function fieldsOf(manager: string, keys: readonly string[], time?: string): JsonObject {
  const data = Object.fromEntries([['.', {}], ...keys.map((key) => [`f:${key}`, {}])]) as JsonObject;
  const fields = { manager, operation: 'Update', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': data } };
  return time === undefined ? fields : { ...fields, time };
}

/** The configuration of the installation. */
export function configurationText(issuer: string, server: object = {}): string {
  return stringify({
    authorizationServers: { corporate: { issuer, clientAuthentication: 'client_secret_post', ...server } },
    tokens: [
      {
        name: 'dynamics',
        secret: { namespace: 'billing', name: 'billing-tokens' },
        authorizationServer: 'corporate',
        grant: 'client_credentials',
        credential: 'dynamics',
        clients: [{ namespace: 'billing', serviceAccount: 'billing-app' }],
        clientApp: { namespace: 'billing', selector: 'app=billing' },
      },
    ],
  });
}

/** Puts all objects of a healthy installation into a fake API server, as the chart makes them. */
export function installObjects({ objects }: Pick<FakeKubernetesApi, 'objects'>, config: string): void {
  const labels = { 'app.kubernetes.io/name': 'token-acquirer' };
  for (const name of [NAMESPACE, 'billing']) {
    objects.put(`/api/v1/namespaces/${name}`, { metadata: { labels: { 'kubernetes.io/metadata.name': name } } });
  }
  objects.put(PLACES.deployment, deploymentWith(labels));
  objects.put(PLACES.config, { data: { 'config.yaml': config } });
  objects.put(PLACES.lease, {
    spec: { holderIdentity: 'pod-1_x', renewTime: new Date().toISOString(), leaseDurationSeconds: 60 },
  });
  objects.put(PLACES.service, { spec: { selector: labels } });
  objects.put(PLACES.credential, {
    metadata: { managedFields: [fieldsOf('kubectl', ['client_id', 'client_secret'])] },
  });
  putTokens({ objects });
  objects.put(PLACES.account, {});
  objects.put(PLACES.pod, podWith({}));
}

/** Writes a token as the token-acquirer does, or somebody else. */
export function putTokens(
  { objects }: Pick<FakeKubernetesApi, 'objects'>,
  {
    manager = 'token-acquirer',
    issuedAt = Date.now() - 7_200_000,
    expiresAt = Date.now() + 3_600_000,
    storedAt = undefined as number | undefined,
  } = {},
): void {
  const data = { ...toVolumeData('dynamics', buildToken({ issuedAt, expiresAt })), 'ca.crt': 'the CA of the endpoint' };
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  objects.put(PLACES.tokens, {
    metadata: { managedFields: [fieldsOf(manager, Object.keys(data), new Date(storedAt ?? issuedAt).toISOString())] },
    data: Object.fromEntries(encoded) as JsonObject,
  });
}

/** A pod of the client app, with these differences in its container. */
export function podWith(container: JsonObject): JsonObject {
  const items = [
    { key: 'dynamics', path: 'dynamics' },
    { key: 'dynamics.json', path: 'dynamics.json' },
  ];
  const mount = { name: 'tokens', mountPath: '/var/run/tokens' };
  return {
    metadata: { labels: { app: 'billing' } },
    spec: {
      serviceAccountName: 'billing-app',
      containers: [{ name: 'app', volumeMounts: [mount], ...container }],
      volumes: [{ name: 'tokens', projected: { sources: [{ secret: { name: 'billing-tokens', items } }] } }],
    },
    status: { phase: 'Running' },
  };
}

/** The Deployment of another release in the same namespace. */
export function putRelease({ objects }: Pick<FakeKubernetesApi, 'objects'>, name: string): void {
  const labels = { 'app.kubernetes.io/instance': name };
  objects.put(PLACES.deployment.replace(/[^/]+$/, name), { ...deploymentWith({ app: name }), metadata: { labels } });
}

function deploymentWith(labels: JsonObject): JsonObject {
  const secret = { name: 'dynamics-credentials', optional: true };
  const interval = { name: 'dynamics-interval', optional: true, items: [{ key: 'interval', path: 'interval' }] };
  const container = {
    name: 'token-acquirer',
    image: 'token-acquirer:1.0.0',
    args: ['run', '--config=/etc/token-acquirer/config/config.yaml', `--credentials=${CREDENTIALS}`],
    volumeMounts: [
      { name: 'config', mountPath: '/etc/token-acquirer/config' },
      { name: 'dynamics', mountPath: `${CREDENTIALS}/dynamics` },
      { name: 'ca', mountPath: '/etc/token-acquirer/authorities/corporate' },
    ],
  };
  const authority = { configMap: { name: 'corporate-ca', items: [{ key: 'root.pem', path: 'ca.crt' }] } };
  return {
    spec: {
      replicas: 1,
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: 'token-acquirer',
          containers: [container],
          volumes: [
            { name: 'config', configMap: { name: 'token-acquirer-config' } },
            { name: 'dynamics', projected: { sources: [{ secret }, { secret: interval }] } },
            { name: 'ca', projected: { sources: [authority] } },
          ],
        },
      },
    },
    status: { replicas: 1, readyReplicas: 1, updatedReplicas: 1 },
  };
}
