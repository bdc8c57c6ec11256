import type { TokenIdentity } from './token.ts';

/** A ServiceAccount, as the configuration names it. */
export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** Returns the ServiceAccount that the API server calls `system:serviceaccount:<namespace>:<name>`. */
export function serviceAccountOf(caller: string): ServiceAccount | undefined {
  const [system, kind, namespace, name, ...more] = caller.split(':');
  if (system !== 'system' || kind !== 'serviceaccount' || more.length > 0) return undefined;
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/**
 * Whether a ServiceAccount is in the namespace of the token's Secret or of one of its clients. The team that owns the
 * token also owns these pods, so that no pod of anyone else can make the token unhealthy.
 */
export function isNeighbor(
  { namespace }: ServiceAccount,
  { identity, clients }: { readonly identity: TokenIdentity; readonly clients: readonly string[] },
): boolean {
  return (
    identity.namespace === namespace || clients.some((client) => serviceAccountOf(client)?.namespace === namespace)
  );
}

/** Says who asks without success, and what to do. Names the ServiceAccount only, so that many calls lead to one sentence. */
export function unknownCallerSentence({ namespace, name }: ServiceAccount): string {
  return `The ServiceAccount ${namespace}/${name} asks for this token, but is not among its clients, so its calls get HTTP 403. Add { namespace: ${namespace}, serviceAccount: ${name} } to clients of the token, or set serviceAccountName of the pod to one of the clients.`;
}
