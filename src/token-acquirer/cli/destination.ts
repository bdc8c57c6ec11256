import { UsageError } from '../../core/errors.ts';
import { isLabel } from '../../core/names.ts';

/** Options of the commands that set something. */
export interface DestinationOptions {
  readonly credentials?: string;
  readonly namespace?: string;
  readonly secret?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  /** The configuration whose tokens name the credentials that exist. */
  readonly config?: string;
}

/** Where a command writes a setting. */
export type Destination =
  | { readonly kind: 'folder'; readonly root: string }
  | {
      readonly kind: 'secret';
      readonly namespace: string;
      readonly secret: string;
      readonly kubeconfig: string | undefined;
      readonly context: string | undefined;
    };

/** A DNS subdomain (RFC 1123), as Secrets are called. */
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

/**
 * Returns the folder or the Secret that the options name. `ending`: what follows the credential's name in the Secret's name,
 * as the chart mounts it. Throws UsageError.
 */
export function destinationOf(
  credential: string,
  { credentials, namespace, secret, kubeconfig, context }: DestinationOptions,
  ending: 'credentials' | 'interval',
): Destination {
  if (namespace === undefined) {
    const strayed = Object.entries({ secret, kubeconfig, context }).find(([, value]) => value !== undefined)?.[0];
    if (strayed !== undefined) {
      throw new UsageError(`--${strayed} is for a Secret in a cluster: name its namespace with --namespace.`);
    }
    if (credentials !== undefined) return { kind: 'folder', root: credentials };
    throw new UsageError(
      'Name the place of the credential: --namespace NAMESPACE for a Secret in a cluster, or --credentials DIR for a folder.',
    );
  }
  if (credentials !== undefined) {
    throw new UsageError('--namespace is for a Secret in a cluster, --credentials for a folder: give one of the two.');
  }
  if (!isLabel(namespace)) throw new UsageError('--namespace must be a namespace: lower-case letters, digits and "-".');
  const name = secret ?? `${credential}-${ending}`;
  if (!SUBDOMAIN.test(name)) {
    throw new UsageError(
      `The name of a Secret may have only lower-case letters, digits, "-" and ".". ${secret === undefined ? 'The name of the credential has other characters: correct it, or name its Secret with --secret.' : 'Correct --secret.'}`,
    );
  }
  return { kind: 'secret', namespace, secret: name, kubeconfig, context };
}
