import type { ChainPlace } from '../charts/chain-place.ts';

/** As kubectl names it. The chart brings its own, and only where there is none. */
export const CRD = 'customresourcedefinition/accesstokens.token-acquirer.dev';

/** An AccessToken of the service `dynamics`, unless the spec names another one, as JSON. */
export function accessToken(name: string, namespace: string, spec: object = {}): string {
  return JSON.stringify({
    apiVersion: 'token-acquirer.dev/v1alpha1',
    kind: 'AccessToken',
    metadata: { name, namespace },
    spec: { service: 'dynamics', ...spec },
  });
}

/** Returns the values of the place without tokens, and with these services for its client namespace. */
export function withServices(place: ChainPlace, services: Readonly<Record<string, object>>): Record<string, unknown> {
  const given = place.values as { config: object };
  const common = {
    authorizationServer: 'corporate',
    credential: 'dynamics',
    grant: 'client_credentials',
    namespaces: [place.client],
  };
  const all = Object.entries(services).map(([name, service]) => [name, { ...common, ...service }] as const);
  return { ...given, config: { ...given.config, tokens: [], services: Object.fromEntries(all) } };
}
