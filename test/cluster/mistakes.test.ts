import { afterAll, beforeAll, it, vi } from 'vitest';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';
import { MISTAKES } from './mistakes/mistakes.ts';
import { MistakePlace } from './mistakes/place.ts';

// Most of the time passes in waiting, and side by side.
vi.setConfig({ maxConcurrency: MISTAKES.length });

const MINUTE = 60_000;

describeInCluster('status, on a mistake,', (cluster) => {
  let place: MistakePlace;
  let began: number;

  beforeAll(async () => {
    place = await MistakePlace.open(cluster());
    await place.install(MISTAKES);
    began = performance.now();
  }, CLUSTER_TIMEOUT);

  afterAll(() => place?.remove(), MINUTE);

  it.concurrent.for(MISTAKES)(
    'names $sentence, and ends with 1, within a minute; client app $clientApp',
    async (mistake, context) => {
      if (mistake.spoil !== undefined) {
        await mistake.spoil(place, mistake);
      }
      const from = mistake.spoil === undefined ? began : performance.now();
      let last = await place.status(mistake);
      const isNamed = (): boolean =>
        last.code === 1 &&
        mistake.says.every((words) => (typeof words === 'string' ? last.text.includes(words) : words.test(last.text)));
      while (!isNamed() && performance.now() - from < MINUTE) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        last = await place.status(mistake);
      }
      context.expect(last.code, last.text).toBe(1);
      for (const words of mistake.says) {
        if (typeof words === 'string') context.expect(last.text).toContain(words);
        else context.expect(last.text).toMatch(words);
      }
      process.stdout.write(`${mistake.id}: ${((performance.now() - from) / 1000).toFixed(1)} s\n`);
    },
  );
});
