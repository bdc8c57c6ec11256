import type { V1Deployment, V1ObjectMeta } from '@kubernetes/client-node';
import type { Redacted } from '../../../core/redacted.ts';
import type { SecretReference } from '../../../core/token.ts';
import { statusOf } from '../api/api-failure.ts';
import { requestApi } from '../api/api-request.ts';
import type { ApiServer } from '../api/api-server.ts';
import { type WriteVerb, writeFailure } from './credential-secret-failure.ts';

/** What came of a write. */
export interface WrittenSecret {
  readonly created: boolean;
  /** Who else keeps this Secret, and may take what was written back: `ExternalSecret dynamics`, `Argo CD`. */
  readonly keeper: string | undefined;
}

/** Keeps the data out of the answer. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json';
const MANAGER = { fieldManager: 'token-acquirer-terminal' };
const MOST_DEPLOYMENTS = '500';

/**
 * No label that Helm, Argo CD or Flux take for theirs, so that none of them prunes the Secret: Argo CD goes by its own
 * annotation or by `app.kubernetes.io/instance`, Flux and Helm by lists of what they made themselves.
 */
const LABELS = {
  'app.kubernetes.io/managed-by': 'token-acquirer-terminal',
  'app.kubernetes.io/part-of': 'token-acquirer',
};

/**
 * Sets keys of a Secret in one request, and does not change others. Creates the Secret if it is missing. It needs the verbs
 * `patch` and `create` on Secrets, and reads no value. Namespace and name must be valid.
 *
 * Throws StoreError, permanent if the API server rejected the request.
 */
export async function writeSecretKeys(
  api: ApiServer,
  secret: SecretReference,
  values: ReadonlyMap<string, Redacted>,
): Promise<WrittenSecret> {
  const encoded = [...values].map(([key, value]) => [key, Buffer.from(value.reveal()).toString('base64')]);
  const data: unknown = Object.fromEntries(encoded);
  return (
    (await attempt('patch', 404)) ??
    (await attempt('create', 409)) ??
    // Made by another in between, or there is no namespace to make it in.
    (await attempt('patch')) ?? { created: false, keeper: undefined }
  );

  /** `undefined` where the answer is this status, which asks for the next attempt. */
  async function attempt(verb: WriteVerb, unless?: number): Promise<WrittenSecret | undefined> {
    try {
      const answer = await (verb === 'patch' ? patch(api, secret, data) : create(api, secret, data));
      return { created: verb === 'create', keeper: keeperOf(metadataIn(answer)) };
    } catch (error) {
      if (unless !== undefined && statusOf(error) === unless) return undefined;
      throw writeFailure(secret, { verb, error, baseUrl: api.baseUrl });
    }
  }
}

function patch(api: ApiServer, { namespace, secret }: SecretReference, data: unknown): Promise<string> {
  return requestApi(api, {
    method: 'PATCH',
    path: `/api/v1/namespaces/${namespace}/secrets/${secret}`,
    query: MANAGER,
    accept: METADATA_ONLY,
    // RFC 7386: keys that are not named stay.
    contentType: 'application/merge-patch+json',
    body: JSON.stringify({ data }),
  });
}

function create(api: ApiServer, { namespace, secret }: SecretReference, data: unknown): Promise<string> {
  const metadata = { name: secret, namespace, labels: LABELS };
  return requestApi(api, {
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/secrets`,
    query: MANAGER,
    accept: METADATA_ONLY,
    contentType: 'application/json',
    body: JSON.stringify({ apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata, data }),
  });
}

/** The Deployments of a namespace; `undefined` where they cannot be read, which is for others to tell. */
export async function readDeployments(api: ApiServer, namespace: string): Promise<readonly V1Deployment[] | undefined> {
  try {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    const text = await requestApi(api, { method: 'GET', path, query: { limit: MOST_DEPLOYMENTS } });
    return (JSON.parse(text) as { items?: V1Deployment[] }).items ?? [];
  } catch {
    return undefined;
  }
}

function metadataIn(answer: string): V1ObjectMeta {
  try {
    return (JSON.parse(answer) as { metadata?: V1ObjectMeta }).metadata ?? {};
  } catch {
    // It was written anyway.
    return {};
  }
}

const KEEPERS: readonly (readonly [mark: RegExp, name: string])[] = [
  [/^argocd\.argoproj\.io\//, 'Argo CD'],
  [/^(?:kustomize|helm)\.toolkit\.fluxcd\.io\//, 'Flux'],
  [/^meta\.helm\.sh\/release-name$/, 'a Helm release'],
];

function keeperOf({ ownerReferences: [owner] = [], labels = {}, annotations = {} }: V1ObjectMeta): string | undefined {
  if (owner !== undefined) return `${owner.kind} ${owner.name}`;
  const marks = Object.keys({ ...labels, ...annotations });
  return KEEPERS.find(([mark]) => marks.some((name) => mark.test(name)))?.[1];
}
