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
