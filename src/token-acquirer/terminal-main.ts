import { homedir } from 'node:os';
import { checkedValue } from '../adapters/fs/credential-writer.ts';
import { type ApiServer, kubeconfigApiServer } from '../adapters/kubernetes/api/api-server.ts';
import { kubeconfigFiles } from '../adapters/kubernetes/api/kubeconfig.ts';
import {
  type CredentialMounts,
  credentialMounts,
  inSharedSecret,
  mountFaults,
  readersOf,
  unknownCredential,
} from '../adapters/kubernetes/terminal/credential-mounts.ts';
import { readDeployments, writeSecretKeys } from '../adapters/kubernetes/terminal/credential-secret.ts';
import { INTERVAL_KEY } from '../core/credential.ts';
import { UsageError } from '../core/errors.ts';
import { Redacted } from '../core/redacted.ts';
import type { Destination } from './cli/destination.ts';
import type { WriteValues } from './cli/settings-commands.ts';

type SecretDestination = Extract<Destination, { kind: 'secret' }>;

/** Of the kubelet's look at its volumes, which it takes every 60 s or so. */
const DELAY = '40 to 90 s';

/** Where a command writes, as the user of a kubeconfig. */
export interface Terminal {
  /** Throws UsageError where token-acquirers run and none of them has this credential. */
  readonly check: (credential: string) => Promise<void>;
  readonly write: WriteValues;
  close(): Promise<void>;
}

/**
 * Writes into a Secret as the user of a kubeconfig; never as a pod, and never through the token-acquirer. Loaded only
 * when it is asked for, as cluster-main.ts is. Throws UsageError where there is no kubeconfig to go by.
 */
export function connectTerminal(destination: SecretDestination): Terminal {
  const { namespace, secret, kubeconfig, context } = destination;
  const api = kubeconfigApiServer(kubeconfigFiles(kubeconfig, process.env, homedir()), { context });
  let mounts: Promise<CredentialMounts | undefined> | undefined;
  // Before the write, because a write for a credential that does not exist is to be rejected.
  const mounted = (): Promise<CredentialMounts | undefined> => (mounts ??= mountsIn(api, namespace));
  return {
    async check(credential) {
      const known = await mounted();
      const message = known === undefined ? undefined : unknownCredential(known, { namespace, credential });
      if (message !== undefined) throw new UsageError(message);
    },
    async write(credential, values) {
      const checked = [...values].map(
        ([key, value]) => [key, new Redacted(checkedValue(key, value.reveal()))] as const,
      );
      const known = await mounted();
      const wanted = { namespace, secret, credential, keys: [...values.keys()] };
      const shared = known === undefined ? undefined : inSharedSecret(known, wanted);
      const to = { namespace, secret: shared?.secret ?? secret };
      const named = new Map(checked.map(([key, value]) => [shared?.keyOf(key) ?? key, value]));
      const { created, keeper } = await writeSecretKeys(api, to, named);
      const unread = known === undefined || shared !== undefined ? [] : mountFaults(known, wanted);
      const kept = `The Secret is kept by ${keeper}, which may take this back: change it there, too.`;
      return {
        place: `${created ? 'new Secret' : 'Secret'} ${namespace}/${to.secret}`,
        next:
          unread.length > 0
            ? undefined
            : nextSentence(known, { ...destination, credential }, !values.has(INTERVAL_KEY)),
        warnings: [...(keeper === undefined ? [] : [kept]), ...unread],
      };
    },
    close: () => api.close(),
  };
}

/** What happens next, and for values of a credential the command that tries them. */
function nextSentence(
  known: CredentialMounts | undefined,
  { namespace, secret, kubeconfig, context, credential }: SecretDestination & { readonly credential: string },
  isCredential: boolean,
): string {
  const comes = `The kubelet brings it into the token-acquirer's volume within ${DELAY}; then it is in force, without a restart.`;
  const readers = known === undefined || !isCredential ? [] : readersOf(known, { secret, credential });
  const options = [kubeconfig && `--kubeconfig ${kubeconfig}`, context && `--context ${context}`].filter(Boolean);
  const kubectl = ['kubectl', ...options, '-n', namespace].join(' ');
  const tries = readers.map(
    (name) => `Then try it: ${kubectl} exec deployment/${name} -- token-acquirer credentials check ${credential}`,
  );
  return [comes, ...tries].join('\n');
}

/** `undefined` where the user may not read Deployments. */
async function mountsIn(api: ApiServer, namespace: string): Promise<CredentialMounts | undefined> {
  const deployments = await readDeployments(api, namespace);
  return deployments === undefined ? undefined : credentialMounts(deployments);
}
