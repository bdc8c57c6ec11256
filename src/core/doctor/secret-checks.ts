import { formatDuration } from '../duration.ts';
import { identityText } from '../token.ts';
import { acquirersIn, inAcquirer } from './acquirers.ts';
import { isRequested, secretOf } from './client-apps.ts';
import type { ExpectedToken } from './expected-token.ts';
import { type Check, type Finding, uniqueBy } from './finding.ts';
import type { Observed, ObservedSecret } from './observed.ts';

const GROUP = 'Token Secrets';
const MANAGER = 'token-acquirer';

function missing(seen: Observed): readonly Finding[] {
  return uniqueBy(seen.tokens, secretText)
    .filter((token) => secretOf(token, seen) === 'missing')
    .map((token) => ({
      severity: 'error',
      subject: secretText(token),
      message: 'It does not exist.',
      ...(token.accessToken === undefined ? BY_CHART : byAcquirer(token, seen)),
    }));
}

const BY_CHART = {
  why: 'The token-acquirer may not create Secrets, so that it has no permission for other ones. Pods that mount it do not start.',
  fix: 'Run helm upgrade with the values of the release, which makes it empty.',
};

function byAcquirer({ identity: { namespace }, accessToken }: ExpectedToken, seen: Observed): typeof BY_CHART {
  const name = acquirersIn(seen.cluster)[0]?.name ?? 'token-acquirer';
  return {
    why: `The token-acquirer makes it for the AccessToken ${accessToken}. Pods that mount it do not start.`,
    fix: `kubectl -n ${namespace} describe accesstoken ${accessToken}, then kubectl -n ${seen.namespace} logs deployment/${name}`,
  };
}

const immutable = each((token, { isImmutable }) => {
  if (!isImmutable) return [];
  const { namespace, secret } = token.identity;
  return [
    {
      severity: 'error',
      subject: secretText(token),
      message: 'It is immutable.',
      why: 'No token can be written into it.',
      fix: `kubectl -n ${namespace} delete secret ${secret}${token.accessToken === undefined ? ', then helm upgrade with the values of the release' : ', which the token-acquirer then makes anew'}`,
    },
  ];
});

const empty = each((token, { writers }, seen) => {
  const lacking = token.keys.filter((key) => !Object.hasOwn(writers, key));
  if (lacking.length === 0 || !isRequested(token, seen)) return [];
  return [
    finding(token, {
      message: `It has no ${lacking.join(' and no ')} for ${identityText(token.identity)}.`,
      why: 'The token was never obtained or could not be written, so its client app has none.',
      fix: `${inAcquirer(seen)} status --namespace ${token.identity.namespace}`,
    }),
  ];
});

const foreign = each((token, { writers }) => {
  const others = token.keys.flatMap((key) => {
    const writer = writers[key];
    return writer === undefined || writer === MANAGER ? [] : [`${key} (by ${writer})`];
  });
  if (others.length === 0) return [];
  return [
    finding(token, {
      message: `Somebody else wrote ${others.join(', ')}.`,
      why: 'Two writers of one key take turns, and clients may read the wrong token.',
      fix: `Stop the other writer, or give the token another key in the configuration. Try: kubectl -n ${token.identity.namespace} get secret ${token.identity.secret} --show-managed-fields -o yaml`,
    }),
  ];
});

const damaged = each((token, { documents }) => {
  const document = documents[token.key];
  if (document === undefined || !('fault' in document)) return [];
  return [
    finding(token, {
      message: document.fault,
      why: 'Clients cannot read the token from it.',
      fix: `Look for who else writes it. The token-acquirer repairs it within minutes: kubectl -n ${token.identity.namespace} events --for secret/${token.identity.secret}`,
    }),
  ];
});

const expired = each((token, { documents }, seen) => {
  const document = documents[token.key];
  if (document === undefined || 'fault' in document || document.expiresAt > seen.now) return [];
  if (!isRequested(token, seen)) return [];
  return [
    finding(token, {
      message: `The token ${identityText(token.identity)} expired ${formatDuration(seen.now - document.expiresAt)} ago.`,
      why: 'The service rejects it, and nothing has replaced it.',
      fix: `${inAcquirer(seen)} status, then token-acquirer credentials check ${token.credential} in the same way`,
    }),
  ];
});

export const SECRET_CHECKS: readonly Check[] = [
  { name: 'secret', group: GROUP, title: 'All exist', when: 'after', find: missing },
  { name: 'secret-immutable', group: GROUP, title: 'None is immutable', when: 'after', find: immutable },
  { name: 'secret-keys', group: GROUP, title: 'Each has its tokens', when: 'after', find: empty },
  { name: 'secret-writer', group: GROUP, title: 'Only the token-acquirer writes them', when: 'after', find: foreign },
  { name: 'secret-document', group: GROUP, title: 'Their contents can be read', when: 'after', find: damaged },
  { name: 'token-expired', group: GROUP, title: 'No token has expired', when: 'after', find: expired },
];

type Look = (token: ExpectedToken, found: ObservedSecret, seen: Observed) => readonly Finding[];

function each(find: Look): Check['find'] {
  return (seen) =>
    seen.tokens.flatMap((token) => {
      const found = secretOf(token, seen);
      return typeof found === 'string' ? [] : find(token, found, seen);
    });
}

function secretText({ identity: { namespace, secret } }: ExpectedToken): string {
  return `Secret ${namespace}/${secret}`;
}

function finding(token: ExpectedToken, rest: Omit<Finding, 'severity' | 'subject'>): Finding {
  return { severity: 'error', subject: secretText(token), ...rest };
}
