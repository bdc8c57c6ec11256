import type { Layout } from './manifest-text.ts';

const RENDERED = 'Rendered from the chart by `npm run manifests`; for a cluster of yours, take a copy and edit that.';

const EMPTY_SECRETS = {
  'Secret/token-acquirer-state': `
What the token-acquirer keeps for itself: rotated refresh tokens. It may not create Secrets, so this one is made here,
and without \`data\`, so that applying this file again takes nothing away.`,
  'Secret/token-acquirer-ca': 'The certificate authority of its own endpoint, likewise.',
};

const TOKEN_SECRET = {
  'Secret/billing-tokens': `
What the client app's pod mounts. The token-acquirer may not create Secrets, so this one is made here, and without
\`data\`, so that applying this file again takes nothing away.`,
};

/** Where users put in what is theirs. */
const IMAGE = 'Of no registry: put the name of yours before it.';
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

Before:
1. Build the image, push it to a registry of yours, and put its name in below (Deployment).
2. Name your authorization server and your tokens in the ConfigMap.
3. Make the credential, which is in no manifest, one Secret for each credential:

     kubectl create namespace token-acquirer
     kubectl -n token-acquirer create secret generic dynamics-credentials \\
       --from-file=client_id --from-file=client_secret

At any time: the interval, which wins over the ConfigMap's and is in force as soon as the kubelet has it in the volume:

     kubectl -n token-acquirer create secret generic dynamics-interval --from-literal=interval=10m

For Kubernetes 1.29 or later. The volume nudge is opt-in: see volume-nudge.yaml.`,
    comments: { ...EMPTY_SECRETS, ...ACQUIRER },
  },
  'manifests/client-app.yaml': {
    head: `
An example client app, and what every client app needs: kubectl apply -f manifests/client-app.yaml, after
token-acquirer.yaml. Rendered by \`npm run manifests\`: the Secret, the Role and its binding from the chart token-acquirer,
the application from charts/token-acquirer-client/example. For a cluster of yours, take a copy and edit that.

Before: build the image, push it to a registry of yours, and put its name in below (Deployment), or that of your own
application; put the address of your gateway into SERVICE_URL.`,
    comments: { ...TOKEN_SECRET, ...CLIENT },
  },
  'manifests/admission-policy.yaml': {
    head: `Needed for \`propagation.nudge: true\` alone, which needs Kubernetes 1.30 or later.\n${RENDERED}`,
  },
  'manifests/volume-nudge.yaml': {
    head: `
Needed for \`propagation.nudge: true\` alone, besides admission-policy.yaml, which must be applied first: it takes all
but one annotation back from this right. One Role and RoleBinding for the namespace of each client app.
${RENDERED}`,
  },
  'manifests/example/30-token-acquirer.yaml': {
    head: `
As ../token-acquirer.yaml, but for the configuration and the certificate authority of the example.
${RENDERED}`,
    comments: { ...EMPTY_SECRETS, ...ACQUIRER },
  },
  'manifests/example/40-client-app.yaml': {
    head: `As ../client-app.yaml, but for the gateway's address and certificate authority.
${RENDERED}`,
    comments: { ...TOKEN_SECRET, ...CLIENT },
  },
  'manifests/kustomize/base/token-acquirer.yaml': {
    head: `
As ../../token-acquirer.yaml, but without namespaces, which are the overlay's, and without a token: what an overlay adds
for its own is in ../example. ${RENDERED.split(';')[0]}.`,
    comments: EMPTY_SECRETS,
  },
  'manifests/kustomize/example/billing.yaml': {
    head: `
For one client namespace: the Secret that its client app mounts, and the rights of the token-acquirer. Copy it for each.
Its client apps call https://token-acquirer.platform.svc:8443. ${RENDERED.split(';')[0]}.`,
    comments: TOKEN_SECRET,
  },
} as const satisfies Readonly<Record<string, Layout>>;

export type ManifestPath = keyof typeof LAYOUTS;
