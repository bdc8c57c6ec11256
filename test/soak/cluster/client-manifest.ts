import { join } from 'node:path';
import { build } from 'esbuild';
import { INSTRUCTIONS, type PodInstructions } from './pod-messages.ts';

export const CLIENT = 'soak-client';
const SCRIPT = 'client.mjs';
const DIRECTORY = '/var/run/tokens';
const CALLER = '/var/run/secrets/token-acquirer';

export interface ClientPlace {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** That has Node. */
  readonly image: string;
  readonly audience: string;
  readonly url: string;
  readonly gateway: string;
  readonly rate: number;
  readonly tokens: PodInstructions['tokens'];
}

/** The pod that calls with the client library, and its program. */
export async function clientManifest(place: ClientPlace): Promise<object[]> {
  const metadata = { name: CLIENT, namespace: place.namespace, labels: { app: CLIENT } };
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [SCRIPT]: await bundledClient() } },
    { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec(place) },
  ];
}

async function bundledClient(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'client-pod.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    logLevel: 'warning',
  });
  return outputFiles[0]?.text ?? '';
}

function podSpec({ serviceAccount, image, audience, ...place }: ClientPlace): object {
  const secrets = [...new Set(place.tokens.map(({ secret }) => secret))];
  const { tokens, namespace, url, gateway, rate } = place;
  const callerTokenFile = `${CALLER}/token`;
  const instructions: PodInstructions = {
    directory: DIRECTORY,
    tokens,
    namespace,
    url,
    callerTokenFile,
    gateway,
    rate,
  };
  const mount = (name: string, mountPath: string): object => ({ name, mountPath, readOnly: true });
  return {
    serviceAccountName: serviceAccount,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: CLIENT,
        image,
        imagePullPolicy: 'IfNotPresent',
        command: ['/usr/local/bin/node', `/soak/${SCRIPT}`],
        // Its share of a busy machine.
        resources: { requests: { cpu: '500m', memory: '64Mi' } },
        env: [{ name: INSTRUCTIONS, value: JSON.stringify(instructions) }],
        volumeMounts: [
          mount('program', '/soak'),
          mount('caller', CALLER),
          ...secrets.map((secret) => mount(secret, `${DIRECTORY}/${secret}`)),
        ],
      },
    ],
    volumes: [
      { name: 'program', configMap: { name: CLIENT } },
      {
        name: 'caller',
        projected: { sources: [{ serviceAccountToken: { audience, expirationSeconds: 3600, path: 'token' } }] },
      },
      ...secrets.map((secret) => ({ name: secret, secret: { secretName: secret } })),
    ],
  };
}
