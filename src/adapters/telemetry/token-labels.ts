import type { TokenIdentity } from '../../core/token.ts';
import { TOKEN_LABELS } from './condition-metrics.ts';

/** Of metrics about a token and where it comes from. */
export const SERVER_LABELS = [...TOKEN_LABELS, 'authorization_server'] as const;

/** Returns the labels of a token. One that is not known is left out. */
export function labelsOf({ namespace, secret, name }: TokenIdentity, server: string | undefined) {
  return { namespace, secret, name, ...(server !== undefined && { authorization_server: server }) };
}
