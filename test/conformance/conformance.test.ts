import { afterAll, describe, it } from 'vitest';
import { realParts } from '../real/real-parts.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { Client, LANGUAGES } from './clients.ts';
import { SITUATIONS } from './situations.ts';
import { World } from './world.ts';

const folders: { remove(): void }[] = [];
afterAll(() => {
  for (const folder of folders) folder.remove();
});

describe.each(LANGUAGES)('the client in $name', (language) => {
  const program = realParts(async () => {
    const folder = temporaryDirectory();
    folders.push(folder);
    return { ...(await language.prepare(folder.path)), stop: async () => {} };
  });
  const possible = SITUATIONS.filter(({ needs }) => needs === undefined || language.can.includes(needs));

  it.concurrent.each(possible.map((situation) => [situation.name, situation] as const))(
    '%s',
    async (_, { world: options, prepare, run }) => {
      const world = await World.open(options);
      prepare?.(world);
      const client = new Client(program(), world.env, `the client in ${language.name}`);
      try {
        await run(client, world, (path = '/incidents') => client.call(world.gateway + path));
      } finally {
        await client.end();
        await world.close();
      }
    },
    60_000,
  );
});
