import { requestApi } from './api-request.ts';
import type { ApiServer } from './api-server.ts';

/** All objects of a list, and the version that a watch can go on from. */
export interface Pages<Item> {
  readonly items: readonly Item[];
  readonly version: string;
}

interface Page<Item> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly Item[];
}

const PAGE = '500';

/** Reads a list page by page. Throws what `statusIn` understands. */
export async function readPages<Item>(
  api: ApiServer,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<Pages<Item>> {
  const items: Item[] = [];
  let version: string;
  let next = '';
  do {
    const page = next === '' ? {} : { continue: next };
    const text = await requestApi(api, { method: 'GET', path, query: { ...query, limit: PAGE, ...page } });
    const { metadata, items: found = [] } = JSON.parse(text) as Page<Item>;
    items.push(...found);
    version = metadata?.resourceVersion ?? '';
    next = metadata?.continue ?? '';
  } while (next !== '');
  return { items, version };
}
