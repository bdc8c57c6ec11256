import type { ClusterSettings } from './configuration/resolve.ts';

/** The settings that are read only at the start, with their keys in the configuration. */
const RESTART = [
  ['stateSecret', 'state.secret'],
  ['authoritySecret', 'endpoint.authoritySecret'],
  ['service', 'endpoint.service'],
] as const;

/** Returns a sentence about the settings that changed since the start and need a restart, or `undefined`. */
export function restartSentence(first: ClusterSettings, now: ClusterSettings): string | undefined {
  const changed = RESTART.filter(([setting]) => first[setting] !== now[setting]);
  if (changed.length === 0) return undefined;
  const keys = changed.map(([, key]) => key).join(', ');
  return `${keys} changed, which counts from the next start: restart the token-acquirer.`;
}
