import type { AccessToken, AccessTokenStatus } from '../../../core/access-token.ts';
import { changedFinalizers } from '../../../core/access-token-end.ts';
import { StoreError } from '../../../core/errors.ts';
import type { AccessTokens, FollowedAccessTokens } from '../../../ports/access-tokens.ts';
import { apiFailure, isPatchRefused, statusOf } from '../api/api-failure.ts';
import { requestApi } from '../api/api-request.ts';
import type { ApiServer } from '../api/api-server.ts';
import {
  CollectionObservation,
  type CollectionObservationOptions,
  type Listed,
} from '../api/collection-observation.ts';
import { readPages } from '../api/read-pages.ts';
import { createTurns } from '../api/turns.ts';
import type { Watched } from '../api/watch-once.ts';
import { RESOURCE, readAccessToken } from './access-token-object.ts';
import { claimSecret, storedSecret } from './access-token-secret.ts';

const API_VERSION = `${RESOURCE.group}/${RESOURCE.version}`;
/** Of the 16 connections, so that writes of tokens go on while a thousand AccessTokens are new. */
const REQUESTS_TOGETHER = 6;

const REMEDY =
  'Apply the CustomResourceDefinition of this version: it is in the chart and in manifests/access-token-crd.yaml.';

export interface AccessTokensOptions extends CollectionObservationOptions {
  /** Called where AccessTokens of a namespace cannot be looked at, once for each reason. */
  readonly onFault: (message: string) => void;
}

/** AccessTokens in Kubernetes. */
export function createKubernetesAccessTokens(api: ApiServer, options: AccessTokensOptions): AccessTokens {
  const { run: limit } = createTurns(REQUESTS_TOGETHER);
  const reported = new Set<string>();
  /** Once for each field, because each write loses it again. */
  const reportLost = (field: string): void => {
    if (reported.has(field)) return;
    reported.add(field);
    options.onFault(
      `The cluster does not store ${field} of AccessTokens, because its CustomResourceDefinition is of another version. ${REMEDY}`,
    );
  };
  return {
    follow(namespaces, changed) {
      return followNamespaces(namespaces, (namespace) => followNamespace(api, namespace, { ...options, changed }));
    },
    claim: (resource) => limit(() => claimSecret(api, resource)),
    // Not limited, because the Secret is emptied soon after.
    stored: (resource) => storedSecret(api, resource),
    setFinalizer: (resource, isSet) => limit(() => writeFinalizers(api, resource, isSet)),
    report: (resource, status) =>
      limit(async () => {
        const lost = await writeStatus(api, resource, status);
        if (lost !== undefined) reportLost(lost);
      }),
  };
}

interface Following {
  current(): readonly AccessToken[] | undefined;
  stop(): void;
}

function followNamespaces(
  namespaces: readonly string[],
  begin: (namespace: string) => Following,
): FollowedAccessTokens {
  const followed = new Map<string, Following>();
  const change = (wanted: readonly string[]): void => {
    for (const [namespace, one] of followed) {
      if (wanted.includes(namespace)) continue;
      one.stop();
      followed.delete(namespace);
    }
    for (const namespace of wanted) if (!followed.has(namespace)) followed.set(namespace, begin(namespace));
  };
  change(namespaces);
  return {
    current() {
      const found = [...followed.values()].map((one) => one.current());
      return found.every((one) => one !== undefined) ? found.flat() : undefined;
    },
    change,
    stop: () => change([]),
  };
}

/** What is unknown for a while stays as it was: no token goes because the API server is down. */
function followNamespace(
  api: ApiServer,
  namespace: string,
  options: AccessTokensOptions & { readonly changed: () => void },
): Following {
  let last: readonly AccessToken[] | undefined;
  let told = '';
  const observation = new CollectionObservation<Watched, AccessToken>(
    api,
    {
      path: collectionPath(namespace),
      list: () => list(api, namespace),
      factsOf: readAccessToken,
      failure: (error) => readFailure(namespace, error),
      changed() {
        const { because, found } = observation;
        if (because !== '' && because !== told) options.onFault(because);
        told = because;
        last = found ?? last ?? (because === '' ? undefined : []);
        options.changed();
      },
    },
    options,
  );
  void observation.run();
  return { current: () => last, stop: () => observation.stop() };
}

async function list(api: ApiServer, namespace: string): Promise<Listed<AccessToken>> {
  try {
    const { items, version } = await readPages<object>(api, collectionPath(namespace));
    return { items: items.flatMap((object) => readAccessToken(object) ?? []), version };
  } catch (error) {
    throw readFailure(namespace, error);
  }
}

function readFailure(namespace: string, error: unknown): StoreError {
  const what = `The AccessTokens of the namespace ${namespace} cannot be read`;
  if (statusOf(error) !== 404) return apiFailure(what, error);
  const message = `${what}, because the cluster does not know AccessTokens (404). ${REMEDY}`;
  return new StoreError(message, { permanent: true });
}

/**
 * Replaces the status, if the AccessToken is still the same: server-side apply would not look at its UID. Resolves with a field that
 * the API server dropped.
 */
async function writeStatus(
  api: ApiServer,
  resource: AccessToken,
  status: AccessTokenStatus,
): Promise<string | undefined> {
  const operations = [{ op: 'add', path: '/status', value: status }];
  const answer = await patch(api, resource, { what: 'The status', subresource: '/status', operations });
  if (answer === undefined) return undefined;
  return lostField('status', status, (JSON.parse(answer) as { readonly status?: unknown }).status);
}

/** Finalizers that somebody else set in the meantime are not lost: the patch does not match then. */
async function writeFinalizers(api: ApiServer, resource: AccessToken, isSet: boolean): Promise<'written' | 'changed'> {
  const { finalizers } = resource;
  const path = '/metadata/finalizers';
  const operations = [
    { op: 'test', path, value: finalizers ?? null },
    { op: 'add', path, value: changedFinalizers(finalizers ?? [], isSet) },
  ];
  const answer = await patch(api, resource, { what: 'The finalizer', subresource: '', operations });
  return answer === undefined ? 'changed' : 'written';
}

interface Change {
  readonly what: string;
  readonly subresource: '' | '/status';
  readonly operations: readonly object[];
}

/** Resolves with the answer. An AccessToken that is another one now, or was changed, is passed over. */
async function patch(
  api: ApiServer,
  resource: AccessToken,
  { what, subresource, operations }: Change,
): Promise<string | undefined> {
  const { namespace, name, uid } = resource;
  try {
    return await requestApi(api, {
      method: 'PATCH',
      path: `${collectionPath(namespace)}/${name}${subresource}`,
      query: { fieldManager: 'token-acquirer' },
      contentType: 'application/json-patch+json',
      body: JSON.stringify([{ op: 'test', path: '/metadata/uid', value: uid }, ...operations]),
    });
  } catch (error) {
    if (statusOf(error) === 404 || isPatchRefused(error)) return undefined;
    throw apiFailure(`${what} of the AccessToken ${namespace}/${name} cannot be written`, error);
  }
}

function collectionPath(namespace: string): string {
  return `/apis/${API_VERSION}/namespaces/${encodeURIComponent(namespace)}/${RESOURCE.plural}`;
}

/** Returns the path of a field that was sent and is not stored. */
function lostField(path: string, sent: unknown, stored: unknown): string | undefined {
  if (sent === undefined) return undefined;
  if (stored === undefined) return path;
  if (typeof sent !== 'object' || sent === null || typeof stored !== 'object' || stored === null) return undefined;
  const kept = stored as Readonly<Record<string, unknown>>;
  for (const [key, value] of Object.entries(sent)) {
    const lost = lostField(Array.isArray(sent) ? `${path}[]` : `${path}.${key}`, value, kept[key]);
    if (lost !== undefined) return lost;
  }
  return undefined;
}
