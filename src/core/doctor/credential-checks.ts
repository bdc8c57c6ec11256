import { acquirersIn, inAcquirer } from './acquirers.ts';
import type { ServiceNeed } from './expected-token.ts';
import { type Check, type Finding, uniqueBy } from './finding.ts';
import type { Observed, ObservedCredential } from './observed.ts';

const GROUP = 'Credentials';

function invalidConfiguration({ configuration: { place, fault } }: Observed): readonly Finding[] {
  if (fault === undefined) return [];
  return [
    {
      severity: 'error',
      subject: place,
      message: fault,
      why: 'A token-acquirer does not start with it. One that runs keeps the configuration before it.',
      fix: 'Correct it, and try it: token-acquirer validate --config FILE.',
    },
  ];
}

function badFolder({ credentialFaults }: Observed): readonly Finding[] {
  return credentialFaults.map((message) => ({
    severity: 'error',
    subject: 'credentials folder',
    message,
    why: 'No token request is sent without all keys of its credential.',
    fix: 'Write the missing keys. Try: token-acquirer credentials set NAME --credentials DIR.',
  }));
}

const isNotMounted = each((credential, { isMounted }, { namespace }) => {
  if (isMounted) return [];
  return [
    {
      severity: 'error',
      subject: `credential ${credential}`,
      message: 'No token-acquirer has it in its credentials volume.',
      why: 'The tokens that need it are not requested.',
      fix: `Run helm upgrade with the configuration that names it. Try: kubectl -n ${namespace} describe deployments.`,
    },
  ];
});

const secretIsMissing = each((credential, { isMounted, secret, keys }, { namespace, cluster }) => {
  if (!isMounted || keys !== 'missing') return [];
  // Before an installation, nobody but its values knows where a credential is.
  const isGuess = acquirersIn(cluster).length === 0;
  return [
    {
      severity: isGuess ? 'warning' : 'error',
      subject: `Secret ${namespace}/${secret}`,
      message: `It does not exist, and the credential ${credential} comes from it.`,
      why: 'The tokens that need it are not requested.',
      fix: `token-acquirer credentials set ${credential} --namespace ${namespace}${isGuess ? ', unless values of the chart (credentials, credentialsSecret) name another Secret' : ''}`,
    },
  ];
});

const keysAreMissing = each((credential, { isMounted, secret, keys, keyIn }, seen) => {
  const { namespace } = seen;
  if (!isMounted || keys === 'missing' || keys === 'unreadable') return [];
  const needed = needsIn(seen)
    .filter((need) => need.credential === credential)
    .flatMap(({ neededKeys }) => neededKeys);
  const lacking = [...new Set(needed)].filter((key) => !keys.includes(key));
  if (lacking.length === 0) return [];
  const named = lacking.map((key) => keyIn[key] ?? key).join(', ');
  return [
    {
      severity: 'error',
      subject: `Secret ${namespace}/${secret}`,
      message: `It has no ${named}, which the credential ${credential} needs.`,
      why: 'The tokens that need it are not requested.',
      fix: `token-acquirer credentials set ${credential} --key ${lacking.join(' ')} --namespace ${namespace}. Then try it: ${inAcquirer(seen)} credentials check ${credential}`,
    },
  ];
});

function rejectedTrials(seen: Observed): readonly Finding[] {
  return (seen.trials ?? [])
    .filter(({ outcome }) => outcome === 'failed' || outcome === 'withheld')
    .map(({ credential, message }) => ({
      severity: 'error',
      subject: `credential ${credential}`,
      message,
      why: 'The tokens that need it cannot be renewed, and expire.',
      fix: `Do what the message says, or write the credential anew: token-acquirer credentials set ${credential} --namespace ${seen.namespace}. Then try it: ${inAcquirer(seen)} credentials check ${credential}`,
    }));
}

function untried({ trials = [] }: Observed): readonly string[] {
  return trials.flatMap(({ credential, outcome, message }) => {
    if (outcome === 'spending')
      return [`the credential ${credential}, because a token request would spend its refresh token.`];
    return outcome === 'unanswered' ? [`the credential ${credential}, because ${message}`] : [];
  });
}

export const CREDENTIAL_CHECKS: readonly Check[] = [
  {
    name: 'configuration',
    group: 'Configuration',
    title: 'The configuration is valid',
    when: 'both',
    find: invalidConfiguration,
  },
  {
    name: 'credential-folder',
    group: GROUP,
    title: 'The credentials folder is complete',
    when: 'before',
    find: badFolder,
  },
  { name: 'credential-mount', group: GROUP, title: 'The token-acquirer mounts all', when: 'after', find: isNotMounted },
  { name: 'credential-secret', group: GROUP, title: 'Their Secrets exist', when: 'both', find: secretIsMissing },
  { name: 'credential-keys', group: GROUP, title: 'Their Secrets have all keys', when: 'both', find: keysAreMissing },
  {
    name: 'credential-trial',
    group: GROUP,
    title: 'The authorization servers accept them',
    when: 'after',
    option: 'trials',
    find: rejectedTrials,
    unchecked: untried,
  },
];

type Look = (credential: string, found: ObservedCredential, seen: Observed) => readonly Finding[];

function each(find: Look): Check['find'] {
  return (seen) =>
    // What needs no key needs no Secret.
    uniqueBy(
      needsIn(seen).filter(({ neededKeys }) => neededKeys.length > 0),
      ({ credential }) => credential,
    ).flatMap(({ credential }) => {
      const found = seen.cluster.credentials[credential];
      return found === undefined ? [] : find(credential, found, seen);
    });
}

function needsIn({ tokens, needs }: Observed): readonly ServiceNeed[] {
  return [...tokens, ...needs];
}
