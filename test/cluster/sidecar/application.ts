import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type HelmBinary, helm } from '../../charts/helm.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { PYTHON, SHELL } from './programs.ts';

const LIBRARY = join(import.meta.dirname, '../../../charts/token-acquirer-client');
const CHART = { apiVersion: 'v2', name: 'application', version: '0.1.0' };
const DEPENDENCY = { name: 'token-acquirer-client', version: '0.x', repository: 'file://charts/token-acquirer-client' };

/** A pod of the application. What is about tokens comes from the library chart. */
function podTemplate(name: string, { command, restart }: { command: readonly string[]; restart: string }): string {
  return `
    metadata:
      labels: { app: application, part: ${name} }
      annotations:
        {{- include "token-acquirer-client.sidecarAnnotations" .Values.tokenAcquirer | nindent 8 }}
    spec:
      serviceAccountName: billing-app
      automountServiceAccountToken: false
      enableServiceLinks: false
      restartPolicy: ${restart}
      terminationGracePeriodSeconds: 5
      securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532, seccompProfile: { type: RuntimeDefault } }
      initContainers:
        {{- include "token-acquirer-client.sidecar" .Values.tokenAcquirer | nindent 8 }}
      containers:
        - name: application
          image: {{ .Values.image }}
          imagePullPolicy: Never
          command: ${JSON.stringify(command)}
          env:
            - { name: SERVICE_URL, value: "http://127.0.0.1:15080/dynamics" }
            - { name: SECONDS_TO_RUN, value: {{ .Values.secondsToRun | quote }} }
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
          volumeMounts: [{ name: tmp, mountPath: /tmp }]
      volumes:
        - { name: tmp, emptyDir: { medium: Memory } }
        {{- include "token-acquirer-client.volumes" .Values.tokenAcquirer | nindent 8 }}
`;
}

const TEMPLATES = {
  'deployment.yaml': `
apiVersion: apps/v1
kind: Deployment
metadata: { name: python }
spec:
  selector: { matchLabels: { part: python } }
  template:${podTemplate('python', { command: ['python3', '-c', PYTHON], restart: 'Always' })}`,
  'job.yaml': `
apiVersion: batch/v1
kind: Job
metadata: { name: shell }
spec:
  backoffLimit: 0
  template:${podTemplate('shell', { command: ['sh', '-c', SHELL], restart: 'Never' })}`,
};

export interface ApplicationValues {
  /** Of the library chart. */
  readonly tokenAcquirer: object;
  readonly image: string;
  /** Of the Job. */
  readonly secondsToRun: number;
}

/** Installs an application in Python and a Job in shell by helm, as their developer would. */
export async function installApplication(
  binary: HelmBinary,
  values: ApplicationValues,
  { kubeconfig, namespace }: { readonly kubeconfig: string; readonly namespace: string },
): Promise<void> {
  const folder = temporaryDirectory();
  try {
    const library = join(folder.path, 'charts/token-acquirer-client');
    for (const part of ['Chart.yaml', 'templates'])
      cpSync(join(LIBRARY, part), join(library, part), { recursive: true });
    writeFileSync(join(folder.path, 'Chart.yaml'), stringify({ ...CHART, dependencies: [DEPENDENCY] }));
    mkdirSync(join(folder.path, 'templates'));
    for (const [name, text] of Object.entries(TEMPLATES)) writeFileSync(join(folder.path, 'templates', name), text);
    const args = ['install', 'application', folder.path, `--namespace=${namespace}`, '--values=-'];
    await helm(binary, args, { kubeconfig, input: stringify(values) });
  } finally {
    folder.remove();
  }
}
