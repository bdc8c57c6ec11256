import { afterEach } from 'vitest';
import { installEnvoy } from '../install/envoy.ts';
import { realParts, stopAll } from '../real-parts.ts';
import { openSidecarPlace, type PlaceOptions, type SidecarPlace } from './place.ts';

/** Opens places for the tests of a suite, which is skipped where Envoy cannot be had. Each is closed after its test. */
export function sidecarPlaces(): (options?: PlaceOptions) => Promise<SidecarPlace> {
  realParts(async () => {
    await installEnvoy();
    return { stop: async () => {} };
  });
  const opened: SidecarPlace[] = [];
  afterEach(() => stopAll(opened.splice(0)));
  return async (options) => {
    const place = await openSidecarPlace(options);
    opened.push(place);
    return place;
  };
}
