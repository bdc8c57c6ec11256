import { ACCESS_TOKEN_CHECKS } from './access-token-checks.ts';
import { CREDENTIAL_CHECKS } from './credential-checks.ts';
import type { Check, Finding } from './finding.ts';
import { IN_POD_CHECKS } from './in-pod-checks.ts';
import { INSTALLATION_CHECKS } from './installation-checks.ts';
import { NETWORK_CHECKS } from './network-checks.ts';
import type { Observed } from './observed.ts';
import { PERMISSION_CHECKS } from './permission-checks.ts';
import { POD_CHECKS } from './pod-checks.ts';
import { RENEWAL_CHECKS } from './renewal-checks.ts';
import { SECRET_CHECKS } from './secret-checks.ts';
import { SERVER_CHECKS } from './server-checks.ts';

/** All checks of the doctor. */
export const CHECKS: readonly Check[] = [
  ...CREDENTIAL_CHECKS,
  ...SERVER_CHECKS,
  ...INSTALLATION_CHECKS,
  ...ACCESS_TOKEN_CHECKS,
  ...SECRET_CHECKS,
  ...RENEWAL_CHECKS,
  ...POD_CHECKS,
  ...NETWORK_CHECKS,
  ...IN_POD_CHECKS,
  ...PERMISSION_CHECKS,
];

/** A check with what it found; `undefined` where what it needs could not be found out. */
export interface Diagnosis {
  readonly check: Check;
  readonly findings: readonly Finding[] | undefined;
  /** What of it could not be checked, and why, in sentences. */
  readonly unchecked: readonly string[];
}

/** Makes all checks that can be made at this time. */
export function diagnose(seen: Observed, when: 'before' | 'after'): readonly Diagnosis[] {
  return CHECKS.filter((check) => isAsked(check, seen, when)).map((check) =>
    isAnswerable(check, seen)
      ? { check, findings: check.find(seen), unchecked: check.unchecked?.(seen) ?? [] }
      : { check, findings: undefined, unchecked: [] },
  );
}

function isAsked(check: Check, seen: Observed, when: 'before' | 'after'): boolean {
  if (check.option !== undefined && seen[check.option] === undefined) return false;
  return check.when === 'both' || check.when === when;
}

/** Without a valid configuration nobody knows what to look for, and without an installation nothing has happened. */
function isAnswerable({ name, group, when }: Check, { configuration, tokens, servers, cluster }: Observed): boolean {
  if (group === 'Configuration' || name === 'deployment' || name === 'own-permissions' || name === 'kubernetes')
    return true;
  if (configuration.fault !== undefined || tokens.length + servers.length === 0) return false;
  return when !== 'after' || typeof cluster.acquirers !== 'string';
}
