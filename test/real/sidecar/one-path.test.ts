import { describe, expect, it } from 'vitest';
import type { SidecarPlace } from './place.ts';
import { sidecarPlaces } from './places.ts';

const CALLS = 6;

async function get({ url }: SidecarPlace, path: string): Promise<number> {
  const response = await fetch(`${url}/${path}`);
  await response.arrayBuffer();
  return response.status;
}

/** The service rejects each request for `/me`, whatever its token is. */
function rejectOnePath({ service }: SidecarPlace): void {
  service.challenge = 'Bearer';
  service.work = (request, response) => (request.url === '/me' ? service.reject : service.execute)(request, response);
}

/** Attempts of each call of `/me`, where calls of another path come in between. */
async function attemptsOfCalls(place: SidecarPlace): Promise<number[]> {
  const attempts: number[] = [];
  for (let call = 1; call <= CALLS; call += 1) {
    expect(await get(place, 'orders')).toBe(200);
    const before = place.service.rejections();
    expect(await get(place, 'me')).toBe(401);
    attempts.push(place.service.rejections() - before);
  }
  return attempts;
}

describe('the Envoy sidecar, whose service rejects one path and accepts others', () => {
  const open = sidecarPlaces();

  it('reports a token as never accepted once it did not help, though other calls succeed with it', async () => {
    const place = await open();
    rejectOnePath(place);
    await attemptsOfCalls(place);
    expect(place.acquirer.causes.slice(0, 2)).toEqual(['revoked', 'never_accepted']);
    expect(new Set(place.acquirer.causes.slice(1))).toEqual(new Set(['never_accepted']));
  });

  it('asks for one token for each call, and retries once', async () => {
    const place = await open();
    rejectOnePath(place);
    const [first, ...later] = await attemptsOfCalls(place);
    // The first new token may have been too new for the gateway. Each attempt waits for a random time.
    expect(first).toBeLessThan(13);
    expect(later).toEqual(later.map(() => 2));
    expect(place.acquirer.reissues).toHaveLength(CALLS);
  });

  it('stops to retry the path where it has no reissue endpoint', { timeout: 60_000 }, async () => {
    const place = await open({ reissue: false });
    rejectOnePath(place);
    const attempts = await attemptsOfCalls(place);
    expect(attempts.at(0)).toBeGreaterThan(1);
    // The calls before may be within the 10 s in which another token may come.
    expect(attempts.slice(-2)).toEqual([1, 1]);
  });

  it('recovers calls of the other path after a revocation', async () => {
    const place = await open();
    rejectOnePath(place);
    await attemptsOfCalls(place);
    place.revoke();
    expect(await get(place, 'orders')).toBe(200);
    place.revoke();
    expect(await get(place, 'orders')).toBe(200);
    expect(place.acquirer.causes.at(-1)).toBe('revoked');
  });
});
