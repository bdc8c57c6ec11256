import { type AccessToken, holdersOf, identityOf, type Rejection } from '../../core/access-token.ts';
import { parseDuration } from '../../core/duration.ts';
import type { TokenSpecification } from '../token/specification.ts';
import type { ServiceInput } from './offer-schema.ts';
import { specificationOf, type TokenSurroundings } from './resolve-token.ts';
import type { ConfigurationInput, TokenInput } from './schema.ts';
import type { ServerInput } from './server-schema.ts';

/** What a service makes of an AccessToken. */
export type Judgement =
  | { readonly kind: 'accepted'; readonly specification: TokenSpecification }
  | ({ readonly kind: 'rejected' } & Rejection);

/** The services of a configuration. */
export interface Services {
  /** Namespaces whose AccessTokens are looked at, each once. */
  readonly namespaces: readonly string[];
  /** Judges all AccessTokens that there are, in their order. The same AccessToken gets the same specification, as an object. */
  judge(resources: readonly AccessToken[]): readonly Judgement[];
  /** Returns for each service the token of an AccessToken that states nothing but the service. */
  examples(): readonly TokenSpecification[];
}

/** So many specifications are kept for each AccessToken, at most: the one in force, and the one before. */
const MOST_UNUSED = 4;

type Settings = Pick<ConfigurationInput, 'services' | 'authorizationServers' | 'tokens'>;

export function servicesOf(input: Settings, surroundings: TokenSurroundings): Services {
  const { services, authorizationServers: servers, tokens } = input;
  const configured = new Set(tokens.map(({ secret }) => `${secret.namespace}/${secret.name}`));
  const made = new Map<string, TokenSpecification>();
  function specificationFor(resource: AccessToken, service: ServiceInput): TokenSpecification {
    const { namespace, name, spec } = resource;
    const key = `${namespace}/${name} ${JSON.stringify(spec)}`;
    const server = servers[service.authorizationServer] as ServerInput;
    const known = made.get(key);
    if (known !== undefined) return known;
    const specification = { ...specificationOf(tokenFor(resource, service), server, surroundings), isResource: true };
    made.set(key, specification);
    return specification;
  }
  return {
    namespaces: [...new Set(Object.values(services).flatMap(({ namespaces }) => namespaces))].toSorted(),
    examples() {
      return Object.entries(services).map(([name, service]) => {
        const [namespace = ''] = service.namespaces;
        const server = servers[service.authorizationServer] as ServerInput;
        const asked = { namespace, name, spec: { service: name } };
        return specificationOf(tokenFor(asked, service), server, surroundings);
      });
    },
    judge(resources) {
      const holders = holdersOf(resources);
      // Those of AccessTokens that are gone or were changed.
      if (made.size > MOST_UNUSED * (resources.length + 1)) made.clear();
      return resources.map((resource): Judgement => {
        const service = serviceFor(resource, services);
        const { namespace, secret } = identityOf(resource);
        const rejection =
          rejectionBy(service, resource) ??
          takenBy(`${namespace}/${secret}`, { configured, holder: holders.get(`${namespace}/${secret}`), resource });
        if (rejection !== undefined || service === undefined) return { kind: 'rejected', ...(rejection ?? UNKNOWN) };
        return { kind: 'accepted', specification: specificationFor(resource, service) };
      });
    },
  };
}

function serviceFor({ namespace, spec }: AccessToken, services: Settings['services']): ServiceInput | undefined {
  const service = Object.hasOwn(services, spec.service) ? services[spec.service] : undefined;
  return service?.namespaces.includes(namespace) === true ? service : undefined;
}

const UNKNOWN: Rejection = { reason: 'ServiceUnknown', message: '' };

/** A service that exists for another namespace only is as good as none: nobody learns which there are. */
function rejectionBy(
  service: ServiceInput | undefined,
  { namespace, spec, fault }: AccessToken,
): Rejection | undefined {
  if (fault !== undefined) return { reason: 'SpecInvalid', message: `${fault} Correct it.` };
  if (service === undefined) {
    const message = `There is no service ${spec.service} for the namespace ${namespace}. Correct spec.service, or ask the platform team to allow it.`;
    return { reason: 'ServiceUnknown', message };
  }
  return scopeRejection(service, spec) ?? intervalRejection(service, spec) ?? revocationRejection(service, spec);
}

function scopeRejection(
  { scope: own, scopes }: ServiceInput & { readonly scope?: string },
  { scope }: AccessToken['spec'],
) {
  const allowed = new Set([...scopes, ...wordsOf(own)]);
  const others = wordsOf(scope).filter((word) => !allowed.has(word));
  if (others.length === 0) return undefined;
  const list = [...allowed].join(', ') || 'none';
  const message = `The service does not allow the scope ${others.join(', ')}. Correct spec.scope; allowed are: ${list}.`;
  return { reason: 'ScopeNotAllowed', message } satisfies Rejection;
}

function intervalRejection(
  { shortestInterval }: ServiceInput,
  { renewal }: AccessToken['spec'],
): Rejection | undefined {
  if (renewal?.interval === undefined) return undefined;
  const [asked, least] = [renewal.interval, shortestInterval].map((text) => parseDuration(text) ?? 0) as [
    number,
    number,
  ];
  if (asked >= least) return undefined;
  const message = `The interval ${renewal.interval} is shorter than ${shortestInterval}, which the service allows. Raise spec.renewal.interval.`;
  return { reason: 'IntervalNotAllowed', message };
}

function revocationRejection(
  { allowRevokeOnDelete }: ServiceInput,
  { revokeOnDelete }: AccessToken['spec'],
): Rejection | undefined {
  if (revokeOnDelete !== true || allowRevokeOnDelete) return undefined;
  const message = `The service does not allow its tokens to be revoked. Remove spec.revokeOnDelete, or ask the platform team to set allowRevokeOnDelete.`;
  return { reason: 'RevocationNotAllowed', message };
}

interface Claim {
  /** Secrets of tokens of the configuration. */
  readonly configured: ReadonlySet<string>;
  readonly holder: AccessToken | undefined;
  readonly resource: AccessToken;
}

function takenBy(secret: string, { configured, holder, resource }: Claim): Rejection | undefined {
  const by = configured.has(secret)
    ? 'a token of the configuration'
    : holder !== undefined && holder.uid !== resource.uid && `the AccessToken ${holder.name}`;
  if (by === false) return undefined;
  const message = `The Secret ${secret} belongs to ${by}. Make an AccessToken with another spec.secretName.`;
  return { reason: 'SecretTaken', message };
}

/** Returns the token that the configuration could have instead. */
function tokenFor(
  { namespace, name, spec }: Pick<AccessToken, 'namespace' | 'name' | 'spec'>,
  service: ServiceInput,
): TokenInput {
  const { namespaces: _n, scopes: _s, shortestInterval: _i, allowRevokeOnDelete: _r, ...token } = service;
  const { secret } = identityOf({ namespace, name, spec });
  return {
    ...token,
    ...(spec.scope !== undefined && { scope: spec.scope }),
    name,
    place: `AccessToken ${namespace}/${name}`,
    secret: { namespace, name: secret, readers: 'any' },
    renewal: spec.renewal ?? service.renewal,
    clients: (spec.serviceAccounts ?? []).map((serviceAccount) => ({ namespace, serviceAccount })),
    clientApp: spec.clientApp && { namespace, selector: spec.clientApp.selector },
    delivery: 'secret',
  };
}

function wordsOf(scope: string | undefined): string[] {
  return scope?.split(/\s+/).filter((word) => word !== '') ?? [];
}
