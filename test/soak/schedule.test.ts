import { describe, expect, it } from 'vitest';
import { DISTURBANCES, KINDS, type Planned, quietTime, schedule } from './schedule.ts';
import { seeded } from './seeded.ts';

const HALF_AN_HOUR = { length: 30 * 60_000, lifetime: 60_000 };

function overlapping(planned: readonly Planned[]): [Planned, Planned][] {
  return planned.flatMap((one, index) =>
    planned
      .slice(index + 1)
      .filter((other) => other.at < one.at + one.lasts)
      .map((other): [Planned, Planned] => [one, other]),
  );
}

describe('the disturbances of a soak', () => {
  const planned = schedule(HALF_AN_HOUR, seeded(7));

  it('are the same for the same seed, and others for another one', () => {
    expect(schedule(HALF_AN_HOUR, seeded(7))).toEqual(planned);
    expect(schedule(HALF_AN_HOUR, seeded(8))).not.toEqual(planned);
  });

  it('have each kind in half an hour, some hundred in all', () => {
    expect(new Set(planned.map(({ kind }) => kind))).toEqual(new Set(DISTURBANCES));
    expect(planned.length).toBeGreaterThan(200);
    expect(planned.length).toBeLessThan(500);
  });

  it('are never two of one place at a time, but often two of different places', () => {
    const pairs = overlapping(planned);
    expect(
      pairs.filter(([one, other]) => KINDS[one.kind].place === KINDS[other.kind].place && KINDS[one.kind].place),
    ).toEqual([]);
    expect(pairs.length).toBeGreaterThan(20);
  });

  it('leave a quiet time at the end', () => {
    for (const { at, lasts } of planned) expect(at + lasts).toBeLessThan(HALF_AN_HOUR.length - quietTime(HALF_AN_HOUR));
  });

  it('leave out what is asked', () => {
    const some = schedule({ ...HALF_AN_HOUR, without: new Set(['disk-full', 'killed']) }, seeded(7));
    expect(some.filter(({ kind }) => kind === 'disk-full' || kind === 'killed')).toEqual([]);
  });
});
