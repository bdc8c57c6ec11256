import { ApiException } from './client-library.ts';

/** The parts of a `Status` of the API server that may be shown. Its message may quote a whole Secret, so it is left out. */
export interface ApiStatus {
  readonly code: number;
  readonly reason: string | undefined;
  /** `reason` and `field` of each cause: `FieldValueForbidden`, `data`. */
  readonly causes: readonly { readonly reason: string; readonly field: string }[];
  /** Of a 403: what may not be done. */
  readonly denied: Denied | undefined;
}

export interface Denied {
  readonly verb: string;
  /** `pods/status`. */
  readonly resource: string;
  readonly user: string;
  /** `undefined` where any is meant, or it is of no namespace. */
  readonly name: string | undefined;
  readonly namespace: string | undefined;
}

const DENIED =
  /User "([\w:.@-]{1,400})" cannot (\w{1,20}) resource "([\w./-]{1,100})"(?: in API group "[\w.-]*" in the namespace "([\w-]{1,63})")?/;
const WORD = /^[\w.[\]-]{1,100}$/;

/** What is known of an error that was an answer; `undefined` for any other. */
export function statusIn(error: unknown): ApiStatus | undefined {
  // A watch of client-node throws an ordinary error that only has the number.
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number') {
    return { code: error.statusCode, reason: undefined, causes: [], denied: undefined };
  }
  if (!(error instanceof ApiException)) return undefined;
  const body = objectIn(error.body);
  const details = objectIn(body['details']);
  const causes = Array.isArray(details['causes']) ? details['causes'].map(objectIn) : [];
  return {
    code: error.code,
    reason: wordIn(body['reason']),
    causes: causes.map(({ reason, field }) => ({ reason: wordIn(reason) ?? '', field: wordIn(field) ?? '' })),
    denied: deniedIn(body['message'], wordIn(details['name'])),
  };
}

/** A body is text where the API does not document the code, and an object where it does. */
function objectIn(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return { ...value };
  if (typeof value !== 'string') return {};
  try {
    return objectIn(JSON.parse(value));
  } catch {
    return {};
  }
}

function wordIn(value: unknown): string | undefined {
  return typeof value === 'string' && WORD.test(value) ? value : undefined;
}

function deniedIn(message: unknown, name: string | undefined): Denied | undefined {
  const [, user, verb, resource, namespace] = (typeof message === 'string' && DENIED.exec(message)) || [];
  if (user === undefined || verb === undefined || resource === undefined) return undefined;
  return { user, verb, resource, name, namespace };
}
