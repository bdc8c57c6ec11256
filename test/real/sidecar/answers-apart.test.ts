import { describe, expect, it } from 'vitest';
import { until } from '../../support/until.ts';
import type { SidecarPlace } from './place.ts';
import { sidecarPlaces } from './places.ts';

/** Ten times what a recovery is expected to take. */
const SOON = 10_000;

async function post({ url }: SidecarPlace, path = 'orders'): Promise<number> {
  const response = await fetch(`${url}/${path}`, { method: 'POST', body: 'an order' });
  await response.arrayBuffer();
  return response.status;
}

/** The service answers requests for `/slow` when the returned function is called. */
function slowly({ service }: SidecarPlace): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { execute } = service;
  service.work = async (request, response) => {
    if (request.url === '/slow') await promise;
    await execute(request, response);
  };
  return resolve;
}

describe('the Envoy sidecar, whose file never follows', () => {
  const open = sidecarPlaces();

  it('uses the token of the answer for all calls', async () => {
    const place = await open();
    place.lag = undefined;
    place.revoke();
    for (let call = 1; call <= 20; call += 1) expect(await post(place)).toBe(200);
    expect(place.service.rejections()).toBe(1);
    expect(place.acquirer.reissues).toHaveLength(1);
  });

  it('replaces the token of the answer when that is revoked, too', async () => {
    const place = await open();
    place.lag = undefined;
    expect(await post(place)).toBe(200);
    for (let revocation = 1; revocation <= 12; revocation += 1) {
      const { sha256 } = place.current();
      place.revoke();
      expect(await post(place)).toBe(200);
      expect(place.acquirer.reissues.at(-1)).toEqual({ name: 'dynamics', rejected: sha256 });
    }
    expect(place.service.rejections()).toBe(12);
  });

  it('keeps the token of the answer where an earlier call with the rejected one is answered late', async () => {
    const place = await open();
    place.lag = undefined;
    const answer = slowly(place);
    const late = post(place, 'slow');
    await until('the slow call', () => place.service.seen.length === 1, SOON);
    place.revoke();
    expect(await post(place)).toBe(200);
    answer();
    expect(await late).toBe(200);
    expect(await post(place)).toBe(200);
    expect(place.service.rejections()).toBe(1);
    expect(place.acquirer.reissues).toHaveLength(1);
  });

  it('keeps the token of the answer where the late answer comes during the reissue', async () => {
    const place = await open();
    place.lag = undefined;
    const answer = slowly(place);
    const late = post(place, 'slow');
    await until('the slow call', () => place.service.seen.length === 1, SOON);
    place.revoke();
    const { promise, resolve } = Promise.withResolvers<void>();
    place.acquirer.hold = promise;
    const rejected = post(place);
    await until('the reissue', () => place.acquirer.reissues.length === 1, SOON);
    answer();
    expect(await late).toBe(200);
    resolve();
    expect(await rejected).toBe(200);
    expect(await post(place)).toBe(200);
    expect(place.service.rejections()).toBe(1);
  });

  it('reports to the token-acquirer whether the service accepted the token before', async () => {
    const place = await open();
    place.revoke();
    expect(await post(place)).toBe(200);
    place.revoke();
    expect(await post(place)).toBe(200);
    expect(place.acquirer.causes).toEqual(['never_accepted', 'revoked']);
  });
});

describe('the Envoy sidecar, whose reissue endpoint answers without a token', () => {
  const open = sidecarPlaces();

  it('waits for the file, and asks once', async () => {
    const place = await open();
    place.acquirer.respondWith = 'generation';
    place.lag = 500;
    place.revoke();
    expect(await post(place)).toBe(200);
    expect(place.acquirer.reissues).toHaveLength(1);
    expect(place.service.executed).toHaveLength(1);
  });
});
