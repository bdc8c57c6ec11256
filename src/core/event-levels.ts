import type { ProcessEvent, TokenEvent } from './events.ts';

type Kind = TokenEvent['kind'] | ProcessEvent['kind'];

type Level = 'info' | 'warn' | 'error';

const LEVELS: Readonly<Partial<Record<Kind, Level>>> = {
  'token-request-failed': 'warn',
  'token-repaired': 'warn',
  'store-failed': 'error',
  'stored-token-unreadable': 'warn',
  'execution-state-unknown': 'warn',
  'credential-unusable': 'warn',
  'credential-expiry-unreadable': 'warn',
  'next-secret-in-use': 'warn',
  'ca-unusable': 'warn',
  'server-unreachable': 'warn',
  'pods-left-behind': 'warn',
  'pods-not-selected': 'warn',
  'volume-follows-late': 'warn',
  'lifetime-not-stated': 'warn',
  'revocation-failed': 'warn',
  'interval-invalid': 'warn',
  'interval-short': 'warn',
  'clock-disagrees': 'warn',
  'evidence-not-followed': 'warn',
  'caller-unknown': 'warn',
  'cycle-failed': 'error',
  'configuration-refused': 'error',
  'process-unhealthy': 'error',
  warning: 'warn',
};

/** Returns how serious an event is, for the log and for pages. */
export function levelOf(kind: Kind): Level {
  return LEVELS[kind] ?? 'info';
}
