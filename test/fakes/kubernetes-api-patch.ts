/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface PatchOperation {
  readonly op: string;
  readonly path: string;
  readonly value?: Json;
}

/** The patch does not fit the object. */
export class PatchRefused extends Error {}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function copy<Value extends Json>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** Sets an own property, even with the name `__proto__`. */
export function setKey(object: JsonObject, key: string, value: Json): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

export function keyOf(object: Json | undefined, key: string): Json | undefined {
  return isObject(object) && Object.hasOwn(object, key) ? object[key] : undefined;
}

/**
 * Applies RFC 6902 as the API server does. A `test` for null passes for a missing key. `replace` of a missing key
 * adds it. `remove` of a missing key fails, and so does every operation in a missing parent.
 */
export function jsonPatch(object: JsonObject, operations: readonly PatchOperation[]): JsonObject {
  const patched = copy(object);
  for (const operation of operations) apply(patched, operation);
  return patched;
}

function apply(object: JsonObject, { op, path, value = null }: PatchOperation): void {
  const keys = path
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop();
  let parent: Json | undefined = object;
  for (const key of keys) parent = keyOf(parent, key);
  if (last === undefined || !isObject(parent)) throw new PatchRefused();
  const present = keyOf(parent, last);
  if (op === 'add' || op === 'replace') setKey(parent, last, value);
  else if (op === 'remove' && present !== undefined) delete parent[last];
  else if (op !== 'test' || JSON.stringify(present ?? null) !== JSON.stringify(value)) throw new PatchRefused();
}

/** Applies RFC 7386. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged = isObject(target) ? copy(target) : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else setKey(merged, key, mergePatch(keyOf(merged, key), value));
  }
  return merged;
}
