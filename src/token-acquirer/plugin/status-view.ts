import { printableLine } from '../../core/printable.ts';
import { processText } from '../cli/process-text.ts';
import { tokenTable } from '../cli/status-table.ts';
import { isProcessHealthy } from '../endpoints/report-sentences.ts';
import { type MergedStatus, type MergedToken, type ShardPlace } from './merged-status.ts';

/** Returns the status of all shards for people: the tokens, then what the processes report. */
export function statusView({ tokens, acquirers, unanswered }: MergedStatus): string {
  const places = [...acquirers, ...unanswered];
  const now = acquirers.map((acquirer) => acquirer.now).reduce((one, other) => (one > other ? one : other), '');
  const isOne = new Set(places.map(releaseOf)).size < 2;
  const column = { heading: 'ACQUIRER', cellOf: (token: MergedToken) => releaseOf(token.acquirer) };
  const table = tokens.length === 0 ? NO_TOKENS : tokenTable(tokens, now, isOne ? undefined : column);
  const silent = unanswered.map((shard) => `\nNo answer from ${placeText(shard)}\n  ${printableLine(shard.message)}\n`);
  const processes = acquirers.map((acquirer) => processView(acquirer, places.length === 1));
  return `${table}${silent.join('')}${processes.join('')}`;
}

/** Of several processes, only those are shown in full that need attention. */
function processView(acquirer: MergedStatus['acquirers'][number], isOnly: boolean): string {
  if (isOnly) return processText(acquirer);
  const heading = `\nPod ${printableLine(acquirer.pod)} of ${printableLine(placeText(acquirer))}`;
  return isProcessHealthy(acquirer) ? `${heading}: healthy\n` : `${heading}: unhealthy\n${processText(acquirer)}`;
}

const NO_TOKENS = 'No tokens.\n';

/** Returns where a shard is: `token-acquirer/token-acquirer shard 1`. */
export function placeText(place: ShardPlace): string {
  return `${releaseOf(place)} shard ${place.shard}`;
}

function releaseOf({ namespace, release }: ShardPlace): string {
  return `${namespace}/${release}`;
}
