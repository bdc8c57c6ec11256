import { errorKind } from '../../../core/error-kind.ts';
import { StoreError, systemCode } from '../../../core/errors.ts';
import { CertificateError } from '../../http/certificate-fault.ts';
import { ApiUnreachableError } from './api-connection.ts';
import { type ApiStatus, statusIn } from './api-status.ts';

interface Fault {
  readonly reason: string;
  /** What to do, one or more sentences. */
  readonly remedy: string;
  /** Whether someone must act. */
  readonly permanent: boolean;
}

const WAIT = 'It is tried again.';

const IMMUTABLE: Fault = {
  reason: 'it is immutable',
  remedy: 'Delete it and make it again without `immutable`.',
  permanent: true,
};
const TOO_LARGE: Fault = {
  reason: 'it would be larger than the API server takes (1 MiB in a Secret)',
  remedy: 'Spread the tokens over several Secrets, or ask for shorter ones.',
  permanent: true,
};
const ENDING: Fault = {
  reason: 'its namespace is being deleted',
  remedy: 'Take what is in it out of the configuration, or make the namespace again.',
  permanent: true,
};

const FAULTS: Readonly<Record<number, Fault>> = {
  401: {
    reason: 'the API server does not accept the ServiceAccount token (401)',
    remedy: 'It is read again. If that does not help, its ServiceAccount was deleted: restart the pod.',
    permanent: false,
  },
  404: { reason: 'it does not exist (404)', remedy: 'Make it, or correct the name.', permanent: true },
  409: { reason: 'another process changed it in the meantime (409)', remedy: WAIT, permanent: false },
  413: TOO_LARGE,
  429: { reason: 'the API server wants fewer requests (429)', remedy: WAIT, permanent: false },
};

/** HTTP status of the API server's answer; `undefined` where the error is none. */
export function statusOf(error: unknown): number | undefined {
  return statusIn(error)?.code;
}

/** `reason` of its Status, such as `NotFound`. */
export function reasonOf(error: unknown): string | undefined {
  return statusIn(error)?.reason;
}

/**
 * Returns whether a JSON Patch did not match the object: a `test` failed, or the parent of a path is missing. The API server
 * reports both the same way. Only an invalid object has causes in its answer.
 */
export function isPatchRefused(error: unknown): boolean {
  const status = statusIn(error);
  return status?.code === 422 && status.reason === 'Invalid' && status.causes.length === 0;
}

/**
 * The sentence for an error of client-node. `what` is its head: `The Secret billing/tokens cannot be written`. Nothing
 * else of the error is kept, because its message, body and headers may hold whole Secrets. A StoreError stays as it is.
 */
export function apiFailure(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const status = statusIn(error);
  const { reason, remedy, permanent } = status === undefined ? unanswered(error) : faultOf(status);
  return new StoreError(`${what}: ${reason}. ${remedy}`, { permanent });
}

function faultOf(status: ApiStatus): Fault {
  const { code, causes } = status;
  if (causes.some(({ reason }) => reason === 'NamespaceTerminating')) return ENDING;
  if (code === 403) return forbidden(status);
  if (code === 422) return invalid(status);
  if (code >= 500) {
    return { reason: `the API server failed (${code})`, remedy: WAIT, permanent: false };
  }
  const known = FAULTS[code];
  if (known !== undefined) return known;
  const said = status.reason === undefined ? `${code}` : `${code} ${status.reason}`;
  return { reason: `the API server rejected it (${said})`, remedy: 'Look for the reason in its log.', permanent: true };
}

function forbidden({ denied }: ApiStatus): Fault {
  if (denied === undefined) {
    return {
      reason: 'the API server forbids it (403)',
      remedy: 'Look for an admission policy or a quota that does.',
      permanent: true,
    };
  }
  const { user, verb, resource, name, namespace } = denied;
  // A permission to read logs is for all pods, whose names nobody knows before.
  const isLog = resource === 'pods/log';
  const which = name === undefined || isLog ? '' : `, resourceNames ${name}`;
  const kind = namespace === undefined ? 'ClusterRole' : 'Role';
  const where = namespace === undefined ? '' : ` in the namespace ${namespace}`;
  // Its RBAC is deleted with it, and the API server does not report which of the two is missing.
  const orElse = namespace === undefined ? '' : ' A namespace that is missing or being deleted looks the same.';
  return {
    reason: `${user} may not ${verb} ${resource}${name === undefined || isLog ? '' : ` ${name}`}${where} (403)`,
    remedy: `Allow it by a ${kind}${where} (verb ${verb}, resource ${resource}${which}) and a ${kind}Binding.${orElse}`,
    permanent: true,
  };
}

function invalid({ causes, reason }: ApiStatus): Fault {
  if (causes.some((cause) => cause.reason === 'FieldValueTooLong')) return TOO_LARGE;
  if (causes.some((cause) => cause.reason === 'FieldValueForbidden' && cause.field === 'data')) return IMMUTABLE;
  if (causes.length === 0 && reason === 'Invalid') {
    return { reason: 'another process changed it in the meantime', remedy: WAIT, permanent: false };
  }
  const fields = [...new Set(causes.map(({ field }) => field).filter((field) => field !== ''))].join(', ');
  return {
    reason: `the API server finds it invalid (422${fields === '' ? '' : `: ${fields}`})`,
    remedy: 'Compare it with the documentation of Kubernetes.',
    permanent: true,
  };
}

function unanswered(error: unknown): Fault {
  const code = codeOf(error);
  if (code === 'TIMEOUT') return { reason: 'the API server did not answer in time', remedy: WAIT, permanent: false };
  if (code !== undefined) {
    const explanation = certificateIn(error)?.explain({ place: CA_OF_CLUSTER, isConfigured: false });
    const remedy = explanation === undefined ? WAIT : `${explanation} ${WAIT}`;
    return { reason: `the API server cannot be reached (${code})`, remedy, permanent: false };
  }
  return { reason: `the answer of the API server is unusable (${errorKind(error)})`, remedy: WAIT, permanent: false };
}

/** Whether the API server gave no answer at all: it is down, cannot be reached, or hangs. */
export function isUnanswered(error: unknown): boolean {
  return statusOf(error) === undefined && codeOf(error) !== undefined;
}

const CA_OF_CLUSTER =
  'the CA of the cluster (ca.crt of the ServiceAccount volume, or certificate-authority of a kubeconfig)';

function certificateIn(error: unknown): CertificateError | undefined {
  if (error instanceof CertificateError) return error;
  if (error instanceof ApiUnreachableError) return error.certificate;
  return error instanceof Error && error.cause !== undefined ? certificateIn(error.cause) : undefined;
}

/** Of the system, looked for in what an error was caused by: `fetch failed` says nothing by itself. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof ApiUnreachableError) return error.code;
  if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')) return 'TIMEOUT';
  if (systemCode(error) !== undefined) return systemCode(error);
  return error instanceof Error && error.cause !== undefined ? codeOf(error.cause) : undefined;
}
