import { GRANTS } from '../../src/core/credential-needs.ts';
import type { ProcessEvent, TokenEvent } from '../../src/core/events.ts';
import { DEFAULT_LIFETIME, DEFAULT_RENEWAL } from '../../src/core/renewal.ts';
import { identityText, type Ms, type Token, type TokenIdentity } from '../../src/core/token.ts';
import { NO_COPIES } from '../../src/core/token-copies.ts';
import { BEARER_HEADER } from '../../src/core/token-header.ts';
import { fromVolumeData } from '../../src/core/token-volume.ts';
import type { AppLogs } from '../../src/ports/app-log.ts';
import type { Pace } from '../../src/ports/pace.ts';
import type { OAuthDemand, TokenDemand } from '../../src/ports/protocols.ts';
import type { Random } from '../../src/ports/random.ts';
import type { StoreWatch } from '../../src/ports/store-watch.ts';
import type { DecisionLog, Telemetry } from '../../src/ports/telemetry.ts';
import { type Leadership, SOLE_LEADER } from '../../src/token-acquirer/leadership/leadership.ts';
import { Acquirer, type Acquisition } from '../../src/token-acquirer/token/acquirer.ts';
import { Slots } from '../../src/token-acquirer/token/slots.ts';
import type { TokenSpecification } from '../../src/token-acquirer/token/specification.ts';
import type { VolumeContents } from '../../src/token-acquirer/token/stored-copy.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { FakeCredentialSource } from '../fakes/fake-credential-source.ts';
import { FakeExecutionState } from '../fakes/fake-execution-state.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { FakeRefreshTokenStore } from '../fakes/fake-refresh-token-store.ts';
import { FakeTokenEndpoint } from '../fakes/fake-token-endpoint.ts';
import { FakeTokenStore } from '../fakes/fake-token-store.ts';
import { secret } from './secrets.ts';

/** Of a process that reports no shards. */
export const NO_SHARDS = { all: [], unowned: [], own: 0 };

/** Makes the demand of OAuth from its parts. */
export interface SpecificationParts extends Partial<TokenSpecification>, Partial<OAuthDemand> {}

/**
 * Makes a token of the Secret billing/billing-tokens, obtained by client_credentials and renewed at 67 % of its
 * lifetime.
 */
export function specification({
  grant = 'client_credentials',
  parameters = {},
  ...given
}: SpecificationParts = {}): TokenSpecification {
  return {
    identity: { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' },
    key: given.identity?.name ?? 'dynamics',
    authorizationServer: 'corporate',
    credential: 'dynamics',
    neededKeys: ['client_id'],
    demand: { protocol: 'oauth', grant, parameters } as TokenDemand,
    scope: '',
    use: grant,
    rotates: GRANTS[grant].rotates,
    warning: undefined,
    renewal: DEFAULT_RENEWAL,
    defaultLifetime: DEFAULT_LIFETIME,
    isLifetimeConfigured: false,
    refreshTokenReuse: 0,
    clients: ['billing-app'],
    clientApp: undefined,
    respondWith: 'token',
    readers: 'any',
    delivery: 'secret',
    copies: NO_COPIES,
    header: BEARER_HEADER,
    onCredentialChange: 'keep',
    revokePrevious: false,
    shard: 0,
    requestFingerprint: 'same',
    ...given,
  };
}

/** The fakes that survive a restart of the process. */
export interface World {
  readonly clock: FakeClock;
  readonly endpoint: FakeTokenEndpoint;
  readonly store: FakeTokenStore;
  readonly chains: FakeRefreshTokenStore;
  readonly credentials: FakeCredentialSource;
  readonly execution: FakeExecutionState;
  readonly volume: VolumeContents;
  readonly storeWatch?: StoreWatch | undefined;
  readonly logs?: AppLogs | undefined;
  readonly logDecision?: DecisionLog | undefined;
  readonly pace?: Pace | undefined;
  readonly leadership: Leadership;
  readonly isLeft?: (identity: TokenIdentity) => boolean;
  readonly mayBeFormer?: ((identity: TokenIdentity) => boolean) | undefined;
}

export function createWorld(given: Partial<World> = {}): World {
  return {
    clock: createFakeClock(),
    endpoint: new FakeTokenEndpoint(),
    store: new FakeTokenStore(),
    chains: new FakeRefreshTokenStore(),
    credentials: new FakeCredentialSource({
      dynamics: {
        client_id: 'billing',
        client_secret: secret('client-secret'),
        refresh_token: secret('first-refresh-token'),
      },
    }),
    execution: new FakeExecutionState('running'),
    volume: { common: {}, mounted: false, nudge: undefined },
    leadership: SOLE_LEADER,
    ...given,
  };
}

/**
 * Gives each token its own credential, because only one token at a time sends a credential that was not accepted yet.
 */
export function withOwnCredentials(world: World, specifications: readonly TokenSpecification[]): TokenSpecification[] {
  return specifications.map((one) => {
    const credential = one.identity.name;
    world.credentials.set(credential, { client_id: credential, client_secret: secret('client-secret') });
    return { ...one, credential };
  });
}

export interface RecordedEvent {
  readonly token: string;
  readonly event: TokenEvent;
}

export interface Started extends World {
  readonly acquirer: Acquirer;
  readonly events: RecordedEvent[];
  readonly processEvents: ProcessEvent[];
  readonly telemetry: Telemetry;
  readonly abandon: AbortController;
  /** The acquisition of the only token, or of the named one. */
  only(name?: string): Acquisition;
  /** The stored data of the token. */
  stored(name?: string): Token | undefined;
  kinds(): string[];
}

export interface StartOptions {
  readonly specifications?: readonly TokenSpecification[];
  readonly jitter?: number;
  /** The random numbers instead of `jitter`. */
  readonly random?: Random;
  readonly slots?: number;
}

/** Makes an acquirer on fakes that has had its first turn. */
export async function start(world: World, options: StartOptions = {}): Promise<Started> {
  const { specifications = [specification()], jitter = 0, slots = 20 } = options;
  const events: RecordedEvent[] = [];
  const processEvents: ProcessEvent[] = [];
  const telemetry: Telemetry = {
    token: (identity, event) => void events.push({ token: identityText(identity), event }),
    process: (event) => void processEvents.push(event),
    forget: () => undefined,
  };
  const abandon = new AbortController();
  const acquirer = new Acquirer({
    ...world,
    random: options.random ?? fakeRandom(jitter),
    telemetry,
    slots: new Slots(slots, world.clock),
    abandon: abandon.signal,
  });
  acquirer.apply(specifications);
  await world.clock.settle();
  const only = (name = specifications[0]?.identity.name ?? ''): Acquisition => {
    const found = [...acquirer.acquisitions].find(({ cycle }) => cycle.specification.identity.name === name);
    if (found === undefined) throw new Error(`There is no token ${name}.`);
    return found;
  };
  return {
    ...world,
    acquirer,
    events,
    processEvents,
    telemetry,
    abandon,
    only,
    stored: (name) => {
      const { identity, key } = only(name).cycle.specification;
      return fromVolumeData(key, world.store.data(identity));
    },
    kinds: () => events.map(({ event }) => event.kind),
  };
}

export const seconds = (count: number): Ms => count * 1000;
export const minutes = (count: number): Ms => count * 60_000;
