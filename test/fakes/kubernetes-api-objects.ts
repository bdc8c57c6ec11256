import { randomUUID } from 'node:crypto';
import { copy, isObject, type Json, type JsonObject, keyOf, setKey, textOf } from './kubernetes-api-patch.ts';
import { invalid, notFound, Rejection } from './kubernetes-api-status.ts';

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** The path of the object. */
  readonly path: string;
  readonly object: JsonObject;
  readonly before: JsonObject | undefined;
  readonly version: number;
}

const KINDS: Readonly<Record<string, string>> = {
  secrets: 'Secret',
  pods: 'Pod',
  events: 'Event',
  namespaces: 'Namespace',
  configmaps: 'ConfigMap',
  leases: 'Lease',
};
const SECRET_LIMIT = 1024 * 1024;

/** The storage of an API server: objects by their path, and the history of their changes. */
export class StoredObjects {
  readonly #objects = new Map<string, JsonObject>();
  readonly #listeners = new Set<(change: Change) => void>();
  #history: Change[] = [];
  #version = 100;
  #oldest = 0;

  get version(): number {
    return this.#version;
  }

  get(path: string): JsonObject | undefined {
    const object = this.#objects.get(path);
    return object === undefined ? undefined : copy(object);
  }

  /** Returns all objects of a collection, and for `/api/v1/pods` those of all namespaces. */
  list(collection: string): JsonObject[] {
    return [...this.#objects].filter(([path]) => isIn(collection, path)).map(([, object]) => copy(object));
  }

  create(path: string, given: JsonObject): JsonObject {
    const { resource, name, namespace } = partsOf(path);
    this.#refuseNamespace(resource, name, namespace);
    if (this.#objects.has(path)) {
      throw new Rejection(409, 'AlreadyExists', `${resource} "${name}" already exists`, { name });
    }
    return this.#store('ADDED', path, given);
  }

  /** Creates or changes an object as another user with all permissions would. Creates a missing namespace. */
  put(path: string, given: JsonObject): JsonObject {
    const { namespace } = partsOf(path);
    const home = `/api/v1/namespaces/${namespace}`;
    if (namespace !== undefined && home !== path && !this.#objects.has(home)) this.#store('ADDED', home, {});
    return this.#store(this.#objects.has(path) ? 'MODIFIED' : 'ADDED', path, given);
  }

  update(path: string, given: JsonObject, { dryRun = false } = {}): JsonObject {
    const { resource, name } = partsOf(path);
    const before = this.#objects.get(path);
    if (before === undefined) throw notFound(resource, name);
    return this.#store('MODIFIED', path, given, dryRun);
  }

  delete(path: string): JsonObject {
    const { resource, name } = partsOf(path);
    const before = this.#objects.get(path);
    if (before === undefined) throw notFound(resource, name);
    this.#objects.delete(path);
    this.#version += 1;
    const object = withVersion(before, this.#version);
    this.#tell({ type: 'DELETED', path, object, before, version: this.#version });
    return copy(object);
  }

  /** Returns the changes after a version. Throws `Rejection` with 410 for a compacted version. */
  since(version: number): readonly Change[] {
    if (version < this.#oldest) {
      throw new Rejection(410, 'Expired', `too old resource version: ${version} (${this.#oldest})`);
    }
    return this.#history.filter((change) => change.version > version);
  }

  /** Drops the history, as etcd does after 5 min. */
  compact(): void {
    this.#history = [];
    this.#version += 1;
    this.#oldest = this.#version;
  }

  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #store(type: 'ADDED' | 'MODIFIED', path: string, given: JsonObject, dryRun = false): JsonObject {
    const before = this.#objects.get(path);
    const object = complete(path, given, before);
    if (partsOf(path).resource === 'secrets') checkSecret(object, before);
    if (JSON.stringify(object) === JSON.stringify(before)) return copy(object);
    const stored = withVersion(object, this.#version + 1);
    if (dryRun) return stored;
    this.#version += 1;
    this.#objects.set(path, stored);
    this.#tell({ type, path, object: stored, before, version: this.#version });
    return copy(stored);
  }

  #tell(change: Change): void {
    this.#history.push(change);
    for (const listener of Array.from(this.#listeners)) listener(change);
  }

  #refuseNamespace(resource: string, name: string, namespace: string | undefined): void {
    if (namespace === undefined || resource === 'namespaces') return;
    const home = this.#objects.get(`/api/v1/namespaces/${namespace}`);
    if (home === undefined) throw notFound('namespaces', namespace);
    if (keyOf(home['metadata'], 'deletionTimestamp') === undefined) return;
    const message = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const cause = { reason: 'NamespaceTerminating', field: 'metadata.namespace', message };
    throw new Rejection(403, 'Forbidden', `${resource} "${name}" is forbidden: ${message}`, { name, causes: [cause] });
  }
}

/** `/api/v1/namespaces/billing/pods/app-1` → pods, app-1, billing. */
export function partsOf(path: string): { resource: string; name: string; namespace: string | undefined } {
  const segments = path.split('/').slice(path.startsWith('/apis/') ? 4 : 3);
  const [first = '', second = '', third, fourth = ''] = segments;
  if (first === 'namespaces' && third !== undefined) return { resource: third, name: fourth, namespace: second };
  return { resource: first, name: second, namespace: undefined };
}

export function isIn(collection: string, path: string): boolean {
  const parent = path.slice(0, path.lastIndexOf('/'));
  return parent === collection || parent.replace(/\/namespaces\/[^/]+\//, '/') === collection;
}

export function kindOf(resource: string): string {
  return KINDS[resource] ?? resource;
}

function complete(path: string, given: JsonObject, before: JsonObject | undefined): JsonObject {
  const { resource, name, namespace } = partsOf(path);
  const object = copy(given);
  const known = isObject(before?.['metadata']) ? before['metadata'] : {};
  const asked = isObject(object['metadata']) ? object['metadata'] : {};
  const { uid = randomUUID(), creationTimestamp = new Date().toISOString() } = { ...asked, ...known };
  const place = { name, ...(namespace !== undefined && { namespace }), uid, creationTimestamp };
  const { resourceVersion = '0' } = known;
  const metadata = { ...asked, ...place, resourceVersion };
  // The API server does not store an empty map.
  if (isObject(object['data']) && Object.keys(object['data']).length === 0) delete object['data'];
  const apiVersion = path.startsWith('/apis/') ? path.split('/').slice(2, 4).join('/') : 'v1';
  return { kind: kindOf(resource), apiVersion, ...object, metadata };
}

function withVersion(object: JsonObject, version: number): JsonObject {
  const changed = copy(object);
  if (isObject(changed['metadata'])) setKey(changed['metadata'], 'resourceVersion', `${version}`);
  return changed;
}

function checkSecret(object: JsonObject, before: JsonObject | undefined): void {
  const name = textOf(keyOf(object['metadata'], 'name'));
  const data: [string, Json][] = isObject(object['data']) ? Object.entries(object['data']) : [];
  if (before?.['immutable'] === true && JSON.stringify(before['data']) !== JSON.stringify(object['data'])) {
    const message = 'Forbidden: field is immutable when `immutable` is set';
    throw invalid('Secret', name, { reason: 'FieldValueForbidden', field: 'data', message });
  }
  let size = 0;
  for (const [key, value] of data) {
    if (typeof value !== 'string' || Buffer.from(value, 'base64').toString('base64') !== value) {
      // The real API server quotes the whole object here.
      const message = `Invalid value: ${JSON.stringify(JSON.stringify(object))}: illegal base64 data at input byte 0`;
      throw invalid('', '', { reason: 'FieldValueInvalid', field: 'patch', message });
    }
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key)) {
      const message = `Invalid value: "${key}": a valid config key must consist of alphanumeric characters, '-', '_' or '.'`;
      throw invalid('Secret', name, { reason: 'FieldValueInvalid', field: `data[${key}]`, message });
    }
    size += Buffer.from(value, 'base64').length;
  }
  if (size <= SECRET_LIMIT) return;
  const message = `Too long: may not be more than ${SECRET_LIMIT} bytes`;
  throw invalid('Secret', name, { reason: 'FieldValueTooLong', field: 'data', message });
}
