import { describe, expect, it } from 'vitest';
import { Redacted } from '../../src/core/redacted.ts';
import { ownerOf, shardName, shardsOf } from '../../src/core/shards.ts';
import type { Configuration } from '../../src/token-acquirer/configuration/resolve.ts';
import { ProcessStatus } from '../../src/token-acquirer/endpoints/process-status.ts';
import { Elector } from '../../src/token-acquirer/leadership/elector.ts';
import { ProcessShards } from '../../src/token-acquirer/process-shards.ts';
import { Acquirer } from '../../src/token-acquirer/token/acquirer.ts';
import { Slots } from '../../src/token-acquirer/token/slots.ts';
import { FakeLease, type FakeLeaseConnection } from '../fakes/fake-lease.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, seconds, specification, type World } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const NAMES = Array.from({ length: 12 }, (_, index) => `tokens-${index}`);
/** Half of the tokens have a rotating refresh token. */
const isRotating = (name: string): boolean => Number(name.slice('tokens-'.length)) % 2 === 0;

/** A configuration with so many shards. */
function configuration(count: number, names = NAMES): Pick<Configuration, 'shards' | 'tokens' | 'cluster'> {
  const shards = shardsOf(count, []);
  const tokens = names.map((name) => {
    const identity = { namespace: 'billing', secret: name, name: 'dynamics' };
    const grant = isRotating(name) ? 'refresh_token' : 'client_credentials';
    return specification({ identity, credential: name, grant, shard: ownerOf(identity, shards) });
  });
  return { shards, tokens, cluster: { service: 'token-acquirer' } as Configuration['cluster'] };
}

/** An authorization server that sees a refresh token that is sent twice. */
class RotatingServer {
  readonly requests = new Map<string, number>();
  replays = 0;
  readonly #spent = new Set<string>();

  constructor({ endpoint }: World) {
    const original = endpoint.request.bind(endpoint);
    endpoint.request = async (request, signal) => {
      const { credential, refreshToken } = request as { credential: { name: string }; refreshToken?: Redacted };
      this.requests.set(credential.name, (this.requests.get(credential.name) ?? 0) + 1);
      if (refreshToken === undefined) return { ...(await original(request, signal)), expiresIn: 600 };
      if (this.#spent.has(refreshToken.reveal())) this.replays += 1;
      this.#spent.add(refreshToken.reveal());
      const successor = new Redacted(secret('refresh-token'));
      return { ...(await original(request, signal)), ...tokenResponse({ expiresIn: 600, refreshToken: successor }) };
    };
  }
}

/** Processes of several shards with one store, one state and one authorization server. */
class Installation {
  readonly world = createWorld();
  readonly server = new RotatingServer(this.world);
  readonly #leases = new Map<string, FakeLease>();

  constructor() {
    for (const name of NAMES) {
      this.world.credentials.set(name, {
        client_id: name,
        client_secret: secret('client-secret'),
        refresh_token: secret('first-refresh-token'),
      });
    }
  }

  lease(shard: number): FakeLease {
    const name = shardName('token-acquirer', shard);
    const lease = this.#leases.get(name) ?? new FakeLease();
    this.#leases.set(name, lease);
    return lease;
  }

  connect(name: string): FakeLeaseConnection {
    const shard = Number(/-shard-(\d+)$/.exec(name)?.[1] ?? 0);
    return this.lease(shard).connect();
  }

  async start(shard: number, count: number): Promise<Process> {
    const process = new Process(this, shard, count);
    await this.world.clock.settle();
    await process.ready;
    return process;
  }

  /** Counts the requests of each token within `act`. */
  async counting(act: () => Promise<void>): Promise<ReadonlyMap<string, number>> {
    const before = new Map(this.server.requests);
    await act();
    return new Map(NAMES.map((name) => [name, (this.server.requests.get(name) ?? 0) - (before.get(name) ?? 0)]));
  }
}

/** What a process of one shard consists of, without its listeners. */
class Process {
  readonly shards: ProcessShards;
  readonly acquirer: Acquirer;
  readonly status: ProcessStatus;
  readonly ready: Promise<void>;
  readonly #elector: Elector;
  readonly #stop = new AbortController();

  constructor(installation: Installation, shard: number, count: number) {
    const { world } = installation;
    const { clock } = world;
    const telemetry = { token: () => undefined, process: () => undefined, forget: () => undefined };
    const first = configuration(count);
    this.status = new ProcessStatus(clock, telemetry);
    const election = {
      namespace: 'token-acquirer',
      leaseOf: (name: string) => installation.connect(name),
      begin: () => this.#elector,
    };
    this.shards = new ProcessShards(first, { clock, status: this.status, own: shard, election });
    const { deployment } = this.shards;
    const self = {
      identity: `${deployment}-5d9c7-abcde_1`,
      isPod: true,
      address: `10.0.0.${shard}:8443`,
      assignment: this.shards.leases?.assignment,
      deployment,
    };
    this.#elector = new Elector({ clock, lease: installation.connect(deployment), self, onLook: () => undefined });
    this.#elector.run();
    this.acquirer = new Acquirer({
      ...world,
      // Of those that stand back by chance.
      random: fakeRandom(0.5),
      telemetry,
      leadership: this.#elector,
      shards: this.shards.leases,
      slots: new Slots(20, clock),
      abandon: new AbortController().signal,
    });
    this.ready = this.shards.run(this.#stop.signal).then(() => this.load(count));
  }

  /** Loads a configuration, as after a change of the ConfigMap. */
  load(count: number, names = NAMES): void {
    const next = configuration(count, names);
    this.shards.follow(next);
    this.acquirer.apply(next.tokens, (token) => this.shards.owns(token));
    void this.acquirer.released().then(() => this.#elector.act(this.shards.leases?.assignment ?? ''));
  }

  /** Ends as after SIGTERM. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.acquirer.stop();
    await this.#elector.release();
  }

  owned(): string[] {
    return [...this.acquirer.acquisitions]
      .filter(({ owner }) => owner.formerOwner === undefined)
      .map(({ cycle }) => cycle.specification.identity.secret);
  }
}

const moved = NAMES.filter((name) => ownerOf({ namespace: 'billing', secret: name }, shardsOf(2, [])) === 1);

describe('a change of the number of shards', () => {
  it('moves tokens, both with and without rotating refresh tokens', () => {
    expect(moved.some(isRotating) && moved.some((name) => !isRotating(name))).toBe(true);
    expect(moved.length).toBeLessThan(NAMES.length);
  });

  it('from one to two requests no token once more, and replays no refresh token, whichever process is first', async () => {
    for (const isNewFirst of [true, false]) {
      const installation = new Installation();
      const { clock } = installation.world;
      const first = await installation.start(0, 1);
      await clock.advance(minutes(1));
      const counts = await installation.counting(async () => {
        if (!isNewFirst) first.load(2);
        await clock.advance(seconds(30));
        const second = await installation.start(1, 2);
        await clock.advance(seconds(60));
        if (isNewFirst) {
          expect(second.owned()).toEqual([]);
          first.load(2);
        }
        await clock.advance(seconds(5));
        expect(second.owned().toSorted()).toEqual(moved.toSorted());
        expect(first.owned()).toHaveLength(NAMES.length - moved.length);
        // Each token is due once.
        await clock.advance(minutes(7));
        await second.stop();
        await first.stop();
      });
      expect(new Set(counts.values())).toEqual(new Set([1]));
      expect(installation.server.replays).toBe(0);
      for (const name of NAMES) {
        const identity = { namespace: 'billing', secret: name, name: 'dynamics' };
        expect(Object.keys(installation.world.store.data(identity))).toHaveLength(2);
        if (isRotating(name)) {
          const lease = shardName('token-acquirer', moved.includes(name) ? 1 : 0);
          expect(installation.world.chains.peek(identity)).toMatchObject({ lease, inUse: false });
        }
      }
    }
  });

  it('back to one gives all tokens to the first, once the second has ended', async () => {
    const installation = new Installation();
    const { clock } = installation.world;
    const first = await installation.start(0, 2);
    const second = await installation.start(1, 2);
    await clock.advance(minutes(1));
    const counts = await installation.counting(async () => {
      first.load(1);
      await clock.advance(seconds(30));
      expect(first.owned()).toHaveLength(NAMES.length - moved.length);
      await second.stop();
      await clock.advance(seconds(5));
      expect(first.owned()).toHaveLength(NAMES.length);
      await clock.advance(minutes(7));
    });
    expect(new Set(counts.values())).toEqual(new Set([1]));
    expect(installation.server.replays).toBe(0);
    for (const name of moved)
      expect(Object.keys(installation.world.store.data({ namespace: 'billing', secret: name }))).toHaveLength(2);
  });

  it('back to one with a process of the second shard that never learns of it leaves the tokens with that process, and says so', async () => {
    const installation = new Installation();
    const { clock } = installation.world;
    const first = await installation.start(0, 2);
    await installation.start(1, 2);
    await clock.advance(minutes(1));
    const counts = await installation.counting(async () => {
      first.load(1);
      await clock.advance(minutes(7));
    });
    expect(new Set(counts.values())).toEqual(new Set([1]));
    expect(first.owned()).toHaveLength(NAMES.length - moved.length);
    expect(installation.server.replays).toBe(0);
    expect(first.status.conditions.find(({ type }) => type === 'ShardsAgree')).toMatchObject({
      status: false,
      reason: 'ShardBehind',
      message: expect.stringContaining(
        'Shard 1, whose Lease token-acquirer-shard-1 the pod token-acquirer-shard-1-5d9c7-abcde holds, still acts on another number of shards.',
      ),
    });
  });

  it('back and forth in quick succession replays no refresh token', async () => {
    const installation = new Installation();
    const { clock } = installation.world;
    const processes = [await installation.start(0, 1), await installation.start(1, 1)];
    const counts = await installation.counting(async () => {
      for (let round = 0; round < 20; round += 1) {
        processes[round % 2]?.load(1 + (round % 3 === 0 ? 1 : 0));
        await clock.advance(seconds(7));
        processes[(round + 1) % 2]?.load(1 + (round % 3 === 0 ? 1 : 0));
        await clock.advance(seconds(20));
      }
      for (const process of processes) process.load(2);
      await clock.advance(minutes(6));
    });
    expect(installation.server.replays).toBe(0);
    // 15 min, of tokens that are renewed after 6.7.
    for (const count of counts.values()) expect(count).toBeLessThanOrEqual(3);
    expect(processes[1]?.owned().toSorted()).toEqual(moved.toSorted());
  });

  it('removes the keys only of a token that is configured nowhere', async () => {
    const installation = new Installation();
    const { clock, store } = installation.world;
    const first = await installation.start(0, 1);
    const second = await installation.start(1, 2);
    first.load(2);
    await clock.advance(seconds(10));
    const [gone = ''] = moved;
    first.load(
      2,
      NAMES.filter((name) => name !== gone),
    );
    await clock.advance(seconds(40));
    expect(Object.keys(store.data({ namespace: 'billing', secret: gone }))).toHaveLength(2);
    second.load(
      2,
      NAMES.filter((name) => name !== gone),
    );
    await clock.advance(seconds(10));
    expect(store.data({ namespace: 'billing', secret: gone })).toEqual({});
  });
});

describe('a shard whose process was killed', () => {
  it('is reported by the others once its Lease has ended, with the number of its tokens', async () => {
    const installation = new Installation();
    const { clock } = installation.world;
    const first = await installation.start(0, 2);
    installation
      .lease(1)
      .edit({ holder: 'token-acquirer-shard-1-5d9c7-abcde_1', renewedAt: clock.now(), duration: 60_000 });
    await clock.advance(seconds(50));
    expect(first.shards.unowned).toEqual([
      { shard: 0, tokens: 0 },
      { shard: 1, tokens: 0 },
    ]);
    await clock.advance(seconds(50));
    expect(first.shards.unowned).toEqual([
      { shard: 0, tokens: 0 },
      { shard: 1, tokens: moved.length },
    ]);
    expect(first.status.conditions.find(({ type }) => type === 'ShardsOwned')).toMatchObject({
      status: false,
      message: `Nobody holds the Lease of shard 1 (Lease token-acquirer-shard-1, tokens: ${moved.length}), so these tokens are not renewed. Start the Deployment token-acquirer-shard-1 with the argument --shard 1, or set shards to a smaller number.`,
    });
    const second = await installation.start(1, 2);
    await clock.advance(seconds(80));
    expect(first.shards.unowned[1]).toEqual({ shard: 1, tokens: 0 });
    expect(first.status.isUnhealthy('ShardsOwned')).toBe(false);
    await second.stop();
  });
});
