import { isRequested, secretOf, selectedBy, usersOf } from './client-apps.ts';
import type { ExpectedToken, NamespacedName } from './expected-token.ts';
import { type Check, type Finding, uniqueBy } from './finding.ts';
import type { Observed, ObservedPod, SecretUse } from './observed.ts';

const GROUP = 'Client apps';
const CA_KEY = 'ca.crt';

function selectsNothing(seen: Observed): readonly Finding[] {
  return seen.tokens.flatMap((token): readonly Finding[] => {
    const { app } = token;
    if (app === undefined || selectedBy(token, seen).length > 0) return [];
    // Without its namespace nothing runs there, which is another finding.
    if (seen.cluster.pods[app.namespace] === undefined) return [];
    const [user] = usersOf(token, seen);
    const which = `The selector ${app.selector} matches no pod in the namespace ${app.namespace} that is Pending or Running`;
    return [
      {
        severity: isRequested(token, seen) ? 'error' : 'warning',
        subject: `token ${token.identity.name} of Secret ${token.identity.namespace}/${token.identity.secret}`,
        message: user === undefined ? `${which}.` : `${which}, but the pod ${user.name} uses the Secret.`,
        why: 'The selector decides whether the client app runs. A token without a client app is suspended.',
        fix: `Correct clientApp.selector, or the labels: kubectl -n ${app.namespace} get pods --show-labels`,
      },
    ];
  });
}

const frozenByEnvironment = eachUse(({ way, container }, pod) => {
  if (way !== 'environment') return [];
  return [
    {
      message: `Its container ${container} reads the token Secret into environment variables.`,
      why: 'Environment variables never change while a container runs, so the token expires there.',
      fix: 'Mount the Secret as a volume, and read the file for each request.',
      ...about(pod),
    },
  ];
});

const frozenBySubPath = eachUse(({ way, container }, pod) => {
  if (way !== 'subPath') return [];
  return [
    {
      message: `Its container ${container} mounts a file of the token Secret with subPath.`,
      why: 'The kubelet never updates such a file, so the token expires there.',
      fix: 'Mount the whole volume at a directory, without subPath.',
      ...about(pod),
    },
  ];
});

const withoutItems = eachUse(({ way, secret, items }, pod) => {
  if (way !== 'volume' || items !== undefined) return [];
  return [
    {
      message: `Its volume takes all keys of the Secret ${secret}, without items.`,
      why: 'The pod starts before its first token exists, with an empty volume.',
      fix: 'List the keys of the token in items of the volume, as the chart token-acquirer-client does.',
      ...about(pod, 'warning'),
    },
  ];
});

const unknownItems = eachUse(({ way, secret, items = [] }, pod, seen) => {
  const found = seen.cluster.secrets[`${pod.namespace}/${secret}`];
  if (way !== 'volume' || found === undefined || typeof found === 'string') return [];
  const expected = seen.tokens
    .filter(({ identity }) => identity.namespace === pod.namespace && identity.secret === secret)
    .flatMap(({ keys }) => keys);
  // The CA comes with the first token, unless the certificate of the endpoint is of a public one.
  const hasToken = expected.some((key) => Object.hasOwn(found.writers, key));
  const known = [...Object.keys(found.writers), ...expected, ...(hasToken ? [] : [CA_KEY])];
  const wrong = items.filter((key) => !known.includes(key));
  if (wrong.length === 0) return [];
  return [
    {
      message: `Its volume names the key ${wrong.join(', ')}, which no token of the Secret ${secret} has.`,
      why: 'The pod stays in ContainerCreating until the key exists.',
      fix: `Write one of these into items: ${expected.join(', ')}.`,
      ...about(pod),
    },
  ];
});

function missingAccounts({ tokens, cluster: { accounts } }: Observed): readonly Finding[] {
  const clients = uniqueBy(
    tokens.flatMap((token) => token.clients),
    ({ namespace, name }) => `${namespace}/${name}`,
  );
  return clients
    .filter(({ namespace, name }) => accounts[`${namespace}/${name}`] === 'missing')
    .map(({ namespace, name }) => ({
      severity: 'error',
      subject: `ServiceAccount ${namespace}/${name}`,
      message: 'It is among the clients of a token, and does not exist.',
      why: 'No pod can call the reissue endpoint as this client.',
      fix: `kubectl -n ${namespace} create serviceaccount ${name}, or correct ${clientsPlace({ namespace, name }, tokens)}`,
    }));
}

/** Where the ServiceAccount is named. */
function clientsPlace({ namespace, name }: NamespacedName, tokens: readonly ExpectedToken[]): string {
  const token = tokens.find(({ clients }) => clients.some((one) => one.namespace === namespace && one.name === name));
  return token?.accessToken === undefined
    ? 'clients in the configuration'
    : `spec.serviceAccounts of the AccessToken ${namespace}/${token.accessToken}`;
}

function otherAccounts(seen: Observed): readonly Finding[] {
  const strangers = seen.tokens.flatMap((token) =>
    token.clients.length === 0
      ? []
      : usersOf(token, seen)
          .filter(
            ({ namespace, account }) =>
              !token.clients.some((client) => client.namespace === namespace && client.name === account),
          )
          .map((pod) => ({ pod, token })),
  );
  return uniqueBy(strangers, ({ pod: { namespace, name } }) => `${namespace}/${name}`).map(({ pod, token }) => ({
    message: `It uses a token Secret as the ServiceAccount ${pod.account}, which is not among the clients of its token.`,
    why: 'The reissue endpoint rejects its calls with 403, so it cannot replace a rejected token.',
    fix:
      token.accessToken === undefined
        ? `Add { namespace: ${pod.namespace}, serviceAccount: ${pod.account} } to clients, or correct serviceAccountName of the pod.`
        : `Add ${pod.account} to spec.serviceAccounts of the AccessToken ${token.accessToken}, or correct serviceAccountName of the pod.`,
    ...about(pod, 'warning'),
  }));
}

export const POD_CHECKS: readonly Check[] = [
  { name: 'selector', group: GROUP, title: 'Each selector matches a pod', when: 'after', find: selectsNothing },
  {
    name: 'pod-environment',
    group: GROUP,
    title: 'No pod reads a token from its environment',
    when: 'after',
    find: frozenByEnvironment,
  },
  {
    name: 'pod-subpath',
    group: GROUP,
    title: 'No pod mounts a token with subPath',
    when: 'after',
    find: frozenBySubPath,
  },
  { name: 'volume-items', group: GROUP, title: 'Each volume waits for its token', when: 'after', find: withoutItems },
  { name: 'volume-keys', group: GROUP, title: 'Each volume names existing keys', when: 'after', find: unknownItems },
  {
    name: 'client-account',
    group: GROUP,
    title: 'The ServiceAccounts in clients exist',
    when: 'after',
    find: missingAccounts,
  },
  { name: 'pod-account', group: GROUP, title: 'Each pod may ask for a new token', when: 'after', find: otherAccounts },
];

type Look = (use: SecretUse, pod: ObservedPod, seen: Observed) => readonly Finding[];

/** Each way in which a running pod uses a token Secret. */
function eachUse(find: Look): Check['find'] {
  return (seen) =>
    uniqueBy(stored(seen), ({ identity }) => `${identity.namespace}/${identity.secret}`).flatMap((token) =>
      usersOf(token, seen).flatMap((pod) =>
        pod.uses.filter(({ secret }) => secret === token.identity.secret).flatMap((use) => find(use, pod, seen)),
      ),
    );
}

function stored(seen: Observed): readonly ExpectedToken[] {
  return seen.tokens.filter((token) => secretOf(token, seen) !== 'missing');
}

function about(pod: ObservedPod, severity: Finding['severity'] = 'error'): Pick<Finding, 'severity' | 'subject'> {
  return { severity, subject: `pod ${pod.namespace}/${pod.name}` };
}
