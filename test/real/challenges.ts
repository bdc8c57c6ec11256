/** `WWW-Authenticate` of Envoy's jwt_authn; the realm is the URL that was called. */
export const ENVOY = {
  noToken: (url: string) => `Bearer realm="${url}"`,
  badToken: (url: string) => `Bearer realm="${url}", error="invalid_token"`,
} as const;

/** `WWW-Authenticate` of mod_auth_openidc. */
export const APACHE = {
  noToken: 'Bearer error="invalid_request", error_description="No bearer token found in the request"',
  badToken: 'Bearer error="invalid_token", error_description="Reference token could not be introspected"',
} as const;
