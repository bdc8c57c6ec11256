import type { Role } from '../../core/leadership.ts';
import { type LeaseView, podOf } from '../../core/lease.ts';
import type { ConditionReason } from '../../core/reasons.ts';

/** The state of the condition `Elected`. */
export interface ElectionFinding {
  readonly status: boolean;
  readonly reason: ConditionReason<'Elected'>;
  readonly message: string;
}

const EVERY =
  'Until then every replica renews the tokens. Each reads the Secret before a request, so a token may be requested twice.';
const CUT_OFF = 'This replica led until then. It goes on, but requests no token that needs a rotating refresh token.';

/** An API server that is unavailable for some seconds changes nothing for a replica that does not lead. */
const LASTING = 3;

/** Says who leads, or why nobody does. `place`: of the Lease, as `namespace/name`. `undefined` before the first look. */
export function electionFinding(
  { record, failure, self }: LeaseView,
  role: Role,
  place: string,
): ElectionFinding | undefined {
  const holder = podOf(record?.holder ?? '');
  if (role === 'leading') return { status: true, reason: 'Leading', message: `This replica holds the Lease ${place}.` };
  if (failure !== undefined && role === 'unelected')
    return { status: false, reason: 'LeaseRefused', message: `${failure.message} ${EVERY}` };
  if (role === 'unelected')
    return { status: false, reason: 'HeldByAnother', message: `${foreign(place, holder, self.deployment)} ${EVERY}` };
  if (failure !== undefined && (role === 'cut-off' || failure.count >= LASTING)) {
    const message = role === 'cut-off' ? `${failure.message} ${CUT_OFF}` : failure.message;
    return { status: false, reason: 'LeaseUnavailable', message };
  }
  if (record === undefined) return undefined;
  const message =
    record.holder === undefined
      ? `Nobody holds the Lease ${place} yet.`
      : `The pod ${holder} holds the Lease ${place}.`;
  return { status: true, reason: 'Following', message };
}

function foreign(place: string, holder: string, deployment: string): string {
  const [namespace, name] = place.split('/');
  return `The Lease ${place} is held by ${holder}, which is no pod of the Deployment ${deployment}: another installation uses the same Lease, or someone edited it. Give the other installation another name, or free the Lease: kubectl --namespace ${namespace} patch lease ${name} --type merge --patch '{"spec":{"holderIdentity":""}}'.`;
}
