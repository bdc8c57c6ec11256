import type { Graph } from './import-graph.ts';

export const LIMITS = {
  fileMedian: 130,
  fileNinth: 200,
  functionNinth: 36,
  functionLongest: 60,
  parameters: 4,
  testsToSource: 1.5,
} as const;

const OFFENDERS = 10;

/** A thing with a size. */
interface Sized {
  readonly name: string;
  readonly size: number;
}

/** Files: median and 90th percentile. */
export function fileBudget(graph: Graph): string[] {
  const files = [...graph.values()].map(({ path, lines }) => ({ name: path, size: lines }));
  return [
    ...quantileBudget(files, { what: 'The median file has', quantile: 0.5, limit: LIMITS.fileMedian }),
    ...quantileBudget(files, { what: 'The 90th percentile of files has', quantile: 0.9, limit: LIMITS.fileNinth }),
  ];
}

/** Functions: the 90th percentile of those with a name, and the longest of all. */
export function functionBudget(graph: Graph): string[] {
  const all = functionsIn(graph);
  const sized = all.map(({ name, facts }) => ({ name, size: facts.lines }));
  const named = all
    .filter(({ facts }) => facts.name !== undefined && facts.lines > 0)
    .map(({ name, facts }) => ({ name, size: facts.lines }));
  return [
    ...quantileBudget(named, {
      what: 'The 90th percentile of functions has',
      quantile: 0.9,
      limit: LIMITS.functionNinth,
    }),
    ...worst(sized.filter(({ size }) => size > LIMITS.functionLongest)).map(
      ({ name, size }) => `${name} has ${size} lines; ${LIMITS.functionLongest} are allowed.`,
    ),
  ];
}

export function parameterBudget(graph: Graph): string[] {
  return functionsIn(graph)
    .filter(({ facts }) => facts.parameters > LIMITS.parameters)
    .map(({ name, facts }) => `${name} takes ${facts.parameters} parameters; ${LIMITS.parameters} are allowed.`);
}

/** Lines of tests against lines of source. */
export function testBudget(source: Graph, tests: Graph): string[] {
  const [written, needed] = [linesOf(tests), Math.ceil(LIMITS.testsToSource * linesOf(source))];
  return written < needed
    ? [`The tests have ${written} lines; ${needed} are needed for ${linesOf(source)} lines of source.`]
    : [];
}

function quantileBudget(
  sizes: readonly Sized[],
  { what, quantile, limit }: { what: string; quantile: number; limit: number },
): string[] {
  const sorted = sizes.toSorted((one, other) => one.size - other.size);
  const size = sorted[Math.ceil(quantile * sorted.length) - 1]?.size ?? 0;
  if (size <= limit) return [];
  const longest = worst(sizes).map(({ name, size: lines }) => `${name} ${lines}`);
  return [`${what} ${size} lines; ${limit} are allowed. The longest: ${longest.join(', ')}.`];
}

function functionsIn(graph: Graph) {
  return [...graph.values()].flatMap(({ path, functions }) =>
    functions.map((facts) => ({ name: `${path}:${facts.line} ${facts.name ?? '(anonymous)'}`, facts })),
  );
}

function worst(sizes: readonly Sized[]): Sized[] {
  return sizes.toSorted((one, other) => other.size - one.size).slice(0, OFFENDERS);
}

function linesOf(graph: Graph): number {
  return [...graph.values()].reduce((sum, { lines }) => sum + lines, 0);
}
