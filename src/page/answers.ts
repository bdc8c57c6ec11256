import type { IncomingMessage } from 'node:http';

/** Nothing from elsewhere, nothing inline, in no frame of anybody's. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
};

/** Why a request that comes from another site is rejected. */
export const FROM_ANOTHER_SITE = 'Another website asked for this.';

/** Returns whether the browser says that another site sent the request (Fetch Metadata). Anyone may follow a link here. */
export function isFromAnotherSite({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): boolean {
  const site = headers['sec-fetch-site'] ?? 'none';
  const followsLink = isRead(method) && headers['sec-fetch-mode'] === 'navigate';
  return site !== 'none' && site !== 'same-origin' && !followsLink;
}

export function isRead(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD';
}
