import { homedir } from 'node:os';
import { checkedValue } from '../adapters/fs/credential-writer.ts';
import { kubeconfigApiServer } from '../adapters/kubernetes/api-server.ts';
import { credentialMounts, mountFaults } from '../adapters/kubernetes/credential-mounts.ts';
import { readDeployments, writeSecretKeys } from '../adapters/kubernetes/credential-secret.ts';
import { kubeconfigFiles } from '../adapters/kubernetes/kubeconfig.ts';
import { Redacted } from '../core/redacted.ts';
import type { Destination } from './cli/destination.ts';
import type { WriteValues } from './cli/settings-commands.ts';

type SecretDestination = Extract<Destination, { kind: 'secret' }>;

/** Of the kubelet's look at its volumes, which it takes every 60 s or so. */
const DELAY = '40 to 90 s';

/**
 * Writes into a Secret as the user of a kubeconfig; never as a pod, and never through the token-acquirer. Loaded only
 * when it is asked for, as cluster-main.ts is. Throws UsageError where there is no kubeconfig to go by.
 */
export function connectTerminal({ namespace, secret, kubeconfig, context }: SecretDestination): {
  readonly write: WriteValues;
  close(): Promise<void>;
} {
  const api = kubeconfigApiServer(kubeconfigFiles(kubeconfig, process.env, homedir()), { context });
  return {
    async write(credential, values) {
      const checked = [...values].map(
        ([key, value]) => [key, new Redacted(checkedValue(key, value.reveal()))] as const,
      );
      const { created, keeper } = await writeSecretKeys(api, { namespace, secret }, new Map(checked));
      const deployments = await readDeployments(api, namespace);
      const written = { namespace, secret, credential, keys: [...values.keys()] };
      const unread = deployments === undefined ? [] : mountFaults(credentialMounts(deployments), written);
      const kept = `The Secret is kept by ${keeper}, which may take this back: change it there, too.`;
      return {
        place: `${created ? 'new Secret' : 'Secret'} ${namespace}/${secret}`,
        next:
          unread.length > 0
            ? undefined
            : `The kubelet brings it into the token-acquirer's volume within ${DELAY}; then it is in force, without a restart.`,
        warnings: [...(keeper === undefined ? [] : [kept]), ...unread],
      };
    },
    close: () => api.close(),
  };
}
