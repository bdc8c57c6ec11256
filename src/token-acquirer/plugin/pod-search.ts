import { StoreError } from '../../core/errors.ts';
import type { AcquirerPod, FoundPods, Scope } from './cluster-view.ts';

/** Lists the pods with these labels, of one namespace or of all. Throws StoreError, permanent where the user may not. */
export type ListPods = (selector: string, namespace?: string) => Promise<readonly AcquirerPod[]>;

/**
 * Finds the pods of token-acquirers: in the namespace of the scope, or in all. A user who may not list all pods gets those of
 * the `usual` namespaces. Throws StoreError where none of these may be listed either.
 */
export async function findPods(
  { namespace, everywhere, selector }: Scope,
  usual: readonly string[],
  list: ListPods,
): Promise<FoundPods> {
  try {
    return { pods: await list(selector, namespace) };
  } catch (error) {
    if (namespace !== undefined || everywhere || !isForbidden(error)) throw error;
    const lists = await Promise.allSettled(usual.map((one) => list(selector, one)));
    const searched = usual.filter((_, at) => lists[at]?.status === 'fulfilled');
    if (searched.length === 0) throw new StoreError(`${error.message} ${NAME_IT}`, { permanent: true });
    const pods = lists.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    return { pods, limit: limitSentence(searched) };
  }
}

const NAME_IT = 'Or name the namespace of the token-acquirer with -n, if you may list its pods.';

function isForbidden(error: unknown): error is StoreError {
  return error instanceof StoreError && error.permanent;
}

function limitSentence(namespaces: readonly string[]): string {
  const searched = namespaces.length === 1 ? 'the namespace' : 'the namespaces';
  return `You may not list the pods of all namespaces, so the search was limited to ${searched} ${namespaces.join(' and ')}. Name another one with -n.`;
}
