import type { JsonObject } from './kubernetes-api-patch.ts';

export interface Cause {
  readonly reason: string;
  readonly field: string;
  readonly message: string;
}

/** An error answer, as a `Status`. */
export class Rejection extends Error {
  readonly code: number;
  readonly status: JsonObject;

  constructor(code: number, reason: string, message: string, details?: { causes?: Cause[]; name?: string }) {
    super(message);
    this.code = code;
    const causes = details?.causes?.map((cause) => ({ ...cause }));
    const shown = {
      ...(details?.name !== undefined && { name: details.name }),
      ...(causes !== undefined && { causes }),
    };
    const base = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason };
    this.status = { ...base, ...(details !== undefined && { details: shown }), code };
  }
}

export function notFound(resource: string, name: string): Rejection {
  return new Rejection(404, 'NotFound', `${resource} "${name}" not found`, { name });
}

export function patchRefused(): Rejection {
  return new Rejection(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

export function invalid(kind: string, name: string, cause: Cause): Rejection {
  const message = `${kind} "${name}" is invalid: ${cause.field}: ${cause.message}`;
  return new Rejection(422, 'Invalid', message, { name, causes: [cause] });
}

/** Returns the error of the API server for a missing permission. */
export function forbidden(user: string, asked: { verb: string; resource: string; name?: string; namespace?: string }) {
  const { verb, resource, name, namespace } = asked;
  const [plain, subresource] = resource.split('/');
  const what = name === undefined ? `${plain}` : `${plain} "${name}"`;
  const full = subresource === undefined ? `${plain}` : `${plain}/${subresource}`;
  const where = namespace === undefined ? ' at the cluster scope' : ` in the namespace "${namespace}"`;
  const message = `${what} is forbidden: User "${user}" cannot ${verb} resource "${full}" in API group ""${where}`;
  return new Rejection(403, 'Forbidden', message, name === undefined ? {} : { name });
}
