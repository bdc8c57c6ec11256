import { setTimeout as pause } from 'node:timers/promises';
import { atMost, type Benchmark, type Row } from '../benchmark.ts';
import { openTown, requestToken, type Town } from '../parts/town.ts';
import { milliseconds } from '../report/numbers.ts';
import { quantile } from '../statistics.ts';

const WARM_UP = 20;
const SAMPLES = 200;
/** Let what a recovery leaves to do be done before the next one. */
const REST = 15;
const P50_GOAL = 1.5;
const P99_GOAL = 3;

export const recovery: Benchmark = {
  name: 'recovery',
  title: 'From a revoked token to the first success',
  method: [
    `${SAMPLES} tokens are revoked one by one at a real authorization server, and each time the client library calls through a gateway that introspects: 401, reissue by the token-acquirer, replay.`,
    'Floor, in turns with it: the same two calls by hand, with one client_credentials request by node:http in between. Each quantile is compared with the same one of the floor; the highest also with its median.',
  ],
  async run({ scope, tell }) {
    const apps = WARM_UP + SAMPLES;
    tell(`${apps} tokens, each in its own Secret`);
    const town = await openTown(scope, apps);
    // Token requests for one token are never closer than this.
    await pause(1000);
    tell(`${SAMPLES} revocations`);
    const samples = await takeSamples(town, apps);
    return rowsOf(samples.slice(WARM_UP));
  },
};

interface Sample {
  readonly ours: number;
  readonly floor: number;
}

async function takeSamples(town: Town, apps: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let app = 0; app < apps; app += 1) {
    const client = await town.client(app);
    const revoked = client.source.current().accessToken.reveal();
    await town.revoke(revoked);
    const ours = await timeOf(async () => {
      await succeed(await client.call(town.service));
    });
    await pause(REST);
    const floor = await timeOf(() => byHand(town, revoked));
    await pause(REST);
    client.close();
    samples.push({ ours, floor });
  }
  return samples;
}

async function byHand(town: Town, revoked: string): Promise<void> {
  const rejected = await fetch(town.service, { headers: { authorization: `Bearer ${revoked}` } });
  await rejected.arrayBuffer();
  if (rejected.status !== 401) throw new Error(`The revoked token was answered ${rejected.status}.`);
  const token = await requestToken(town);
  await succeed(await fetch(town.service, { headers: { authorization: `Bearer ${token}` } }));
}

async function succeed(response: Response): Promise<void> {
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`The call was answered ${response.status}.`);
}

async function timeOf(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

function rowsOf(samples: readonly Sample[]): Row[] {
  const ours = samples.map((sample) => sample.ours);
  const floors = samples.map(({ floor }) => floor);
  const row = (name: string, share: number, floor: number): Row => {
    const mine = quantile(ours, share);
    return { name, ours: milliseconds(mine), reference: milliseconds(floor), ratio: mine / floor };
  };
  const half = row('p50', 0.5, quantile(floors, 0.5));
  const most = row('p99', 0.99, quantile(floors, 0.99));
  return [
    { ...half, against: 'floor', goal: atMost(P50_GOAL, half.ratio) },
    { ...most, against: 'floor', goal: atMost(P99_GOAL, most.ratio) },
    row("p99, compared with the floor's p50", 0.99, quantile(floors, 0.5)),
  ];
}
