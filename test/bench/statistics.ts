/** The value that this share of the values does not exceed (nearest rank). NaN where there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/**
 * How many of the times lie in a window of this length, averaged over all windows that lie between the first moment
 * and the last: a count over one window would hang on where it happens to begin.
 */
export function meanCount(times: readonly number[], window: number, [from, to]: readonly [number, number]): number {
  const room = to - window - from;
  if (room < 0) throw new Error('The window is longer than the time that was observed.');
  if (room === 0) return times.filter((time) => time >= from && time < to).length;
  // A time is within all windows that begin in (time - window, time].
  const shares = times.map((time) => Math.min(time, from + room) - Math.max(time - window, from));
  return sum(shares.map((share) => Math.max(0, share))) / room;
}
