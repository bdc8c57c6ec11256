import { memoryNeed } from '../../../src/token-acquirer/configuration/memory-need.ts';
import type { Measured } from '../benchmark.ts';
import { amountOf, rowOf } from './amounts.ts';
import { bytes, number } from './numbers.ts';

const BEGIN = '<!-- unit costs: begin; written by npm run bench -->';
const END = '<!-- unit costs: end -->';
const TOKENS = 1_000_000;
/** Tokens of a shard, which has two replicas. */
const OF_A_SHARD = 10_000;
const REPLICAS = 2;
/** At 67 % of the lifetime, less up to 5 % of that. */
const RENEWALS_A_LIFETIME = 1 / (0.67 * 0.975);
/** A leader renews its Lease every 20 s. */
const LEASE_WRITES_A_DAY = 86_400 / 20;
const LIFETIMES = [1, 8, 24] as const;
const MIB = 1024 * 1024;

interface Unit {
  readonly name: string;
  readonly benchmark: string;
  readonly row: string;
}

const UNITS_MEASURED = {
  directory: {
    name: 'processor time for a renewal, token directory',
    benchmark: 'directory',
    row: '10,000 tokens: processor time for a renewal',
  },
  secrets: {
    name: 'processor time for a renewal, Secrets',
    benchmark: 'renewals',
    row: '10,000 tokens: processor time for a renewal',
  },
  requests: {
    name: 'API requests for a renewal, ten tokens in each Secret',
    benchmark: 'renewals',
    row: '10,000 tokens: API requests for a renewal',
  },
  memory: {
    name: 'memory for a token, token directory',
    benchmark: 'directory',
    row: '10,000 tokens: memory for a token',
  },
  inSecrets: {
    name: 'memory for a token, Secrets',
    benchmark: 'renewals',
    row: '10,000 tokens: memory when idle, for each token more',
  },
  rate: {
    name: 'renewals a minute of one process, Secrets',
    benchmark: 'renewals',
    row: '10,000 tokens: renewals a minute',
  },
} satisfies Readonly<Record<string, Unit>>;

/** Returns the page with the costs that were measured, and what they come to for a million tokens. */
export function withUnitCosts(page: string, measured: readonly Measured[]): string {
  const [before, rest] = page.split(BEGIN);
  const [, after] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined) throw new Error(`The page has no ${BEGIN} or no ${END}.`);
  return `${before}${BEGIN}\n\n${unitTable(measured)}\n\n${millionTable(measured)}\n\n${END}${after}`;
}

function unitTable(measured: readonly Measured[]): string {
  const rows = Object.values(UNITS_MEASURED).map((unit) => [
    unit.name,
    rowOf(measured, unit.benchmark, unit.row)?.ours ?? 'not measured',
    `\`${unit.benchmark}\``,
  ]);
  return table(['unit', 'cost', 'benchmark'], rows);
}

function millionTable(measured: readonly Measured[]): string {
  const costOf = ({ benchmark, row }: Unit): number | undefined => amountOf(rowOf(measured, benchmark, row)?.ours);
  const processor = costOf(UNITS_MEASURED.secrets) ?? costOf(UNITS_MEASURED.directory);
  const requests = costOf(UNITS_MEASURED.requests) ?? 1;
  const shards = TOKENS / OF_A_SHARD;
  const memory = memoryNeed({ tokens: OF_A_SHARD, apps: 0 });
  const perSecond = (hours: number): number => (TOKENS * RENEWALS_A_LIFETIME) / (3600 * hours);
  const each = (figure: (hours: number) => string): string[] => LIFETIMES.map(figure);
  return table(
    [`${number(TOKENS)} tokens with a lifetime of`, ...LIFETIMES.map((hours) => `${hours} h`)],
    [
      ['renewals a second', ...each((hours) => number(perSecond(hours)))],
      [
        'processors of all token-acquirers',
        ...each((hours) => (processor === undefined ? 'not measured' : number((perSecond(hours) * processor) / 1000))),
      ],
      ['writes to the API server a second', ...each((hours) => number(perSecond(hours) * requests))],
      ['shards, pods', ...each(() => `${number(shards)}, ${number(shards * REPLICAS)}`)],
      ['memory limit of a pod', ...each(() => `${number(memory / MIB)} MiB`)],
      ['memory limits together', ...each(() => bytes(memory * shards * REPLICAS))],
      ['Lease writes a second', ...each(() => number((LEASE_WRITES_A_DAY * shards) / 86_400))],
    ],
  );
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = headings.map((_, column) => (column === 0 ? '---' : '---:'));
  return [headings, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
