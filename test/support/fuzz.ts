import { validateHeaderValue } from 'node:http';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect } from 'vitest';
import { cpuTimeOf } from './cpu-time.ts';
import { SEED_VARIABLE, TIMES_VARIABLE } from './fuzz-variables.ts';

/** Fixed, so that a run of the tests is repeatable. fast-check prints it with each failure. */
const SEED = Number(process.env[SEED_VARIABLE] ?? 20_261_130);
const TIMES = Number(process.env[TIMES_VARIABLE] ?? 1);

/** A secret in the inputs. It is not registered: a failure prints its input, and so the canary. */
export const CANARY = 'q7Zk2mXw9RtVb4Lc';
/** As few characters of the canary in a message count as a leak. */
const PIECE = 6;

type Parameters = Pick<fc.Parameters<unknown>, 'seed' | 'numRuns'>;

function parameters(runs: number): Parameters {
  return { seed: SEED, numRuns: runs * TIMES };
}

/** Checks many inputs, always the same ones unless `npm run fuzz` asks for others. */
export function fuzz<Input>(inputs: fc.Arbitrary<Input>, check: (input: Input) => void, runs = 300): void {
  fc.assert(
    fc.property(inputs, (input) => {
      check(input);
    }),
    parameters(runs),
  );
  expectCleanPrototypes();
}

/** The same for a check that waits. */
export async function fuzzAsync<Input>(
  inputs: fc.Arbitrary<Input>,
  check: (input: Input) => Promise<void>,
  runs = 100,
): Promise<void> {
  await fc.assert(fc.asyncProperty(inputs, check), parameters(runs));
  expectCleanPrototypes();
}

type ErrorClass = new (...parameters: never[]) => Error;

/**
 * Returns what `act` returns, or `undefined` where it throws one of the declared errors. Fails for any other error, and for
 * one that shows a piece of the canary.
 */
export function accepted<Value>(act: () => Value, ...declared: readonly ErrorClass[]): Value | undefined {
  try {
    return act();
  } catch (error) {
    checkError(error, declared);
    return undefined;
  }
}

/** The same for an act that waits. */
export async function acceptedAsync<Value>(
  act: () => Promise<Value>,
  ...declared: readonly ErrorClass[]
): Promise<Value | undefined> {
  try {
    return await act();
  } catch (error) {
    checkError(error, declared);
    return undefined;
  }
}

function checkError(error: unknown, declared: readonly ErrorClass[]): void {
  if (!declared.some((one) => error instanceof one)) throw error;
  expectNoLeak(textOf(error));
}

/** All that an error shows without its frames, which take long to write. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error);
  const { message, cause } = error;
  const others = Object.entries(error).map(([name, value]) => `${name}: ${inspect(value, { depth: 8 })}`);
  return [message, ...others, cause === undefined ? '' : textOf(cause)].join('\n');
}

/** Fails for a text that shows a piece of the canary, as it is or in another case. */
export function expectNoLeak(text: string): void {
  const lower = text.toLowerCase();
  for (let at = 0; at + PIECE <= CANARY.length; at += 1) {
    const piece = CANARY.slice(at, at + PIECE);
    if (lower.includes(piece.toLowerCase())) throw new Error(`This shows ${piece} of the canary: ${text}`);
  }
}

/** Fails for a text that a header must not carry. */
export function expectHeaderValue(text: string): void {
  expect(text).not.toMatch(/[^\x20-\x7e]/);
  validateHeaderValue('authorization', text);
}

/** Fails for a time that is not a number, or that no date can show. */
export function expectTime(time: number): void {
  expect(Number.isFinite(time), `${time} is not a finite number`).toBe(true);
  expect(new Date(time).toISOString()).toMatch(/Z$/);
}

function expectCleanPrototypes(): void {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(Object.keys(Array.prototype)).toEqual([]);
}

const SIZE = 64 * 1024;
/** Below this, in milliseconds of processor time, nothing is measured again: it is noise of the machine. */
const QUICK = 60;
/** Twice doubled, linear work takes 4 times as long, and quadratic work 16 times. */
const MOST_GROWTH = 9;

/**
 * Fails where the time of `parse` grows faster than its input: texts of `size` characters that repeat a few of the parts, with
 * a beginning and an end.
 */
export function expectLinear(
  parse: (text: string) => unknown,
  parts: readonly string[],
  { size = SIZE, runs = 25 }: { readonly size?: number; readonly runs?: number } = {},
): void {
  const some = fc.array(fc.constantFrom(...parts), { maxLength: 3 }).map((chosen) => chosen.join(''));
  const unit = fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 3 }).map((chosen) => chosen.join(''));
  fuzz(
    fc.tuple(some, unit, some),
    ([head, repeated, tail]) => {
      const textOfSize = (length: number): string => head + repeated.repeat(Math.ceil(length / repeated.length)) + tail;
      expectLinearIn(textOfSize, parse, size);
    },
    runs,
  );
}

/** Fails where the time of `work` grows faster than the size of what `make` makes. */
export function expectLinearIn<Input>(
  make: (size: number) => Input,
  work: (input: Input) => unknown,
  size: number = SIZE,
): void {
  if (timeOf(work, make(size), 1) < QUICK) return;
  const [small, large] = [size / 4, size].map((part) => timeOf(work, make(part), 2)) as [number, number];
  expect(large, `${small} ms became ${large} ms`).toBeLessThan(Math.max(QUICK, small * MOST_GROWTH));
}

/** The least processor time of some tries, in milliseconds. */
function timeOf<Input>(work: (input: Input) => unknown, input: Input, tries: number): number {
  const times = Array.from({ length: tries }, () =>
    cpuTimeOf(() => {
      try {
        work(input);
      } catch {
        // Which errors are thrown is checked elsewhere.
      }
    }),
  );
  return Math.min(...times);
}
