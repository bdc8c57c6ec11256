import type { Seen } from '../../../core/doctor/observed.ts';
import { statusOf } from '../api/api-failure.ts';
import { type ApiRequest, requestApi } from '../api/api-request.ts';
import type { ApiServer } from '../api/api-server.ts';
import { readPages } from '../api/read-pages.ts';

/** Reads objects as the user of a kubeconfig, and keeps a list of what that user may not read. */
export class Readings {
  readonly #api: ApiServer;
  readonly #unread = new Set<string>();

  constructor(api: ApiServer) {
    this.#api = api;
  }

  /** `list pods in the namespace billing`, sorted. */
  get unread(): readonly string[] {
    return [...this.#unread].toSorted();
  }

  /** `what` is the act for the list of what cannot be read. Throws for anything but an answer, 403 and 404. */
  async object<Found>(path: string, what: string, accept?: string): Promise<Seen<Found>> {
    return this.#send<Found>({ method: 'GET', path, ...(accept !== undefined && { accept }) }, what);
  }

  /** Empty where there is no such collection. `what` left out: it is not listed as unread. */
  async list<Item>(path: string, what?: string, query: ApiRequest['query'] = {}): Promise<Seen<readonly Item[]>> {
    const found = await this.#seen(() => readPages<Item>(this.#api, path, query), what);
    if (found === 'missing') return [];
    return found === 'unreadable' ? found : found.items;
  }

  /** Asks a question of the API, which stores nothing. `what` left out: it is not listed as unread. */
  async review<Answer>(path: string, body: object, what?: string): Promise<Seen<Answer>> {
    const request = { method: 'POST', path, contentType: 'application/json', body: JSON.stringify(body) } as const;
    return this.#send<Answer>(request, what);
  }

  #send<Found>(request: ApiRequest, what?: string): Promise<Seen<Found>> {
    return this.#seen(async () => JSON.parse(await requestApi(this.#api, request)) as Found, what);
  }

  async #seen<Found>(read: () => Promise<Found>, what?: string): Promise<Seen<Found>> {
    try {
      return await read();
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return 'missing';
      if (status !== 403) throw error;
      if (what !== undefined) this.#unread.add(what);
      return 'unreadable';
    }
  }
}

/** The items of a list, none where it cannot be read. */
export function itemsOf<Item>(seen: Seen<readonly Item[]>): readonly Item[] {
  return typeof seen === 'string' ? [] : seen;
}

/** Only whether it exists. */
export function presence(seen: Seen<unknown>): Seen<'found'> {
  return seen === 'missing' || seen === 'unreadable' ? seen : 'found';
}
