import type { Observed } from '../observed.ts';
import type { Judgement } from '../rules.ts';
import { DISTURBANCES } from '../schedule.ts';

/** What a soak has seen and how it was judged, for a terminal. */
export function tableOf(observed: Observed, judgements: readonly Judgement[]): string {
  const { calls, server, seconds, options, failed, disturbed } = observed;
  const total = calls.library + calls.reader;
  const lost = failed.reduce((sum, one) => sum + one.calls, 0);
  const facts = [
    ['seed', String(options.seed)],
    ['time', `${(seconds / 60).toFixed(1)} min${observed.interrupted ? ', interrupted' : ''}`],
    [
      'calls',
      `${number(total)} (${number(calls.reader)} by the plain reader), ${(total / seconds).toFixed(0)} a second`,
    ],
    ['failed calls', `${number(lost)}; the slowest call took ${(observed.slowestCall / 1000).toFixed(1)} s`],
    ['token requests', `${number(server.tokenRequests)}, of which ${number(server.issued)} gave a token`],
    [
      'answers',
      Object.entries(server.answers)
        .map(([status, count]) => `${status}: ${number(count)}`)
        .join(', '),
    ],
    ['refresh tokens again within the grace', number(server.graced)],
    ['disturbances', `${disturbed.length}: ${kindsOf(observed)}`],
    ...observed.leftOut.map((sentence) => ['left out', sentence]),
    ...observed.accidents.map((sentence) => ['accident', sentence]),
  ];
  return [
    aligned(facts),
    ...(failed.length === 0
      ? []
      : [
          'Failed calls by cause',
          aligned(failed.map((one) => [`${number(one.calls)} by the ${one.by}`, one.verdict, one.sentence])),
        ]),
    'Rules',
    aligned(judgementRows(judgements)),
  ].join('\n\n');
}

function kindsOf({ disturbed }: Observed): string {
  return DISTURBANCES.map((kind) => ({ kind, count: disturbed.filter((one) => one.kind === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${count} ${kind}`)
    .join(', ');
}

export function judgementRows(judgements: readonly Judgement[]): string[][] {
  return judgements.map(({ rule, found, limit, kept }) => {
    return [rule, found, limit, kept === undefined ? 'not judged' : kept ? 'kept' : 'BROKEN'];
  });
}

/** Rows of the same number of cells, below each other. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}

export function number(value: number): string {
  return value.toLocaleString('en');
}
