import { openFileTokenSource } from '../../../src/client/file-token-source.ts';
import type { TokenSource } from '../../../src/client/token-source.ts';
import { fromVolumeData } from '../../../src/core/token-volume.ts';
import type { TokenVolume } from '../../../src/ports/token-volume.ts';
import { Acquirer } from '../../../src/token-acquirer/token/acquirer.ts';
import { Slots } from '../../../src/token-acquirer/token/slots.ts';
import { evenFractions } from '../../fakes/fake-random.ts';
import { FakeTokenEndpoint, tokenResponse } from '../../fakes/fake-token-endpoint.ts';
import { FakeTokenStore } from '../../fakes/fake-token-store.ts';
import { createWorld, specification, type World } from '../../support/acquirer.ts';

export interface Simulation {
  /** Seconds. */
  readonly lifetime: number;
  readonly lifetimes: number;
  readonly clients: number;
}

/** How often a client looks while a token lives. */
const LOOKS = 10;

/**
 * Token requests for one token over so many lifetimes, on a clock that is moved by hand. The parts around the cycle are
 * those of its tests. Throws where a client finds no valid token.
 */
export async function simulateRenewals({ lifetime, lifetimes, clients }: Simulation): Promise<number> {
  const endpoint = new FakeTokenEndpoint();
  endpoint.script(...Array.from({ length: 2 * lifetimes }, () => tokenResponse({ expiresIn: lifetime })));
  const world = createWorld({ endpoint, store: new FakeTokenStore() });
  const { clock } = world;
  const acquirer = startAcquirer(world);
  await clock.settle();
  const volume = volumeOf(world);
  const sources = Array.from({ length: clients }, () => openSource(world, volume));
  for (let look = 0; look < lifetimes * LOOKS; look += 1) {
    const started = endpoint.requests.length;
    await clock.advance((lifetime * 1000) / LOOKS);
    if (endpoint.requests.length !== started) volume.tell();
    for (const source of sources) source.current();
  }
  for (const source of sources) source.close();
  const stopped = acquirer.stop();
  await clock.settle();
  await stopped;
  return endpoint.requests.length;
}

function startAcquirer(world: World): Acquirer {
  const nothing = (): void => undefined;
  const telemetry = { token: nothing, process: nothing, forget: nothing };
  const abandon = new AbortController().signal;
  const acquirer = new Acquirer({
    ...world,
    random: evenFractions(),
    telemetry,
    abandon,
    slots: new Slots(1, world.clock),
  });
  acquirer.apply([specification()]);
  return acquirer;
}

interface ToldVolume extends TokenVolume {
  /** Something was written. */
  tell(): void;
}

/** What the acquirer stored, as a client would find it mounted. */
function volumeOf({ store }: World): ToldVolume {
  const { identity } = specification();
  const listeners = new Set<() => void>();
  return {
    read: (key) => fromVolumeData(key, store.data(identity)),
    watch(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    tell() {
      for (const listen of listeners) listen();
    },
  };
}

function openSource({ clock }: World, volume: TokenVolume): TokenSource {
  const { key } = specification();
  const onFault = (fault: Error): void => {
    throw fault;
  };
  const random = evenFractions();
  return openFileTokenSource({ name: key, key, volume, reissuer: undefined, clock, random, rereadFor: 0, onFault });
}
