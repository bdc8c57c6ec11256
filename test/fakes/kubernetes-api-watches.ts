import type { ServerResponse } from 'node:http';
import { type Change, isIn, type StoredObjects } from './kubernetes-api-objects.ts';
import { type Json, type JsonObject, keyOf } from './kubernetes-api-patch.ts';
import { Rejection } from './kubernetes-api-status.ts';

export interface WatchRequest {
  readonly collection: string;
  readonly matches: (object: Json) => boolean;
  /** The version to start from. Empty: all current objects, then their changes. */
  readonly since: string;
  readonly timeoutSeconds: number | undefined;
  /** Whether the answer has metadata only. */
  readonly isPartial: boolean;
}

/** Streams of changes, one JSON object per line. */
export class Watches {
  readonly #objects: StoredObjects;
  readonly #open = new Set<ServerResponse>();

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  get open(): number {
    return this.#open.size;
  }

  start(request: WatchRequest, response: ServerResponse): void {
    const { collection, matches, since, timeoutSeconds, isPartial } = request;
    const shown = (object: JsonObject): JsonObject => (isPartial ? partial(object) : object);
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    const show = (change: Change): void => {
      if (!isIn(collection, change.path)) return;
      const event = eventOf(change, matches);
      if (event !== undefined) send(response, event.type, shown(event.object));
    };
    try {
      if (since === '' || since === '0') {
        for (const object of this.#objects.list(collection).filter(matches)) send(response, 'ADDED', shown(object));
      } else for (const change of this.#objects.since(Number(since))) show(change);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      // The real API server reports it in the stream.
      send(response, 'ERROR', error.status);
      response.end();
      return;
    }
    this.#open.add(response);
    const unlisten = this.#objects.listen(show);
    const over = timeoutSeconds === undefined ? undefined : setTimeout(() => response.end(), timeoutSeconds * 1000);
    response.on('close', () => {
      clearTimeout(over);
      unlisten();
      this.#open.delete(response);
    });
  }

  /** Ends all open streams: cleanly, by a reset, or after a 410. */
  end(how: 'close' | 'reset' | 'gone'): void {
    for (const response of Array.from(this.#open)) {
      if (how === 'reset') {
        response.socket?.resetAndDestroy();
        continue;
      }
      if (how === 'gone') send(response, 'ERROR', new Rejection(410, 'Expired', 'too old resource version').status);
      response.end();
    }
  }

  bookmark(): void {
    for (const response of this.#open) {
      send(response, 'BOOKMARK', { metadata: { resourceVersion: `${this.#objects.version}` } });
    }
  }

  /** Sends data that is not an event. */
  garbage(text: string): void {
    for (const response of this.#open) response.write(text);
  }
}

/** Returns the change as a selector sees it: an object that begins or stops to match was added or deleted. */
function eventOf(change: Change, matches: (object: Json) => boolean): { type: string; object: JsonObject } | undefined {
  const { type, object, before } = change;
  const was = before !== undefined && matches(before);
  const is = type !== 'DELETED' && matches(object);
  if (!was && !is) return undefined;
  if (was && is) return { type: 'MODIFIED', object };
  return { type: is ? 'ADDED' : 'DELETED', object };
}

function send(response: ServerResponse, type: string, object: JsonObject): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

/** Returns the answer to a list request. */
export function listOf(kind: string, items: readonly JsonObject[], version: number): JsonObject {
  const plain = items.map((item) => Object.fromEntries(Object.entries(item).filter(([key]) => !isTypeMeta(key))));
  return { kind: `${kind}List`, apiVersion: 'v1', metadata: { resourceVersion: `${version}` }, items: plain };
}

function isTypeMeta(key: string): boolean {
  return key === 'kind' || key === 'apiVersion';
}

/** Returns the metadata only, as `as=PartialObjectMetadata` requests it. */
export function partial(object: JsonObject): JsonObject {
  const metadata = keyOf(object, 'metadata') ?? {};
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
}
