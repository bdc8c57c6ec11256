import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, KubeConfig, type V1Pod } from '@kubernetes/client-node';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { registerSecret } from '../support/secrets.ts';

export interface TokenRequestOptions {
  /** Left out: the API server's own. */
  readonly audiences?: readonly string[];
  readonly seconds?: number;
  readonly pod?: string;
}

/** The ServiceAccounts of one namespace, and tokens for them as the kubelet asks for them (TokenRequest). */
export class ServiceAccounts {
  readonly #core: CoreV1Api;
  readonly #namespace: string;

  constructor(api: ApiServer, namespace: string) {
    this.#core = new CoreV1Api(api.configuration);
    this.#namespace = namespace;
  }

  nameOf(name: string): string {
    return `system:serviceaccount:${this.#namespace}:${name}`;
  }

  async create(name: string): Promise<void> {
    await this.#core.createNamespacedServiceAccount({ namespace: this.#namespace, body: { metadata: { name } } });
  }

  async remove(name: string): Promise<void> {
    await this.#core.deleteNamespacedServiceAccount({ namespace: this.#namespace, name });
  }

  async token(name: string, options: TokenRequestOptions = {}): Promise<string> {
    const { audiences = [], seconds = 600, pod } = options;
    const boundObjectRef = pod === undefined ? undefined : { apiVersion: 'v1', kind: 'Pod', name: pod };
    const { status } = await this.#core.createNamespacedServiceAccountToken({
      name,
      namespace: this.#namespace,
      body: {
        spec: {
          audiences: [...audiences],
          expirationSeconds: seconds,
          ...(boundObjectRef !== undefined && { boundObjectRef }),
        },
      },
    });
    return registerSecret(status?.token ?? '', 'a ServiceAccount token of the test cluster');
  }

  /** The kind of token that older clusters made for each ServiceAccount: in a Secret, for no audience, without an end. */
  async legacyToken(name: string): Promise<string> {
    const metadata = { name: `${name}-${randomUUID()}`, annotations: { 'kubernetes.io/service-account.name': name } };
    const where = { namespace: this.#namespace, name: metadata.name };
    await this.#core.createNamespacedSecret({
      namespace: this.#namespace,
      body: { metadata, type: 'kubernetes.io/service-account-token' },
    });
    for (let tries = 0; tries < 100; tries += 1) {
      const { data } = await this.#core.readNamespacedSecret(where);
      const token = data?.['token'];
      if (token !== undefined) return registerSecret(Buffer.from(token, 'base64').toString());
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`The Secret ${metadata.name} was given no token within 10 s.`);
  }

  /** A pod that no node takes: it only has to be named in a token. Returns its uid. */
  async createPod(name: string, serviceAccount: string): Promise<string> {
    const body: V1Pod = {
      metadata: { name },
      spec: {
        serviceAccountName: serviceAccount,
        automountServiceAccountToken: false,
        nodeSelector: { 'token-acquirer.test/no-such-node': 'true' },
        containers: [{ name: 'none', image: 'none.invalid/none' }],
      },
    };
    const { metadata } = await this.#core.createNamespacedPod({ namespace: this.#namespace, body });
    return metadata?.uid ?? '';
  }

  async removePod(name: string): Promise<void> {
    await this.#core.deleteNamespacedPod({ namespace: this.#namespace, name, gracePeriodSeconds: 0 });
  }
}

/** The API server as somebody with this token sees it. */
export function apiServerAs(token: string, cluster: KubeConfig): { api: ApiServer; stop(): Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), 'caller-kubeconfig-'));
  const file = join(folder, 'config');
  const config = new KubeConfig();
  const server = cluster.getCurrentCluster();
  if (server === null) throw new Error('The kubeconfig of the cluster has no current context.');
  config.loadFromClusterAndUser(server, { name: 'caller', token });
  writeFileSync(file, config.exportConfig(), { mode: 0o600 });
  const api = kubeconfigApiServer(file);
  return {
    api,
    stop: async () => {
      await api.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
