import { z } from 'zod';
import type { Benchmark, Measured } from '../benchmark.ts';
import type { MachineFacts } from './machine-facts.ts';

const row = z.strictObject({
  name: z.string(),
  ours: z.string(),
  reference: z.string(),
  ratio: z.number(),
  against: z.enum(['peer', 'floor']).optional(),
  goal: z.strictObject({ text: z.string(), ratio: z.number(), met: z.boolean() }).optional(),
});

const resultsSchema = z.strictObject({
  machine: z.record(z.string(), z.string()),
  benchmarks: z.array(z.strictObject({ name: z.string(), rows: z.array(row) })),
});

/** What a run measured, and on what. */
export interface Results {
  readonly measured: readonly Measured[];
  readonly machine: MachineFacts;
}

/** `docs/project/benchmarks/results.json`, which the page and the charts are made from. */
export function resultsText({ measured, machine }: Results): string {
  const benchmarks = measured.map(({ benchmark: { name }, rows }) => ({ name, rows }));
  return `${JSON.stringify({ machine, benchmarks }, null, 2)}\n`;
}

/** Reads recorded results. Titles and methods are those of the benchmarks. Throws for a benchmark that is not among them. */
export function parseResults(text: string, known: readonly Benchmark[]): Results {
  const { machine, benchmarks } = resultsSchema.parse(JSON.parse(text));
  const measured = benchmarks.map(({ name, rows }) => {
    const benchmark = known.find((one) => one.name === name);
    if (benchmark === undefined) throw new Error(`There is no benchmark ${name}: measure again with npm run bench.`);
    return { benchmark, rows: rows as Measured['rows'] };
  });
  return { measured, machine };
}

/** Returns the results with the rows of some benchmarks that were measured later, and where that was. */
export function withRows({ measured, machine }: Results, later: Results): Results {
  const added = later.measured.filter(({ benchmark }) => !measured.some((one) => one.benchmark === benchmark));
  const replaced = measured.map((one) => later.measured.find(({ benchmark }) => benchmark === one.benchmark) ?? one);
  const facts = later.measured.map(({ benchmark: { name } }): [string, string] => [
    `Measured later: ${name}`,
    `${later.machine['Date']}, load average ${later.machine['Load average']}`,
  ]);
  return { measured: [...replaced, ...added], machine: { ...machine, ...Object.fromEntries(facts) } };
}
