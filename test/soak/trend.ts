import { median } from '../bench/statistics.ts';

/** A value at a time, in seconds. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

/** The lowest point of each span of this length: what stays when caches, bursts and garbage have come and gone. */
export function lowest(points: readonly Point[], span: number): Point[] {
  const spans = Map.groupBy(points, ({ at }) => Math.floor(at / span));
  return [...spans.values()].map((some) => some.reduce((least, point) => (point.value < least.value ? point : least)));
}

/** The median of the slopes between all pairs of points (Theil and Sen), a second: a few odd points change nothing. */
export function slope(points: readonly Point[]): number {
  const slopes = points.flatMap((one, index) =>
    points
      .slice(index + 1)
      .flatMap((other) => (other.at > one.at ? [(other.value - one.value) / (other.at - one.at)] : [])),
  );
  return slopes.length === 0 ? 0 : median(slopes);
}

/** How much the values grew from the first point to the last, by their slope. */
export function growth(points: readonly Point[]): number {
  return slope(points) * ((points.at(-1)?.at ?? 0) - (points[0]?.at ?? 0));
}
