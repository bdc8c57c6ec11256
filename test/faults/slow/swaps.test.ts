import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { authorizedFetch } from '../../../src/client/index.ts';
import { sha256 } from '../../../src/core/token.ts';
import { startSurroundings } from '../../support/client-side.ts';
import { until } from '../../support/until.ts';
import { row } from '../row.ts';
import { SteadyCalls } from '../steady-calls.ts';

const WRITER = join(import.meta.dirname, '../../fixtures/volume-writer.ts');
const SWAPS = 100_000;

describe('a volume that is swapped while it is read', () => {
  row(
    'F30',
    async (run) => {
      const { directory, gateway, tokens, current, stop } = await startSurroundings();
      run.atEnd(stop);
      const source = tokens({ reissue: undefined }).source('dynamics');
      await source.ready();
      const call = authorizedFetch(source, { origins: [gateway.url] });
      gateway.accepted.add(current().sha256);
      const sent = new Set<string>();
      const torn: string[] = [];
      const calls = new SteadyCalls({
        every: 5,
        async call() {
          const { sha256: hash, accessToken } = source.current();
          if (sha256(accessToken.reveal()) !== hash) torn.push(hash);
          // The gateway has not seen what the writer swaps in.
          gateway.accepted.add(hash);
          sent.add(hash);
          const answer = await call(`${gateway.url}/incidents`);
          await answer.body?.cancel();
          return answer.status;
        },
        validity: () => async () => true,
      });
      run.count(calls);
      const writer = fork(WRITER, [directory, String(SWAPS)]);
      run.atEnd(() => writer.kill('SIGKILL'));
      const [code] = (await once(writer, 'exit')) as [number | null];
      expect(code).toBe(0);
      await until('The last swap', () => source.current().generation === SWAPS, 10_000);
      expect(calls.figures.failed).toBe(0);
      expect(torn).toEqual([]);
      expect(sent.size).toBe(3);
    },
    { timeout: 180_000 },
  );
});
