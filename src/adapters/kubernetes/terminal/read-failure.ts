import { StoreError } from '../../../core/errors.ts';
import { type ApiStatus, statusIn } from '../api/api-status.ts';
import { NEW_LOGIN, unanswered } from './credential-secret-failure.ts';

/**
 * Returns the sentence for something that a user could not do at the API server. `what`: its head, such as `The pods of the
 * namespace billing cannot be listed`. The error is permanent if the API server rejected the request, and quotes nothing of
 * its answer.
 */
export function readFailure(what: string, error: unknown, baseUrl: string): StoreError {
  if (error instanceof StoreError) return error;
  const status = statusIn(error);
  const [reason, remedy] = status === undefined ? unanswered(error, baseUrl) : rejected(status);
  const isUnavailable = status === undefined || status.code >= 500 || status.code === 429;
  return new StoreError(`${what}: ${reason}. ${remedy}`, { permanent: !isUnavailable, missing: status?.code === 404 });
}

function rejected({ code, reason, denied }: ApiStatus): readonly [reason: string, remedy: string] {
  if (code === 401) return NEW_LOGIN;
  if (code === 403 && denied !== undefined) {
    const { user, verb, resource, namespace } = denied;
    const where = namespace === undefined ? 'in all namespaces' : `in the namespace ${namespace}`;
    const option = namespace === undefined ? '--all-namespaces' : `--namespace ${namespace}`;
    return [
      `${user} may not ${verb} ${resource} ${where} (403)`,
      `Ask for a Role with the verb ${verb} on ${resource}. Try: kubectl auth can-i ${verb} ${resource} ${option}.`,
    ];
  }
  if (code === 403)
    return ['the API server forbids it (403)', 'Ask for the permission, or look for a policy that forbids it.'];
  if (code === 404) return ['it does not exist (404)', 'Correct its name or namespace.'];
  if (code >= 500 || code === 429) return [`the API server cannot do it now (${code})`, 'Try again.'];
  return [
    `the API server rejected it (${reason === undefined ? code : `${code} ${reason}`})`,
    'Try the same with kubectl.',
  ];
}
