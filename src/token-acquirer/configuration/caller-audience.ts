import type { ClusterSettings } from './resolve.ts';

/** The default of version 0.1, for every release: any team's endpoint could use a token that a caller sent to it. */
const FORMER = 'token-acquirer';

/** For whom the ServiceAccount tokens of callers must be. */
export interface CallerAudience {
  readonly audience: string;
  /** Accepted as well, for version 0.2 only, so that pods of version 0.1 go on working after an upgrade. */
  readonly formerAudience?: string;
}

/** Returns what the configuration names, or else the Service with its namespace, which no other release has. */
export function callerAudience(
  { audience, service }: Pick<ClusterSettings, 'audience' | 'service'>,
  namespace: string,
): CallerAudience {
  if (audience !== undefined) return { audience };
  return { audience: `${service}.${namespace}`, formerAudience: FORMER };
}

/** What to do about a caller whose token is for the former audience only. */
export function formerAudienceSentence(caller: string, { audience, formerAudience }: CallerAudience): string {
  return `${caller} calls with a token for the audience "${formerAudience}", the default of version 0.1, which version 0.3 will reject. Project its token for "${audience}": upgrade the chart token-acquirer-client, or set serviceAccountToken.audience in the volume of its pods.`;
}
