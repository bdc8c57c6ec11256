export interface TokenAddress {
  /** The token Secret's. */
  readonly namespace: string;
  readonly secret: string;
  /** The token's. */
  readonly name: string;
}

/** Where a token-acquirer has one token, or takes the call for its successor: below the path of its own URL. */
export function tokenUrl(
  base: URL,
  { namespace, secret, name }: TokenAddress,
  action: '' | '/reissue' | '/conditions' = '',
): URL {
  const [inNamespace, inSecret, named] = [namespace, secret, name].map((part) => encodeURIComponent(part));
  const below = base.pathname.replace(/\/$/, '');
  return new URL(`${below}/v1/namespaces/${inNamespace}/secrets/${inSecret}/tokens/${named}${action}`, base);
}
