import { describe, expect, it } from 'vitest';
import { TokenRequestError } from '../../src/core/errors.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, seconds, start } from '../support/acquirer.ts';

const REFUSED = new TokenRequestError('invalid_client', 'Refused.', { progress: 'answered' });

/** A token of ten minutes, and the reason of `Ready` after each change that is reported from then on. */
async function startWith(...answers: readonly TokenRequestError[]) {
  const world = createWorld();
  world.endpoint.script(tokenResponse({ expiresIn: 600 }), ...answers);
  const started = await start(world);
  const { clock, only, telemetry } = started;
  await clock.advance(seconds(5));
  const seen: (string | undefined)[] = [];
  const changed = (): void => void seen.push(only().cycle.status.get('Ready')?.reason);
  Object.assign(telemetry, { changed });
  return { ...started, seen };
}

describe('a change of a condition', () => {
  it('is reported when a token expires, between two requests that fail', async () => {
    const { clock, endpoint, seen } = await startWith(...Array.from({ length: 50 }, () => REFUSED));
    await clock.advance(minutes(10) - seconds(6));
    expect(seen.at(-1)).toBe('TokenValid');
    const requests = endpoint.requests.length;
    await clock.advance(seconds(2));
    expect(seen.at(-1)).toBe('TokenExpired');
    expect(endpoint.requests.length - requests).toBeLessThanOrEqual(1);
  });

  it('is reported when the last error is over', async () => {
    const { clock, only, seen } = await startWith(REFUSED);
    await clock.advance(minutes(7));
    expect(only().cycle.status.lastError).toMatchObject({ code: 'invalid_client' });
    const before = seen.length;
    await clock.advance(minutes(2));
    expect(only().cycle.status.lastError).toBeUndefined();
    expect(seen.length).toBeGreaterThan(before);
  });

  it('is not reported while the conditions stay', async () => {
    const { clock, seen } = await startWith();
    await clock.advance(minutes(2));
    expect(seen).toEqual([]);
  });
});
