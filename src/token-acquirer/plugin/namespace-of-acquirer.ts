import { UsageError } from '../../core/errors.ts';
import { CommandFailed, EXIT } from '../cli/exit-codes.ts';
import type { FoundPods } from './cluster-view.ts';

/** Returns the one namespace that has a token-acquirer. Throws UsageError or CommandFailed where it is none or several. */
export function namespaceOfAcquirer({ pods, limit }: FoundPods): string {
  const namespaces = [...new Set(pods.map(({ namespace }) => namespace))].toSorted();
  const [only, another] = namespaces;
  if (only === undefined) {
    const why = limit === undefined ? '' : ` ${limit}`;
    throw new CommandFailed(EXIT.unreachable, `No token-acquirer was found. Name its namespace with -n.${why}`);
  }
  if (another === undefined) return only;
  throw new UsageError(`Several namespaces have a token-acquirer: ${namespaces.join(', ')}. Name one with -n.`);
}
