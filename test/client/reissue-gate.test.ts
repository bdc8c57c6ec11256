import { describe, expect, it } from 'vitest';
import { ReissueGate } from '../../src/client/reissue-gate.ts';
import { ReissueError } from '../../src/core/errors.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { failure } from '../support/failure.ts';
import { answered, unreachable } from '../support/token-source.ts';

function gate() {
  const clock = createFakeClock();
  const passing = new ReissueGate(clock);
  const made: string[] = [];
  return {
    clock,
    made,
    succeed: () => passing.pass(async () => made.push('well')),
    fail: (error: Error) =>
      failure(
        passing.pass(async () => {
          made.push('ill');
          throw error;
        }),
      ),
  };
}

describe('the reissue gate', () => {
  it.each<[string, ReissueError, number]>([
    ['for as long as Retry-After says', answered(429, 7000), 7000],
    ['for half a second without a Retry-After', answered(502), 500],
    ['for half a second after a failed connection', unreachable(), 500],
    ['for half a second at least', answered(503, 0), 500],
    ['for ten minutes at most', answered(429, 365 * 86_400_000), 600_000],
  ])('is closed %s', async (_, refusal, closed) => {
    const { clock, made, fail, succeed } = gate();
    expect(await fail(refusal)).toBe(refusal);
    await clock.advance(closed - 1);
    const error = await failure(succeed());
    expect(error).toBeInstanceOf(ReissueError);
    expect(error).toMatchObject({ status: refusal.status, retryAfter: 1 });
    expect(made).toEqual(['ill']);
    await clock.advance(1);
    await succeed();
    expect(made).toEqual(['ill', 'well']);
  });

  it('reports the rejected call and the time of the next one', async () => {
    const { fail, succeed } = gate();
    await fail(answered(429, 7000));
    const error = await failure(succeed());
    expect((error as Error).message).toBe('The token-acquirer answered 429. The next call is made after 7s.');
  });

  it('repeats the code of the last answer, and reports whether anything was sent', async () => {
    const { fail, succeed } = gate();
    await fail(new ReissueError('It answered 503.', { status: 503, code: 'stopping' }));
    expect(await failure(succeed())).toMatchObject({ status: 503, code: 'stopping', unsendable: false });
    const other = gate();
    await other.fail(new ReissueError('The caller token file cannot be read.', { unsendable: true }));
    expect(await failure(other.succeed())).toMatchObject({ unsendable: true });
  });

  it('stays open after calls that succeeded', async () => {
    const { made, succeed } = gate();
    await succeed();
    await succeed();
    expect(made).toEqual(['well', 'well']);
  });

  it('passes other errors on and stays open', async () => {
    const { made, fail, succeed } = gate();
    expect(await fail(new TypeError('A defect in the client.'))).toBeInstanceOf(TypeError);
    await succeed();
    expect(made).toEqual(['ill', 'well']);
  });
});
