import type { ClusterSettings } from './resolve.ts';

/** The default of version 0.1 for every release. Any team's endpoint could use a token that a caller sent to it. */
const FORMER = 'token-acquirer';

/** The audience that the ServiceAccount tokens of callers must have. */
export interface CallerAudience {
  readonly audience: string;
  /** Accepted as well, only by version 0.2, so that pods of version 0.1 continue to work after an upgrade. */
  readonly formerAudience?: string;
}

/** Returns the configured audience, or else the Service with its namespace, which no other release has. */
export function callerAudience(
  { audience, service }: Pick<ClusterSettings, 'audience' | 'service'>,
  namespace: string,
): CallerAudience {
  if (audience !== undefined) return { audience };
  return { audience: `${service}.${namespace}`, formerAudience: FORMER };
}

/** Returns what to do about a caller whose token is only for the former audience. */
export function formerAudienceSentence(caller: string, { audience, formerAudience }: CallerAudience): string {
  return `${caller} calls with a token for the audience "${formerAudience}", the default of version 0.1, which version 0.3 will reject. Project its token for "${audience}": upgrade the chart token-acquirer-client, or set serviceAccountToken.audience in the volume of its pods.`;
}
