import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mountedTokens } from '../../../src/client/index.ts';
import { toVolumeData } from '../../../src/core/token-volume.ts';
import { AtomicWriter } from '../../support/atomic-writer.ts';
import { freshToken } from '../../support/client-side.ts';
import type { Benchmark, Row, Scope } from '../benchmark.ts';
import { volumeRoot } from '../parts/place.ts';
import { nanoseconds } from '../report/numbers.ts';
import { median } from '../statistics.ts';

const ROUNDS = 41;
const ROUND_MS = 5;

export const headerCost: Benchmark = {
  name: 'header',
  title: 'Cost of the Authorization header for each call',
  method: [
    `The value of the header from the client library's token source, which looks at the expiry each time; medians of ${ROUNDS} rounds of ${ROUND_MS} ms, in turns.`,
    'Compared with: reading the token file for each call with readFileSync, and a string that is made once and never renewed.',
  ],
  async run({ scope, tell }) {
    tell('token source, readFileSync, fixed string');
    const { source, file } = await openVolume(scope);
    const fixed = `Bearer ${readFileSync(file, 'utf8')}`;
    const times = takeTurns({
      source: () => `Bearer ${source.current().accessToken.reveal()}`,
      file: () => `Bearer ${readFileSync(file, 'utf8')}`,
      fixed: () => fixed,
    });
    const { source: ours = 0, file: read = 0, fixed: least = 0 } = times;
    return [
      { ...rowOf('compared with readFileSync', ours, read), against: 'peer' },
      { ...rowOf('compared with a fixed string', ours, least), against: 'floor' },
    ];
  },
};

function rowOf(name: string, ours: number, peer: number): Row {
  return { name, ours: nanoseconds(ours), reference: nanoseconds(peer), ratio: ours / peer };
}

async function openVolume(scope: Scope) {
  const directory = mkdtempSync(join(volumeRoot(), 'token-acquirer-bench-'));
  scope.add(() => rmSync(directory, { recursive: true, force: true }));
  new AtomicWriter(directory).write(toVolumeData('dynamics', freshToken()));
  const tokens = mountedTokens({ directory });
  scope.add(() => tokens.close());
  const source = tokens.source('dynamics');
  await source.ready();
  return { source, file: join(directory, 'dynamics') };
}

/** Nanoseconds a call, by name; the median of rounds that take turns. */
function takeTurns(work: Readonly<Record<string, () => string>>): Record<string, number> {
  const names = Object.keys(work);
  const times = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    globalThis.gc?.();
    for (const name of names) times.get(name)?.push(timeOf(work[name] ?? String));
  }
  return Object.fromEntries([...times].map(([name, values]) => [name, median(values)]));
}

const BATCH = 50;

function timeOf(work: () => string): number {
  const started = performance.now();
  let calls = 0;
  // Kept, so that no call can be left out as useless.
  let length = 0;
  while (performance.now() - started < ROUND_MS) {
    for (let call = 0; call < BATCH; call += 1) length += work().length;
    calls += BATCH;
  }
  const took = performance.now() - started;
  if (length === 0) throw new Error('The header is empty.');
  return (took * 1e6) / calls;
}
