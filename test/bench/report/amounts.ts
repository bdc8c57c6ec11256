import type { Measured, Row } from '../benchmark.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, kB: 1000, MB: 1_000_000 };

/** Returns a row that was measured. */
export function rowOf(measured: readonly Measured[], benchmark: string, row: string): Row | undefined {
  return measured.find((one) => one.benchmark.name === benchmark)?.rows.find(({ name }) => name === row);
}

/** Returns the first number of a text, in milliseconds or bytes where it has such a unit. */
export function amountOf(text: string | undefined): number | undefined {
  const [, amount, unit = ''] = /^(-?[\d.,]+)(?: (ms|s|kB|MB)\b)?/.exec(text ?? '') ?? [];
  return amount === undefined ? undefined : Number(amount.replaceAll(',', '')) * (UNITS[unit] ?? 1);
}
