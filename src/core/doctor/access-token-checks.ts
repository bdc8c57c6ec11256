import type { RejectionReason } from '../resource-reasons.ts';
import { acquirersIn, inAcquirer } from './acquirers.ts';
import type { Check, Finding } from './finding.ts';
import type { Observed } from './observed.ts';
import type { ObservedAccessToken } from './observed-access-tokens.ts';

const GROUP = 'AccessTokens';
const NO_TOKEN = 'It gets no token, so its client app has none.';
/** A token-acquirer needs seconds. */
const PATIENCE = 60_000;

function noDefinition({ accessTokens: { versions, version, namespaces } }: Observed): readonly Finding[] {
  if (namespaces.length === 0 || versions === 'unreadable') return [];
  if (versions !== 'missing' && versions.includes(version)) return [];
  return [
    {
      severity: 'error',
      subject: 'CustomResourceDefinition accesstokens.token-acquirer.dev',
      message:
        versions === 'missing'
          ? 'It does not exist, although the configuration has services.'
          : `The cluster knows the versions ${versions.join(', ')} of it, and not ${version}.`,
      why: 'The token-acquirer cannot read AccessTokens, and serves none.',
      fix: 'kubectl apply --server-side -f manifests/access-token-crd.yaml, or helm upgrade with crds.enabled: true',
    },
  ];
}

const REMEDIES: Readonly<Record<RejectionReason, (item: ObservedAccessToken, seen: Observed) => string>> = {
  ServiceUnknown: ({ namespace, service }, seen) =>
    `Correct spec.service, or add ${namespace} to services.${service}.namespaces in ${seen.configuration.place}.`,
  ScopeNotAllowed: ({ namespace, name, service }) =>
    `kubectl -n ${namespace} edit accesstoken ${name}, or add the scope to services.${service}.scopes`,
  IntervalNotAllowed: ({ namespace, name, service }) =>
    `kubectl -n ${namespace} edit accesstoken ${name}, or lower services.${service}.shortestInterval`,
  RevocationNotAllowed: ({ namespace, name, service }) =>
    `kubectl -n ${namespace} edit accesstoken ${name}, or set services.${service}.allowRevokeOnDelete`,
  SecretTaken: ({ namespace, secret }) =>
    `kubectl -n ${namespace} describe secret ${secret}. Delete the Secret if nobody needs it, or make an AccessToken with another spec.secretName.`,
  SpecInvalid: ({ namespace, name }) => `kubectl -n ${namespace} edit accesstoken ${name}`,
};

/** Rejected by the configuration, or by the token-acquirer, which also knows the owners of Secrets. */
function rejectedFor(isMeant: (reason: RejectionReason) => boolean): Check['find'] {
  return each((item, seen) => {
    const { rejection, ready } = item;
    const reason = rejection?.reason ?? (ready?.status === 'False' ? reasonIn(ready.reason) : undefined);
    if (!item.isServed || reason === undefined || !isMeant(reason)) return [];
    const message = rejection?.message ?? ready?.message ?? '';
    return [finding(item, { message: `${reason}: ${message}`, why: NO_TOKEN, fix: REMEDIES[reason](item, seen) })];
  });
}

function reasonIn(reason: string): RejectionReason | undefined {
  return Object.hasOwn(REMEDIES, reason) ? (reason as RejectionReason) : undefined;
}

const notServed = each((item, seen) => {
  // Another release may serve it, which its status shows.
  if (item.isServed || item.isKnown || isNew(item, seen)) return [];
  const { namespace, service } = item;
  return [
    finding(item, {
      message: `No service of this configuration names the namespace ${namespace}, and no other token-acquirer has reported anything about it.`,
      why: NO_TOKEN,
      fix: `Add ${namespace} to services.${service}.namespaces in ${seen.configuration.place}, then helm upgrade.`,
    }),
  ];
});

const notReported = each((item, seen) => {
  const { isServed, isKnown, rejection, ready, namespace, name } = item;
  if (!isServed || rejection !== undefined || ready !== undefined || isNew(item, seen)) return [];
  // Without its Role the token-acquirer sees no AccessToken, which is another finding.
  const denied = seen.cluster.acquirerPermissions.filter(({ isAllowed }) => !isAllowed);
  if (denied.some((permission) => permission.resource === 'accesstokens' && permission.namespace === namespace))
    return [];
  const [acquirer] = acquirersIn(seen.cluster);
  return [
    finding(item, {
      message: `The token-acquirer has reported nothing about ${isKnown ? 'its current spec' : 'it'}.`,
      why: 'Either no replica works, or it runs with another configuration.',
      fix: `kubectl -n ${seen.namespace} logs deployment/${acquirer?.name ?? 'token-acquirer'}, then kubectl -n ${namespace} describe accesstoken ${name}`,
    }),
  ];
});

const notReady = each((item, seen) => {
  const { ready, isServed, namespace, name, rejection } = item;
  if (!isServed || ready === undefined || rejection !== undefined) return [];
  const isFailing = ready.status === 'False' ? ready.reason !== 'Suspended' : ready.isStalled;
  if (!isFailing || reasonIn(ready.reason) !== undefined) return [];
  const credential = seen.tokens.find(
    ({ identity, accessToken }) => identity.namespace === namespace && accessToken === name,
  )?.credential;
  const check = credential === undefined ? '' : ` Then try it: ${inAcquirer(seen)} credentials check ${credential}`;
  return [
    finding(item, {
      message: `${ready.reason}: ${ready.message}`,
      why: ready.status === 'False' ? NO_TOKEN : 'The current token is used until it expires, and then there is none.',
      fix: `Do what the message says.${check}`,
    }),
  ];
});

export const ACCESS_TOKEN_CHECKS: readonly Check[] = [
  {
    name: 'access-token-definition',
    group: GROUP,
    title: 'The cluster knows AccessTokens',
    when: 'after',
    find: noDefinition,
  },
  {
    name: 'access-token-rejected',
    group: GROUP,
    title: 'No AccessToken is rejected',
    when: 'after',
    find: rejectedFor((reason) => reason !== 'SecretTaken'),
  },
  {
    name: 'access-token-secret',
    group: GROUP,
    title: 'Each AccessToken has its own Secret',
    when: 'after',
    find: rejectedFor((reason) => reason === 'SecretTaken'),
  },
  {
    name: 'access-token-served',
    group: GROUP,
    title: 'A token-acquirer serves each AccessToken',
    when: 'after',
    find: notServed,
  },
  {
    name: 'access-token-status',
    group: GROUP,
    title: 'Each AccessToken has a status',
    when: 'after',
    find: notReported,
  },
  { name: 'access-token-ready', group: GROUP, title: 'No AccessToken fails', when: 'after', find: notReady },
];

type Look = (item: ObservedAccessToken, seen: Observed) => readonly Finding[];

function each(find: Look): Check['find'] {
  return (seen) => seen.accessTokens.items.flatMap((item) => find(item, seen));
}

function isNew({ changedAt }: ObservedAccessToken, { now }: Observed): boolean {
  return now - changedAt < PATIENCE;
}

function finding({ namespace, name }: ObservedAccessToken, rest: Omit<Finding, 'severity' | 'subject'>): Finding {
  return { severity: 'error', subject: `AccessToken ${namespace}/${name}`, ...rest };
}
