import type { ExpectedToken } from './expected-token.ts';
import type { Observed, ObservedPod, ObservedSecret, Seen } from './observed.ts';

/** Returns the pods that run, use the token's Secret, and are not of `helm test`. */
export function usersOf({ identity }: ExpectedToken, { cluster }: Observed): readonly ObservedPod[] {
  return (cluster.pods[identity.namespace] ?? []).filter(
    ({ isRunning, isTest, uses }) => isRunning && !isTest && uses.some(({ secret }) => secret === identity.secret),
  );
}

export function selectedBy({ app }: ExpectedToken, { cluster }: Observed): readonly string[] {
  return app === undefined ? [] : (cluster.selected[`${app.namespace} ${app.selector}`] ?? []);
}

/** Whether the token is requested at all: its client app runs, or it has none. */
export function isRequested(token: ExpectedToken, seen: Observed): boolean {
  return token.app === undefined || selectedBy(token, seen).length > 0 || usersOf(token, seen).length > 0;
}

/** Returns the pods of the client app, for its way to the endpoint. */
export function podsOf(token: ExpectedToken, seen: Observed): readonly ObservedPod[] {
  const selected = selectedBy(token, seen);
  const pods = token.app === undefined ? [] : (seen.cluster.pods[token.app.namespace] ?? []);
  const users = usersOf(token, seen);
  return [...users, ...pods.filter((pod) => selected.includes(pod.name) && !users.includes(pod))];
}

/** Returns the Secret of the token where it is stored in one that can be read. */
export function secretOf(
  { identity, keys }: ExpectedToken,
  { cluster: { secrets, namespaces } }: Observed,
): Seen<ObservedSecret> {
  // Without its namespace everything is missing, which is another finding.
  if (keys.length === 0 || namespaces[identity.namespace] === 'missing') return 'unreadable';
  return secrets[`${identity.namespace}/${identity.secret}`] ?? 'unreadable';
}
