import type { V1Pod } from '@kubernetes/client-node';
import { StoreError } from '../../../core/errors.ts';
import type { SelectedPods } from '../../../ports/execution-state.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { CoreV1Api } from '../api/client-library.ts';
import {
  CollectionObservation,
  type CollectionObservationOptions,
  type Listed,
} from '../api/collection-observation.ts';
import { type PodFacts, podFacts } from './pod-facts.ts';

const PAGE = 500;

/** Reads them page by page. Throws StoreError. */
export async function listPods(api: ApiServer, { namespace, selector }: SelectedPods): Promise<Listed<PodFacts>> {
  const core = new CoreV1Api(api.configuration);
  const items: PodFacts[] = [];
  let page: string | undefined;
  let version: string;
  try {
    do {
      const continued = page === undefined ? {} : { _continue: page };
      const list = await core.listNamespacedPod({ namespace, labelSelector: selector, limit: PAGE, ...continued });
      items.push(...list.items.map(podFacts).filter((facts) => facts !== undefined));
      version = list.metadata?.resourceVersion ?? '';
      page = list.metadata?._continue;
    } while (page);
  } catch (error) {
    throw listFailure({ namespace, selector }, error);
  }
  return { items, version };
}

function listFailure({ namespace, selector }: SelectedPods, error: unknown): StoreError {
  if (statusOf(error) !== 400) return apiFailure(`The pods of the namespace ${namespace} cannot be read`, error);
  return new StoreError(
    `The pods of the namespace ${namespace} cannot be selected by "${selector}", which may not be a label selector (400). Correct clientApp.selector in the configuration.`,
    { permanent: true },
  );
}

/** Follows the pods of one selector. */
export function observePods(
  api: ApiServer,
  app: SelectedPods,
  options: CollectionObservationOptions & { readonly changed: () => void },
): CollectionObservation<V1Pod, PodFacts> {
  const { namespace, selector } = app;
  const collection = {
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
    parameters: { labelSelector: selector },
    list: () => listPods(api, app),
    factsOf: podFacts,
    failure: (error: unknown) => apiFailure(`The pods of the namespace ${namespace} cannot be watched`, error),
    changed: options.changed,
  };
  return new CollectionObservation<V1Pod, PodFacts>(api, collection, options);
}
