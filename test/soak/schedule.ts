import type { Chance } from './seeded.ts';

export const DISTURBANCES = [
  'killed',
  'restarted',
  'stopped',
  'client-stopped',
  'server-down',
  'server-hangs',
  'server-slow',
  'server-503',
  'server-429',
  'server-loses',
  'revoked',
  'secret-changed',
  'keys-deleted',
  'volume-deleted',
  'files-damaged',
  'configuration-broken',
  'interval-changed',
  'disk-full',
  'log-unread',
] as const;

export type Disturbance = (typeof DISTURBANCES)[number];

interface Kind {
  /** What can be disturbed in one way at a time; `undefined`: in any number. */
  readonly place: 'process' | 'client' | 'server' | 'configuration' | 'disk' | undefined;
  readonly weight: number;
  /** How long it lasts, in lifetimes of a token. */
  readonly lasts: readonly [least: number, most: number];
}

const MOMENT = [0, 0] as const;
const SHORT = [0.02, 0.2] as const;

/** A third of the lifetime is left when a token is renewed, so none of these lasts so long. */
export const KINDS: Readonly<Record<Disturbance, Kind>> = {
  killed: { place: 'process', weight: 3, lasts: [0, 0.05] },
  restarted: { place: 'process', weight: 2, lasts: MOMENT },
  stopped: { place: 'process', weight: 2, lasts: SHORT },
  'client-stopped': { place: 'client', weight: 1, lasts: SHORT },
  'server-down': { place: 'server', weight: 2, lasts: SHORT },
  'server-hangs': { place: 'server', weight: 2, lasts: SHORT },
  'server-slow': { place: 'server', weight: 2, lasts: SHORT },
  'server-503': { place: 'server', weight: 2, lasts: SHORT },
  'server-429': { place: 'server', weight: 2, lasts: SHORT },
  'server-loses': { place: 'server', weight: 2, lasts: [0.02, 0.1] },
  revoked: { place: undefined, weight: 8, lasts: MOMENT },
  'secret-changed': { place: undefined, weight: 2, lasts: [0.01, 0.05] },
  'keys-deleted': { place: undefined, weight: 2, lasts: MOMENT },
  'volume-deleted': { place: undefined, weight: 1, lasts: MOMENT },
  'files-damaged': { place: undefined, weight: 2, lasts: MOMENT },
  'configuration-broken': { place: 'configuration', weight: 1, lasts: SHORT },
  'interval-changed': { place: undefined, weight: 2, lasts: [0.2, 2] },
  'disk-full': { place: 'disk', weight: 1, lasts: SHORT },
  'log-unread': { place: 'process', weight: 1, lasts: SHORT },
};

export interface Planned {
  readonly kind: Disturbance;
  /** Since the beginning, in milliseconds. */
  readonly at: number;
  readonly lasts: number;
  /** Chooses what it hits: at least 0 and less than 1. */
  readonly draw: number;
}

export interface ScheduleOptions {
  /** Of the whole soak, in milliseconds. */
  readonly length: number;
  /** Of a token, in milliseconds. */
  readonly lifetime: number;
  readonly without?: ReadonlySet<Disturbance>;
}

/** Disturbances are this many a lifetime, on average. */
const A_LIFETIME = 13;
const BEFORE = 0.05;
/** At the end everything recovers. */
const AFTER = 0.1;

/** How long nothing is disturbed at the end, so that everything recovers. */
export function quietTime({ length, lifetime }: ScheduleOptions): number {
  return Math.max(AFTER * length, Math.min(length / 3, lifetime / 2));
}

/** Draws all disturbances of a soak, so that the same seed gives the same ones. */
export function schedule(options: ScheduleOptions, chance: Chance): Planned[] {
  const { length, lifetime, without = new Set() } = options;
  const until = length - quietTime(options);
  const kinds = DISTURBANCES.filter((kind) => !without.has(kind));
  const busy = new Map<string, number>();
  const planned: Planned[] = [];
  for (let at = BEFORE * length; ; ) {
    at += -Math.log(1 - chance.fraction()) * (lifetime / A_LIFETIME);
    const free = kinds.filter((kind) => (busy.get(KINDS[kind].place ?? '') ?? 0) <= at);
    const kind = drawKind(free, chance);
    const lasts = chance.between(...KINDS[kind].lasts) * lifetime;
    const draw = chance.fraction();
    if (at + lasts >= until) return planned;
    planned.push({ kind, at, lasts, draw });
    const { place } = KINDS[kind];
    if (place !== undefined) busy.set(place, at + lasts);
  }
}

function drawKind(kinds: readonly Disturbance[], chance: Chance): Disturbance {
  const total = kinds.reduce((sum, kind) => sum + KINDS[kind].weight, 0);
  let left = chance.fraction() * total;
  for (const kind of kinds) {
    left -= KINDS[kind].weight;
    if (left < 0) return kind;
  }
  throw new Error('There is no disturbance to draw.');
}
