import type { IncomingMessage } from 'node:http';
import { kindOf, partsOf, type StoredObjects } from './kubernetes-api-objects.ts';
import {
  isObject,
  type JsonObject,
  jsonPatch,
  mergePatch,
  type PatchOperation,
  PatchRefused,
  textOf,
} from './kubernetes-api-patch.ts';
import { fieldSelector, labelSelector } from './kubernetes-api-selector.ts';
import { notFound, patchRefused, Rejection } from './kubernetes-api-status.ts';
import { listOf, partial, type WatchRequest } from './kubernetes-api-watches.ts';

/** A request as the log keeps it, without its authorization. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string;
  readonly contentType: string;
  /** The body as text. */
  readonly body: string;
}

/**
 * The verb and resource in terms of RBAC: get, list, watch, create, update, patch or delete, and `pods/status` for a
 * subresource.
 */
export interface Asked {
  readonly verb: string;
  readonly resource: string;
  readonly name?: string;
  readonly namespace?: string;
}

const BODY_LIMIT = 3 * 1024 * 1024;
const VERBS: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
const SUBRESOURCES = new Set(['status', 'log', 'eviction']);

export async function readRequest(request: IncomingMessage): Promise<ApiRequest> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://api');
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return {
    method: request.method ?? 'GET',
    path: decodeURIComponent(pathname),
    query: searchParams,
    accept: request.headers.accept ?? '',
    contentType: request.headers['content-type'] ?? '',
    body: Buffer.concat(chunks).toString(),
  };
}

/** Returns the requested object and its subresource. */
function targetOf(path: string): { path: string; subresource: string | undefined } {
  const last = path.slice(path.lastIndexOf('/') + 1);
  const parent = path.slice(0, path.lastIndexOf('/'));
  const { name, namespace } = partsOf(parent);
  if (SUBRESOURCES.has(last) && name !== '' && namespace !== undefined) return { path: parent, subresource: last };
  return { path, subresource: undefined };
}

export function askedIn({ method, path, query }: ApiRequest): Asked {
  const target = targetOf(path);
  const { resource, name: named, namespace } = partsOf(target.path);
  const reading = isWatch(query) ? 'watch' : named === '' ? 'list' : 'get';
  // RBAC sees it this way, too: `resourceNames` can allow the watch of one object.
  const [, selected = ''] = /^metadata\.name==?([\w.-]+)$/.exec(query.get('fieldSelector') ?? '') ?? [];
  const name = named === '' ? selected : named;
  return {
    verb: VERBS[method] ?? reading,
    resource: target.subresource === undefined ? resource : `${resource}/${target.subresource}`,
    ...(name !== '' && { name }),
    ...(namespace !== undefined && { namespace }),
  };
}

function isWatch(query: URLSearchParams): boolean {
  return ['true', '1'].includes(query.get('watch') ?? '');
}

/** Returns the requested watch, if the request is one. */
export function watchIn({ method, path, query, accept }: ApiRequest): WatchRequest | undefined {
  if (method !== 'GET' || !isWatch(query)) return undefined;
  const seconds = query.get('timeoutSeconds');
  return {
    collection: path,
    matches: matcher(query),
    since: query.get('resourceVersion') ?? '',
    timeoutSeconds: seconds === null ? undefined : Number(seconds),
    isPartial: wantsMetadata(accept),
  };
}

function matcher(query: URLSearchParams) {
  const labels = labelSelector(query.get('labelSelector') ?? '');
  const fields = fieldSelector(query.get('fieldSelector') ?? '');
  return (object: JsonObject[string]): boolean => labels(object) && fields(object);
}

function wantsMetadata(accept: string): boolean {
  return /as=PartialObjectMetadata(;|$)/.test(accept);
}

/** Returns the answer of the API server about objects. Throws `Rejection`. */
export function answerAbout(objects: StoredObjects, request: ApiRequest): { code: number; object: JsonObject } {
  if (Buffer.byteLength(request.body) > BODY_LIMIT) {
    throw new Rejection(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${BODY_LIMIT}`);
  }
  const target = targetOf(request.path);
  const { resource, name } = partsOf(target.path);
  if (resource === '') throw new Rejection(404, 'NotFound', 'the server could not find the requested resource');
  const isPartial = wantsMetadata(request.accept);
  if (name === '' && request.method === 'GET') {
    if (isPartial) throw new Rejection(406, 'NotAcceptable', 'the requested object is a list');
    const items = objects.list(target.path).filter(matcher(request.query));
    return { code: 200, object: listOf(kindOf(resource), items, objects.version) };
  }
  const object = change(objects, request, target);
  return { code: request.method === 'POST' ? 201 : 200, object: isPartial ? partial(object) : object };
}

function change(objects: StoredObjects, request: ApiRequest, target: ReturnType<typeof targetOf>): JsonObject {
  const { resource, name } = partsOf(target.path);
  if (request.method === 'POST') return create(objects, request);
  const present = objects.get(target.path);
  if (present === undefined) throw notFound(resource, name);
  if (request.method === 'GET') return present;
  if (request.method === 'DELETE') return objects.delete(target.path);
  const changed = request.method === 'PUT' ? objectIn(request.body) : patched(present, request);
  const given = target.subresource === 'status' ? statusOnly(present, changed) : changed;
  const version = isObject(changed['metadata']) ? changed['metadata']['resourceVersion'] : undefined;
  if (version !== undefined && isObject(present['metadata']) && version !== present['metadata']['resourceVersion']) {
    throw new Rejection(
      409,
      'Conflict',
      `the object has been modified; please apply your changes to the latest version`,
    );
  }
  return objects.update(target.path, given, { dryRun: request.query.get('dryRun') === 'All' });
}

function create(objects: StoredObjects, request: ApiRequest): JsonObject {
  const given = objectIn(request.body);
  const metadata = isObject(given['metadata']) ? given['metadata'] : {};
  const { name, generateName } = metadata;
  const called = typeof name === 'string' ? name : `${textOf(generateName)}${Math.random().toString(36).slice(2, 7)}`;
  return objects.create(`${request.path}/${called}`, given);
}

function patched(present: JsonObject, { contentType, body }: ApiRequest): JsonObject {
  if (contentType === 'application/json-patch+json') {
    try {
      return jsonPatch(present, JSON.parse(body) as PatchOperation[]);
    } catch (error) {
      throw error instanceof PatchRefused ? patchRefused() : error;
    }
  }
  if (contentType !== 'application/merge-patch+json' && contentType !== 'application/strategic-merge-patch+json') {
    throw new Rejection(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format');
  }
  return mergePatch(present, objectIn(body)) as JsonObject;
}

/** Changes only the status, labels and annotations through `/status`. */
function statusOnly(present: JsonObject, changed: JsonObject): JsonObject {
  const metadata = isObject(present['metadata']) ? present['metadata'] : {};
  const { labels, annotations, resourceVersion } = isObject(changed['metadata']) ? changed['metadata'] : {};
  const kept = {
    ...metadata,
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
  return { ...present, ...(changed['status'] !== undefined && { status: changed['status'] }), metadata: kept };
}

function objectIn(body: string): JsonObject {
  const value = JSON.parse(body) as JsonObject[string];
  if (!isObject(value)) throw new Rejection(400, 'BadRequest', 'the body is no object');
  return value;
}
