import { authorizedFetch, type Fetch } from '../../src/client/authorized-fetch.ts';
import { openFileTokenSource } from '../../src/client/file-token-source.ts';
import type { TokenSource } from '../../src/client/token-source.ts';
import { ReissueError } from '../../src/core/errors.ts';
import { type EpochMs, type Ms, type Sha256, sha256 } from '../../src/core/token.ts';
import type { Reissuer } from '../../src/ports/reissuer.ts';
import type { TokenSpecification } from '../../src/token-acquirer/token/specification.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { FakeTokenVolume } from '../fakes/fake-token-volume.ts';
import { createWorld, type Started, specification, start } from './acquirer.ts';

const GATEWAY = 'https://gateway.example.com';

export interface ClientAndAcquirer extends Started {
  readonly source: TokenSource;
  readonly faults: string[];
  /** Causes of the reissue calls. */
  readonly causes: unknown[];
  /** Calls with each of these pauses between them until `duration` has passed; how many were rejected in the end. */
  callsFor(duration: Ms, every: Ms): Promise<{ calls: number; failed: number }>;
  /** One call; its status. `within` is how long the clock moves for it. */
  callOnce(within?: Ms): Promise<number>;
}

export interface ClientAndAcquirerOptions {
  readonly lifetime: Ms;
  readonly specification?: Partial<TokenSpecification>;
  /** Whether the gateway takes a token that was first seen at this time of the clock. */
  readonly takes: (hash: Sha256, seen: EpochMs, now: EpochMs) => boolean;
  /** Whether the volume follows the store. */
  readonly volumeFollows?: boolean;
  /** By how much the client's clock is ahead. */
  readonly ahead?: Ms;
}

/** The client library and the token-acquirer on one clock; the wire between them keeps the contract. */
export async function startClientAndAcquirer(options: ClientAndAcquirerOptions): Promise<ClientAndAcquirer> {
  const { lifetime, takes, volumeFollows = true, ahead = 0 } = options;
  const world = createWorld();
  world.endpoint.script(...Array.from({ length: 2000 }, () => tokenResponse({ expiresIn: lifetime / 1000 })));
  const started = await start(world, { specifications: [specification(options.specification)] });
  const { clock } = started;
  const issuedAt = new Map<Sha256, EpochMs>();
  const causes: unknown[] = [];
  const faults: string[] = [];
  const volume = new FakeTokenVolume();
  const sync = (): void => {
    const token = started.only().cycle.held.token;
    if (token !== undefined && !issuedAt.has(token.sha256)) issuedAt.set(token.sha256, clock.now());
    if (started.stored()?.sha256 !== volume.read('dynamics')?.sha256) volume.put('dynamics', started.stored());
  };
  sync();
  const source = openFileTokenSource({
    name: 'dynamics',
    key: 'dynamics',
    volume,
    reissuer: reissuerOf(started, causes),
    clock: { now: () => clock.now() + ahead, monotonic: clock.monotonic, wait: clock.wait },
    random: fakeRandom(0),
    rereadFor: 10_000,
    onFault: ({ message }) => faults.push(message),
  });
  const fetch: Fetch = async (_, init) => {
    const hash = sha256((new Headers(init?.headers).get('authorization') ?? '').slice('Bearer '.length));
    if (!issuedAt.has(hash)) issuedAt.set(hash, clock.now());
    if (takes(hash, issuedAt.get(hash) ?? 0, clock.now())) return new Response('done');
    return new Response('no', { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } });
  };
  const call = authorizedFetch(source, { fetch, origins: [GATEWAY] });
  const statusOf = async (): Promise<number> => (await call(GATEWAY)).status;
  return {
    ...started,
    source,
    faults,
    causes,
    async callsFor(duration, every) {
      const calls: Promise<number>[] = [];
      let pending = 0;
      for (let passed = 0; passed < duration; passed += every) {
        if (volumeFollows) sync();
        pending += 1;
        calls.push(statusOf().finally(() => (pending -= 1)));
        await clock.advance(every);
      }
      // No longer than they take: what the test does next is to follow at its time.
      while (pending > 0) await clock.advance(100);
      const statuses = await Promise.all(calls);
      return { calls: statuses.length, failed: statuses.filter((status) => status !== 200).length };
    },
    async callOnce(within = 3000) {
      if (volumeFollows) sync();
      const status = statusOf();
      await clock.advance(within);
      return status;
    },
  };
}

/** As the routes answer: whole seconds, a `Retry-After` that is rounded up. */
function reissuerOf({ only, clock }: Started, causes: unknown[]): Reissuer {
  return {
    async reissue(_, rejected, { cause } = {}) {
      causes.push(cause);
      const reissue = await only().reissues.reissue(rejected, () => Promise.resolve(undefined), { cause });
      if (!('token' in reissue)) {
        const status = reissue.result === 'paused' ? 429 : 502;
        const retryAfter = Math.ceil(reissue.retryAfter / 1000) * 1000;
        throw new ReissueError(`The token-acquirer answered ${status}.`, { status, retryAfter });
      }
      const { token, stored, result: outcome } = reissue;
      const { accessToken, issuedAt, expiresAt, generation } = token;
      const expiresIn = Math.floor(only().cycle.held.remaining() / 1000) * 1000;
      return { outcome, stored, accessToken, issuedAt, expiresAt, expiresIn, generation };
    },
    async current() {
      throw new ReissueError(`Not at ${clock.now()}.`, { status: 403 });
    },
  };
}
