import type { ExpectedToken } from './expected-token.ts';

/** Something that somebody must be allowed to do. */
export interface Permission {
  readonly verb: string;
  /** The API group; empty for the core. */
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly name?: string;
  /** Left out: in the whole cluster. */
  readonly namespace?: string;
}

export interface ReviewedPermission extends Permission {
  readonly isAllowed: boolean;
}

const APPS = 'apps';
const ACCESS_TOKENS = 'token-acquirer.dev';
const RBAC = 'rbac.authorization.k8s.io';

/** How the token-acquirer identifies callers of its endpoint by the API server. */
const REVIEWS: Permission = { verb: 'create', group: 'authentication.k8s.io', resource: 'tokenreviews' };

export interface AcquirerTasks {
  readonly reviewsCallers?: boolean;
  readonly serviceNamespaces?: readonly string[];
}

/**
 * Returns the permissions that the token-acquirer needs for its client apps. `reviewsCallers`: whether it asks the API server who
 * calls its endpoint. `serviceNamespaces`: where AccessTokens may use its services.
 */
export function acquirerNeeds(
  tokens: readonly ExpectedToken[],
  { reviewsCallers = false, serviceNamespaces = [] }: AcquirerTasks = {},
): readonly Permission[] {
  const secrets = tokens
    .filter(({ keys }) => keys.length > 0)
    .flatMap(({ identity: { namespace, secret } }) =>
      ['get', 'patch'].map((verb) => ({ verb, group: '', resource: 'secrets', name: secret, namespace })),
    );
  const pods = tokens.flatMap(({ app }) =>
    app === undefined
      ? []
      : ['list', 'watch'].map((verb) => ({ verb, group: '', resource: 'pods', namespace: app.namespace })),
  );
  const isCalled = reviewsCallers && tokens.some(({ clients }) => clients.length > 0);
  return unique([...secrets, ...pods, ...serviceNamespaces.flatMap(serviceNeeds), ...(isCalled ? [REVIEWS] : [])]);
}

/** Those of the Role that the chart makes for AccessTokens. Their Secrets have any names. */
function serviceNeeds(namespace: string): readonly Permission[] {
  const [group, resource] = [ACCESS_TOKENS, 'accesstokens'];
  return [
    ...['list', 'watch'].map((verb) => ({ verb, group, resource, namespace })),
    { verb: 'patch', group, resource, subresource: 'status', namespace },
    ...['create', 'get', 'patch'].map((verb) => ({ verb, group: '', resource: 'secrets', namespace })),
    ...['list', 'watch'].map((verb) => ({ verb, group: '', resource: 'pods', namespace })),
  ];
}

/** Returns the permissions of a user who installs the chart into this namespace. */
export function installerNeeds(
  namespace: string,
  tokens: readonly ExpectedToken[],
  serviceNamespaces: readonly string[] = [],
): readonly Permission[] {
  const create = (group: string, resource: string, within: string): Permission => ({
    verb: 'create',
    group,
    resource,
    namespace: within,
  });
  const clients = tokens.flatMap(({ identity }) => [
    create('', 'secrets', identity.namespace),
    create(RBAC, 'roles', identity.namespace),
    create(RBAC, 'rolebindings', identity.namespace),
  ]);
  const own = [
    create(APPS, 'deployments', namespace),
    ...['secrets', 'configmaps', 'services', 'serviceaccounts'].map((resource) => create('', resource, namespace)),
    create(RBAC, 'roles', namespace),
    create(RBAC, 'rolebindings', namespace),
    create('coordination.k8s.io', 'leases', namespace),
  ];
  const services = serviceNamespaces.flatMap((within) => [
    create(RBAC, 'roles', within),
    create(RBAC, 'rolebindings', within),
  ]);
  return unique([...own, ...clients, ...services]);
}

/** `patch secrets/billing-tokens`, as kubectl takes it. */
export function permissionText({ verb, group, resource, subresource, name }: Permission): string {
  const kind = group === '' || group === APPS ? resource : `${resource}.${group}`;
  const option = subresource === undefined ? '' : ` --subresource=${subresource}`;
  return `${verb} ${kind}${name === undefined ? '' : `/${name}`}${option}`;
}

function unique(permissions: readonly Permission[]): readonly Permission[] {
  return [
    ...new Map(
      permissions.map((permission) => [`${permission.namespace} ${permissionText(permission)}`, permission]),
    ).values(),
  ];
}
