import { acquirersIn } from './acquirers.ts';
import type { Check, Finding } from './finding.ts';
import type { Observed } from './observed.ts';
import { permissionText, type ReviewedPermission } from './permissions.ts';

const GROUP = 'Permissions';

function acquirerMayNot({ namespace, cluster }: Observed): readonly Finding[] {
  const user = `system:serviceaccount:${namespace}:${acquirersIn(cluster)[0]?.account ?? 'default'}`;
  // Where a namespace is missing, nothing is allowed in it, which is another finding.
  const asked = cluster.acquirerPermissions.filter(
    (permission) => cluster.namespaces[permission.namespace ?? ''] !== 'missing',
  );
  return byNamespace(asked).map(([within, denied]) => {
    const [first] = denied;
    const denials = denied.map(permissionText).join(', ');
    const option = within === '' ? '' : ` -n ${within}`;
    return {
      severity: 'error',
      subject: within === '' ? 'cluster' : `namespace ${within}`,
      message: `The token-acquirer (${user}) may not ${denials}.`,
      why:
        within === ''
          ? 'It cannot find out who calls the reissue endpoint, and rejects every call.'
          : 'It can neither read nor write the token Secrets there, or does not see whether client apps run.',
      fix: `Run helm upgrade with rbac.create: true, which makes the role and its binding. Try: kubectl${option} auth can-i ${first === undefined ? '' : permissionText(first)} --as ${user}`,
    };
  });
}

function userMayNot({ cluster: { ownPermissions } }: Observed): readonly Finding[] {
  return byNamespace(ownPermissions).map(([within, denied]) => ({
    severity: 'error',
    subject: `namespace ${within}`,
    message: `You may not ${denied.map(permissionText).join(', ')}.`,
    why: 'Without these permissions, helm install fails half way.',
    fix: `Ask for these permissions, or have somebody install who has them. Try: kubectl -n ${within} auth can-i --list`,
  }));
}

function userCannotSee({ cluster: { unread } }: Observed): readonly Finding[] {
  return unread.map((what) => ({
    severity: 'warning',
    subject: 'this user',
    message: `You may not ${what}, so some checks were skipped.`,
    why: 'What nobody looked at may be wrong.',
    fix: 'Run this command as a user with the ClusterRole admin in these namespaces.',
  }));
}

export const PERMISSION_CHECKS: readonly Check[] = [
  {
    name: 'acquirer-permissions',
    group: GROUP,
    title: 'The token-acquirer may do its work',
    when: 'after',
    find: acquirerMayNot,
  },
  { name: 'installer-permissions', group: GROUP, title: 'You may install the chart', when: 'before', find: userMayNot },
  { name: 'own-permissions', group: GROUP, title: 'You may see everything', when: 'both', find: userCannotSee },
];

function byNamespace(
  permissions: readonly ReviewedPermission[],
): readonly (readonly [string, readonly ReviewedPermission[]])[] {
  const denied = permissions.filter(({ isAllowed }) => !isAllowed);
  const namespaces = [...new Set(denied.map(({ namespace = '' }) => namespace))];
  return namespaces.map((within) => [within, denied.filter(({ namespace = '' }) => namespace === within)] as const);
}
