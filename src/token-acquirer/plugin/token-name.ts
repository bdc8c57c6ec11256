import { UsageError } from '../../core/errors.ts';
import { CommandFailed, EXIT } from '../cli/exit-codes.ts';
import type { MergedToken } from './merged-status.ts';

/** The parts of `namespace/secret/name`. */
export interface TokenParts {
  readonly namespace: string;
  readonly secret: string;
  readonly name: string;
}

/** Returns the parts of the name of a token in a report. */
export function partsOf({ token }: Pick<MergedToken, 'token'>): TokenParts {
  const [namespace = '', secret = '', name = ''] = token.split('/');
  return { namespace, secret, name };
}

/**
 * Returns the one token with this name: `namespace/secret/name`, or its end, `secret/name` or `name`, where that is unique.
 * Throws UsageError or CommandFailed, with the names that exist.
 */
export function tokenNamed(tokens: readonly MergedToken[], name: string): MergedToken {
  const exact = tokens.filter(({ token }) => token === name);
  const found = exact.length > 0 ? exact : tokens.filter(({ token }) => token.endsWith(`/${name}`));
  const [only, another] = found;
  if (only === undefined) throw new CommandFailed(EXIT.failed, noSuchToken(tokens));
  if (another === undefined) return only;
  if (exact.length > 1) {
    const places = exact.map(({ acquirer }) => acquirer.namespace).join(', ');
    throw new UsageError(`Several token-acquirers have this token, in the namespaces ${places}: name one with -n.`);
  }
  throw new UsageError(`Several tokens have this name. Name one of them: ${listed(found)}.`);
}

const MOST = 20;

function noSuchToken(tokens: readonly MergedToken[]): string {
  return `No token has this name. Tokens: ${listed(tokens) || 'none'}.`;
}

function listed(tokens: readonly MergedToken[]): string {
  const names = tokens.map(({ token }) => token).toSorted();
  const more = names.length > MOST ? ` and ${names.length - MOST} more` : '';
  return `${names.slice(0, MOST).join(', ')}${more}`;
}
