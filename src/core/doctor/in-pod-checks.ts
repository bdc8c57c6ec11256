import { formatDuration } from '../duration.ts';
import type { Ms } from '../token.ts';
import { documentKey } from '../token-volume.ts';
import type { Check, Finding } from './finding.ts';
import type { Observed } from './observed.ts';
import type { CallStep, ObservedCall, ObservedMount } from './observed-in-pods.ts';

/** A kubelet needs up to 90 s. */
const LONGEST_LAG: Ms = 180_000;

function staleFiles(seen: Observed): readonly Finding[] {
  return mountsIn(seen).flatMap((mount): readonly Finding[] => {
    const { pod, container, secret, key, file, found } = mount;
    const stored = seen.cluster.secrets[secret];
    const document = stored === undefined || typeof stored === 'string' ? undefined : stored.documents[key];
    if (document === undefined || 'fault' in document || (typeof found === 'object' && 'because' in found)) return [];
    if (document.sha256 === undefined) return [];
    const age = seen.now - (document.storedAt ?? document.issuedAt);
    if (age < LONGEST_LAG || (found !== 'missing' && found.sha256 === document.sha256)) return [];
    const what = found === 'missing' ? `has no file ${file}` : `has another ${file} than the Secret`;
    return [
      {
        severity: 'error',
        subject: `pod ${pod.namespace}/${pod.name}`,
        message: `Its container ${container} ${what}, where generation ${document.generation} was stored ${formatDuration(age)} ago.`,
        why: 'Its kubelet does not update the volume, so the program keeps a token that was replaced.',
        fix: `kubectl -n ${pod.namespace} describe pod ${pod.name}, then kubectl -n ${pod.namespace} delete pod ${pod.name} if its controller makes a new one`,
      },
    ];
  });
}

/** Why the file of a container cannot be compared with the Secret. */
function uncomparable({ secret, key, found }: ObservedMount, seen: Observed): string | undefined {
  if (typeof found === 'object' && 'because' in found) return found.because;
  const stored = seen.cluster.secrets[secret] ?? 'unreadable';
  if (stored === 'unreadable') return `you may not read the Secret ${secret}`;
  if (stored === 'missing') return `the Secret ${secret} does not exist`;
  const document = stored.documents[key];
  if (document === undefined) return `the Secret ${secret} has no ${documentKey(key)}`;
  return 'fault' in document ? `${documentKey(key)} of the Secret ${secret} is damaged` : undefined;
}

function leftOutIn({ inPods }: Observed): readonly string[] {
  return (inPods?.leftOut ?? []).map(
    ({ secret, pods }) => `${pods} more of the pods that use the Secret ${secret}, because there are so many.`,
  );
}

type Remedy = (detail: string, call: ObservedCall, seen: Observed) => Pick<Finding, 'message' | 'fix'>;

const REMEDIES: Readonly<Record<Exclude<CallStep, 'accepted'>, Remedy>> = {
  file: (detail, call) => ({
    message: `It cannot read ${detail}.`,
    fix: `Mount it readable for the user of the container: kubectl -n ${call.pod.namespace} describe pod ${call.pod.name}`,
  }),
  name: (detail, call, seen) => ({
    message: `It cannot resolve the name of the reissue endpoint ${endpointIn(seen)} (${detail}).`,
    fix: `Allow egress to port 53, and look at the name servers. Try: kubectl -n ${call.pod.namespace} get networkpolicies.`,
  }),
  connection: (detail, call, seen) => ({
    message: `It cannot connect to the reissue endpoint ${endpointIn(seen)} (${detail}).`,
    fix: `Allow the way to port 8443 in both namespaces. Try: kubectl -n ${call.pod.namespace} get networkpolicies, and the same with -n ${seen.namespace}.`,
  }),
  certificate: (detail, call, seen) => ({
    message: `It does not trust the certificate of the reissue endpoint ${endpointIn(seen)} with its ca.crt (${detail}).`,
    fix: `Mount ca.crt of the token Secret as a volume without subPath. Try: kubectl -n ${call.pod.namespace} describe pod ${call.pod.name}.`,
  }),
  account: (detail, call) => ({
    message: `The reissue endpoint rejects its ServiceAccount ${call.account} for the token ${call.token} (HTTP ${detail}).`,
    fix: `Add { namespace: ${call.pod.namespace}, serviceAccount: ${call.account} } to clients of the token, or correct the audience of the token that it mounts.`,
  }),
  answer: (detail, _call, seen) => ({
    message: `The reissue endpoint cannot answer it (HTTP ${detail}).`,
    fix: `kubectl -n ${seen.namespace} get pods, then kubectl -n ${seen.namespace} get leases: a replica must lead.`,
  }),
};

function failedCalls(seen: Observed): readonly Finding[] {
  return callsIn(seen).flatMap((call): readonly Finding[] => {
    const { pod, result } = call;
    if ('because' in result || result.step === 'accepted') return [];
    return [
      {
        severity: 'error',
        subject: `pod ${pod.namespace}/${pod.name}`,
        ...REMEDIES[result.step](result.detail, call, seen),
        why: 'The client cannot have a rejected token replaced, and waits for its next renewal.',
      },
    ];
  });
}

export const IN_POD_CHECKS: readonly Check[] = [
  {
    name: 'mounted-file',
    group: 'Client apps',
    title: 'Each pod has the stored token',
    when: 'after',
    option: 'inPods',
    find: staleFiles,
    unchecked: (seen) => [
      ...mountsIn(seen).flatMap((mount) => {
        const { pod, container, file } = mount;
        const reason = uncomparable(mount, seen);
        return reason === undefined
          ? []
          : [`${file} in the container ${container} of the pod ${pod.namespace}/${pod.name}, because ${reason}.`];
      }),
      ...leftOutIn(seen),
    ],
  },
  {
    name: 'endpoint-call',
    group: 'Network',
    title: 'The reissue endpoint answers client apps',
    when: 'after',
    option: 'inPods',
    find: failedCalls,
    unchecked: (seen) => [
      ...callsIn(seen).flatMap(({ pod, token, result }) =>
        'because' in result
          ? [`a call of the pod ${pod.namespace}/${pod.name} for ${token}, because ${result.because}.`]
          : [],
      ),
      ...(seen.inPods?.uncalled ?? []).map(({ token, because }) => `a call for ${token}, because ${because}.`),
    ],
  },
];

function mountsIn({ inPods }: Observed): readonly ObservedMount[] {
  return inPods?.mounts ?? [];
}

function callsIn({ inPods }: Observed): readonly ObservedCall[] {
  return inPods?.calls ?? [];
}

function endpointIn({ inPods }: Observed): string {
  return inPods?.endpoint ?? '';
}
