import type { RequestContext } from '@kubernetes/client-node';
import { StoreError } from '../../../core/errors.ts';
import { isLabel } from '../../../core/names.ts';
import type { SecretReference } from '../../../core/token.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { ApiException, HttpMethod } from '../api/client-library.ts';
import { METADATA } from '../api/watch-once.ts';

/** A change of a JSON Patch (RFC 6902). */
export interface Operation {
  readonly op: 'test' | 'add' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

/** A Secret as it was read. */
export interface SecretContents {
  /** Base64 by key; empty where there is no key. */
  readonly data: ReadonlyMap<string, string>;
  /** Its resourceVersion. */
  readonly version: string | undefined;
}

interface SecretObject {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly data?: Readonly<Record<string, string>>;
}

const MANAGER = 'token-acquirer';

/** Where a key is within a Secret (RFC 6901). */
export function pathOf(key: string): string {
  return `/data/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/**
 * Throws what `secretFailure` and `isPatchRefused` understand.
 *
 * By hand rather than with client-node's CoreV1Api, which loses a key `__proto__` and costs several times as much.
 */
export async function readSecret(api: ApiServer, secret: SecretReference): Promise<SecretContents> {
  const text = await send(api, requestFor(api, secret, HttpMethod.GET));
  const { data, metadata } = JSON.parse(text) as SecretObject;
  return { data: new Map(Object.entries(data ?? {})), version: metadata?.resourceVersion };
}

/** Carries out all operations or none; resolves with the resourceVersion that it made. Throws as `readSecret` does. */
export async function patchSecret(
  api: ApiServer,
  secret: SecretReference,
  operations: readonly Operation[],
): Promise<string | undefined> {
  return versionIn(await patch(api, secret, 'application/json-patch+json', operations));
}

/** Resolves with the resourceVersion, and asks for no data. Throws as `readSecret` does. */
export async function readVersion(api: ApiServer, secret: SecretReference): Promise<string | undefined> {
  const request = requestFor(api, secret, HttpMethod.GET);
  request.setHeaderParam('Accept', METADATA);
  return (JSON.parse(await send(api, request)) as SecretObject).metadata?.resourceVersion;
}

function patch(
  api: ApiServer,
  secret: SecretReference,
  type: `application/${'json' | 'merge'}-patch+json`,
  body: object,
): Promise<string> {
  const request = requestFor(api, secret, HttpMethod.PATCH);
  request.setQueryParam('fieldManager', MANAGER);
  request.setHeaderParam('Content-Type', type);
  request.setHeaderParam('Accept', `${METADATA},application/json`);
  request.setBody(JSON.stringify(body));
  return send(api, request);
}

/** The sentence for an error of these. `verb` is what could not be done: `read`, `written`. */
export function secretFailure(secret: SecretReference, verb: 'read' | 'written', error: unknown): StoreError {
  const { namespace, secret: name } = secret;
  if (statusOf(error) !== 404) return apiFailure(`The Secret ${namespace}/${name} cannot be ${verb}`, error);
  return new StoreError(
    `There is no Secret ${name} in the namespace ${namespace}, and the token-acquirer may not make it. Run: kubectl create secret generic ${name} --namespace ${namespace}.`,
    { missing: true },
  );
}

/** Without a parser, because an answer is mostly `managedFields`. Within a text, its quotes would be escaped. */
function versionIn(answer: string): string | undefined {
  return /"resourceVersion":\s*"(\w+)"/.exec(answer)?.[1];
}

function requestFor(api: ApiServer, { namespace, secret }: SecretReference, method: HttpMethod): RequestContext {
  // The configuration has checked them already; a path is built from them here.
  for (const label of [namespace, secret]) {
    if (isLabel(label)) continue;
    throw new StoreError(`${JSON.stringify(label)} is not a DNS label. Correct it in the configuration.`, {
      permanent: true,
    });
  }
  return api.configuration.baseServer.makeRequestContext(`/api/v1/namespaces/${namespace}/secrets/${secret}`, method);
}

async function send(api: ApiServer, request: RequestContext): Promise<string> {
  const { httpStatusCode, body } = await api.configuration.httpApi.send(request).toPromise();
  const text = await body.text();
  if (httpStatusCode >= 200 && httpStatusCode < 300) return text;
  throw new ApiException(httpStatusCode, '', text, {});
}
