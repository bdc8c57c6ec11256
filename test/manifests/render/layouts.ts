import type { Layout } from './manifest-text.ts';

const RENDERED = 'Rendered from the chart by `npm run manifests`; for your cluster, copy and edit it.';

/** Of objects that the token-acquirer fills. */
const EMPTY = {
  'Secret/token-acquirer-state': `
Rotated refresh tokens of the token-acquirer. It may not create Secrets, so this manifest creates the Secret. It has no
\`data\`, so that applying this file again removes nothing.`,
  'Secret/token-acquirer-ca': 'The CA of its reissue endpoint. Also created without `data`.',
  'Lease/token-acquirer':
    'By it the replicas elect the one that renews the tokens. They fill it: applying this file again changes nothing.',
};

const TOKEN_SECRET = {
  'Secret/billing-tokens': `
The client app's pod mounts this Secret. The token-acquirer may not create Secrets, so this manifest creates it. It has no
\`data\`, so that applying this file again removes nothing.`,
};

/** Lines that users must change. */
const IMAGE = 'No public registry has it: add the name of your registry.';
const ACQUIRER = {
  'Deployment/token-acquirer spec.template.spec.containers.token-acquirer.image': IMAGE,
  'Deployment/token-acquirer spec.template.spec.terminationGracePeriodSeconds': 'Longer than --grace, which is 8 s.',
};
const CLIENT = {
  'Deployment/billing-app spec.template.spec.containers.billing-app.image': IMAGE,
  'Deployment/billing-app spec.template.spec.volumes.tokens.secret.items': `
With \`items\` the pod waits for its first token instead of starting on an empty volume. Never mount with
subPath: such a file never changes.`,
};

/** Paths are relative to the project's folder. */
export const LAYOUTS = {
  'manifests/token-acquirer.yaml': {
    head: `
The token-acquirer: kubectl apply -f manifests/token-acquirer.yaml, then one client-app.yaml for each client app.
${RENDERED}

First:
1. Build the image, push it to your registry, and set its name below (Deployment).
2. Set your authorization server and your tokens in the ConfigMap.
3. Create one Secret per credential. Credentials are in no manifest:

     kubectl create namespace token-acquirer
     kubectl -n token-acquirer create secret generic dynamics-credentials \\
       --from-literal=client_id=YOUR_CLIENT_ID --from-file=client_secret=/dev/stdin

You can set the interval at any time. It takes precedence over the ConfigMap, and is in force when the kubelet has updated the volume:

     kubectl -n token-acquirer create secret generic dynamics-interval --from-literal=interval=10m

For Kubernetes 1.29 or later. The volume nudge is opt-in: see volume-nudge.yaml.`,
    comments: { ...EMPTY, ...ACQUIRER },
  },
  'manifests/client-app.yaml': {
    head: `
An example client app, and what every client app needs: kubectl apply -f manifests/client-app.yaml, after
token-acquirer.yaml. Rendered by \`npm run manifests\`: the Secret, the Role and its binding from the chart token-acquirer,
the application from charts/token-acquirer-client/example. For your cluster, copy and edit it.

First build the image, push it to your registry, and set its name below (Deployment), or use the image of your application.
Set SERVICE_URL to the address of your gateway.`,
    comments: { ...TOKEN_SECRET, ...CLIENT },
  },
  'manifests/sidecar.yaml': {
    head: `
A client app in any language, without token code: an Envoy in its pod adds the token. Apply it instead of the Deployment and the
ServiceAccount of client-app.yaml, whose other objects it needs. docs/use/sidecar.md explains it. Rendered by \`npm run manifests\`
from charts/token-acquirer-client/example-sidecar. For your cluster, copy and edit it.

Edit the image, and the image and SERVICE_URL of your application. For another service, edit four places below:

1. the cluster named dynamics: the host in address, sni and exact, and the port
2. the routes named dynamics: host_rewrite_literal and prefix_rewrite
3. the table after loadstring: token, token_file and reissue_path
4. the annotation token.dynamics, with the file of the token`,
    comments: {
      'Deployment/billing-app spec.template.metadata.annotations': `
Envoy reads each secret from a file that names the file of the token. The volume token-sidecar makes these files from the
annotations. They hold no token.`,
      'Deployment/billing-app spec.template.spec.initContainers.token-sidecar.image': `
Envoy 1.39 or later, from the registry of your choice.`,
      'Deployment/billing-app spec.template.spec.initContainers.token-sidecar.restartPolicy': `
This makes it a native sidecar: it starts before the application, and ends after it, so that Jobs complete.`,
    },
  },
  'manifests/admission-policy.yaml': {
    head: `Only needed for \`propagation.nudge: true\`, which needs Kubernetes 1.30 or later.\n${RENDERED}`,
  },
  'manifests/volume-nudge.yaml': {
    head: `
Only needed for \`propagation.nudge: true\`. Apply admission-policy.yaml first: it limits this permission to one annotation. Each
namespace of a client app needs one Role and RoleBinding.
${RENDERED}`,
  },
  'manifests/log-evidence.yaml': {
    head: `
Only needed for tokens with \`evidence.log\`. Each namespace whose logs are followed needs one Role and RoleBinding.
${RENDERED}`,
  },
  'manifests/access-token-crd.yaml': {
    head: `
Only needed for \`services\`: what an AccessToken is. Apply it with each new version, before token-acquirer.
Rendered from the chart by \`npm run manifests\`.`,
  },
  'manifests/access-tokens.yaml': {
    head: `
Only needed for \`services\`, which application teams ask for with AccessTokens. Apply access-token-crd.yaml first.
${RENDERED}

1. Add your services to the configuration of the token-acquirer, as docs/use/access-tokens.md shows.
2. Repeat their bounds in the first policy. token-acquirer goes by its configuration, and \`kubectl apply\` by the policy.
3. Each namespace that a service names needs the Role and RoleBinding below.

Before Kubernetes 1.30, remove the policies and their bindings.`,
    comments: {
      'ValidatingAdmissionPolicy/token-acquirer-access-token-services spec.variables': `
services0 has all services: their namespaces, their scopes, and their shortest interval. secrets0 has the Secrets of the tokens in
the configuration, which no AccessToken may have.`,
      'ValidatingAdmissionPolicy/token-acquirer-access-tokens spec.variables': `
secrets0 has the Secrets of the tokens in the configuration, and the two of the token-acquirer itself.`,
      'ValidatingAdmissionPolicyBinding/token-acquirer-access-token-services': `
It rejects AccessTokens in all namespaces that no service names. If another token-acquirer serves some of them, leave these out
with spec.matchResources.namespaceSelector.`,
    },
  },
  'manifests/example/30-token-acquirer.yaml': {
    head: `
Like ../token-acquirer.yaml, with the configuration and the CA of the example.
${RENDERED}`,
    comments: { ...EMPTY, ...ACQUIRER },
  },
  'manifests/example/40-client-app.yaml': {
    head: `Like ../client-app.yaml, with the address and the CA of the gateway.
${RENDERED}`,
    comments: { ...TOKEN_SECRET, ...CLIENT },
  },
  'manifests/kustomize/base/token-acquirer.yaml': {
    head: `
Like ../../token-acquirer.yaml, but without namespaces and tokens. The overlay in ../example shows how to add them. ${RENDERED.split(';')[0]}.`,
    comments: EMPTY,
  },
  'manifests/kustomize/example/billing.yaml': {
    head: `
For one client namespace: the Secret that its client app mounts, and the RBAC of the token-acquirer. Copy it for each
namespace. Client apps call https://token-acquirer.platform.svc:8443. ${RENDERED.split(';')[0]}.`,
    comments: TOKEN_SECRET,
  },
} as const satisfies Readonly<Record<string, Layout>>;

export type ManifestPath = keyof typeof LAYOUTS;
