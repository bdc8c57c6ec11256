import type { Permission, ReviewedPermission } from '../../../core/doctor/permissions.ts';
import type { Readings } from './readings.ts';

const GROUP = 'authorization.k8s.io';
const BASE = `/apis/${GROUP}/v1`;

interface Answer {
  readonly status?: { readonly allowed?: boolean };
}

/** Whether a ServiceAccount has these permissions. What this user may not ask about is left out. */
export function reviewOf(
  readings: Readings,
  { namespace, account }: { readonly namespace: string; readonly account: string },
  permissions: readonly Permission[],
): Promise<readonly ReviewedPermission[]> {
  const user = `system:serviceaccount:${namespace}:${account}`;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
  return reviewed(permissions, (permission) => {
    const spec = { ...attributesOf(permission), user, groups };
    const where = permission.namespace;
    if (where === undefined) {
      // Few users may ask this, so its lack is not worth a warning.
      return readings.review<Answer>(`${BASE}/subjectaccessreviews`, { ...head('SubjectAccessReview'), spec });
    }
    const body = { ...head('LocalSubjectAccessReview'), metadata: { namespace: where }, spec };
    const what = `create localsubjectaccessreviews.${GROUP} in the namespace ${where}`;
    return readings.review<Answer>(`${BASE}/namespaces/${where}/localsubjectaccessreviews`, body, what);
  });
}

/** Whether the user of the kubeconfig has these permissions. */
export function reviewOfSelf(
  readings: Readings,
  permissions: readonly Permission[],
): Promise<readonly ReviewedPermission[]> {
  return reviewed(permissions, (permission) => {
    const body = { ...head('SelfSubjectAccessReview'), spec: attributesOf(permission) };
    return readings.review<Answer>(
      `${BASE}/selfsubjectaccessreviews`,
      body,
      `create selfsubjectaccessreviews.${GROUP}`,
    );
  });
}

async function reviewed(
  permissions: readonly Permission[],
  ask: (permission: Permission) => Promise<Answer | 'missing' | 'unreadable'>,
): Promise<readonly ReviewedPermission[]> {
  const answers = await Promise.all(
    permissions.map(async (permission) => {
      const answer = await ask(permission);
      return typeof answer === 'string' ? [] : [{ ...permission, isAllowed: answer.status?.allowed === true }];
    }),
  );
  return answers.flat();
}

function head(kind: string): object {
  return { apiVersion: `${GROUP}/v1`, kind };
}

function attributesOf({ verb, group, resource, subresource, name, namespace }: Permission): {
  readonly resourceAttributes: object;
} {
  const limits = { ...(subresource && { subresource }), ...(name && { name }), ...(namespace && { namespace }) };
  return { resourceAttributes: { verb, group, resource, ...limits } };
}
