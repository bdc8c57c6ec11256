import { errorKind } from '../../../core/error-kind.ts';
import { StoreError } from '../../../core/errors.ts';
import type { SecretReference } from '../../../core/token.ts';
import { ApiUnreachableError } from '../api/api-connection.ts';
import { type ApiStatus, statusIn } from '../api/api-status.ts';

/** The request of the user's terminal: `patch` of an existing Secret, `create` of a missing one. */
export type WriteVerb = 'patch' | 'create';

/** What is wrong, and what the user does about it, with kubectl where it helps. */
type Reason = readonly [reason: string, remedy: string];

/**
 * Returns the sentence for a Secret that a user could not write. The reader is at a terminal with personal permissions, so it
 * mentions neither ServiceAccounts nor an automatic retry. The error is permanent if the API server rejected the request. It
 * quotes nothing of the answer, which may contain whole Secrets.
 */
export function writeFailure(
  secret: SecretReference,
  { verb, error, baseUrl }: { readonly verb: WriteVerb; readonly error: unknown; readonly baseUrl: string },
): StoreError {
  if (error instanceof StoreError) return error;
  const status = statusIn(error);
  const [reason, remedy] = status === undefined ? unanswered(error, baseUrl) : refused(status, secret, verb);
  const isAway = status === undefined || status.code >= 500 || status.code === 429;
  return new StoreError(`The Secret ${secret.namespace}/${secret.secret} cannot be written: ${reason}. ${remedy}`, {
    permanent: !isAway,
  });
}

/** Returns why there was no answer, and what to do. */
export function unanswered(error: unknown, baseUrl: string): Reason {
  if (!(error instanceof ApiUnreachableError)) {
    return [`the API server's answer is unusable (${errorKind(error)})`, TRY];
  }
  const why = error.code === 'TIMEOUT' ? 'did not answer in time' : `cannot be reached (${error.code})`;
  return [`the API server ${baseUrl} ${why}`, TRY];
}

/** What a 401 means at a terminal. */
export const NEW_LOGIN: Reason = [
  'the API server does not know the user of the kubeconfig (401)',
  'Log in again, as for kubectl.',
];

const TRY = 'Check that this is the right cluster, and the way to it. Try: kubectl version.';

function refused(status: ApiStatus, secret: SecretReference, verb: WriteVerb): Reason {
  const { code, causes } = status;
  const { namespace, secret: name } = secret;
  if (causes.some(({ reason }) => reason === 'NamespaceTerminating')) {
    return [`the namespace ${namespace} is being deleted`, 'Wait until it is gone, and make it again.'];
  }
  if (code === 401) return NEW_LOGIN;
  if (code === 403) return forbidden(status, secret, verb);
  if (code === 404) {
    return [
      `there is no namespace ${namespace}`,
      `Make it, or correct --namespace. Try: kubectl create namespace ${namespace}.`,
    ];
  }
  if (code === 413 || causes.some(({ reason }) => reason === 'FieldValueTooLong')) {
    return ['it would be larger than the API server takes (1 MiB)', 'Take out of it what does not belong there.'];
  }
  if (causes.some(({ reason, field }) => reason === 'FieldValueForbidden' && field === 'data')) {
    return [
      'it is immutable',
      `Delete it and set all of its values again. Try: kubectl delete secret ${name} --namespace ${namespace}.`,
    ];
  }
  if (code >= 500 || code === 429) return [`the API server cannot do it now (${code})`, 'Try again.'];
  const said = status.reason === undefined ? `${code}` : `${code} ${status.reason}`;
  return [`the API server denied ${verb} secrets (${said})`, 'Look for a policy or webhook that does.'];
}

function forbidden({ denied }: ApiStatus, { namespace, secret }: SecretReference, verb: WriteVerb): Reason {
  const check = `kubectl auth can-i ${verb} secrets/${secret} --namespace ${namespace}`;
  if (denied === undefined) {
    return [
      `the API server forbids to ${verb} secrets in the namespace ${namespace} (403)`,
      `A right is missing, or a policy or quota forbids it. Try: ${check}.`,
    ];
  }
  return [
    `${denied.user} may not ${denied.verb} ${denied.resource} in the namespace ${namespace} (403)`,
    `Ask for a Role there with the verbs create and patch on secrets. A namespace that is missing looks the same. Try: ${check}.`,
  ];
}
