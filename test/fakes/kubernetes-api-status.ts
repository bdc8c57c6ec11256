import type { JsonObject } from './kubernetes-api-patch.ts';

export interface Cause {
  readonly reason: string;
  readonly field: string;
  readonly message: string;
}

/** An answer that is no success, as a `Status`. */
export class Refusal extends Error {
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

export function notFound(resource: string, name: string): Refusal {
  return new Refusal(404, 'NotFound', `${resource} "${name}" not found`, { name });
}

export function patchRefused(): Refusal {
  return new Refusal(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

export function invalid(kind: string, name: string, cause: Cause): Refusal {
  const message = `${kind} "${name}" is invalid: ${cause.field}: ${cause.message}`;
  return new Refusal(422, 'Invalid', message, { name, causes: [cause] });
}

/** As the API server says that a right is missing. */
export function forbidden(user: string, asked: { verb: string; resource: string; name?: string; namespace?: string }) {
  const { verb, resource, name, namespace } = asked;
  const [plain, subresource] = resource.split('/');
  const what = name === undefined ? `${plain}` : `${plain} "${name}"`;
  const full = subresource === undefined ? `${plain}` : `${plain}/${subresource}`;
  const where = namespace === undefined ? ' at the cluster scope' : ` in the namespace "${namespace}"`;
  const message = `${what} is forbidden: User "${user}" cannot ${verb} resource "${full}" in API group ""${where}`;
  return new Refusal(403, 'Forbidden', message, name === undefined ? {} : { name });
}
