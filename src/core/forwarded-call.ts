import type { ForwardedTo } from './reissue-route.ts';

/** Whom a replica forwarded the call to, so that no call goes round. Anyone may send it: the caller gains nothing. */
export const FORWARDED_TO_HEADER = 'token-acquirer-forwarded-to';
/** The pod that forwarded the call, for the audit. */
export const FORWARDED_BY_HEADER = 'token-acquirer-forwarded-by';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Returns the last step of a call; `undefined` for one of a client. A value of a later version ends the way of the call. */
export function forwardedTo({ [FORWARDED_TO_HEADER]: value }: Headers): ForwardedTo | undefined {
  if (value === undefined) return undefined;
  return value === 'shard' ? 'shard' : 'leader';
}

/** Returns the name of a pod; `undefined` for a call of a client, or for what is not a name. */
export function forwardedBy(headers: Headers): string | undefined {
  const pod = headers[FORWARDED_BY_HEADER];
  const isName = typeof pod === 'string' && /^[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?$/.test(pod);
  return forwardedTo(headers) !== undefined && isName ? pod : undefined;
}
