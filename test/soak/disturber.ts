import { setTimeout as pause } from 'node:timers/promises';
import { secret } from '../support/secrets.ts';
import type { SoakedAcquirer } from './acquirer.ts';
import type { Disturbed } from './causes.ts';
import { damageFiles, deleteKeys, deleteVolume, fillDisk } from './file-disturbances.ts';
import type { ServerMood } from './parts/server-messages.ts';
import { type Disturbance, KINDS, type Planned } from './schedule.ts';
import type { Belonging, Caller, Town } from './town.ts';

/** Undoes a disturbance. */
type Undo = () => unknown;

interface Begun {
  readonly target?: string;
  readonly undo?: Undo;
}

type Act = (draw: number) => Promise<Begun | undefined>;

/** A file that is not valid YAML. */
const BROKEN = 'tokens: [\n';

/** Carries out what a schedule has. */
export class Disturber {
  readonly #town: Town;
  readonly #acts: Readonly<Record<Disturbance, Act>>;
  /** Places that are disturbed now: a busy machine may take longer than was planned. */
  readonly #busy = new Set<string>();
  /** What took place, or takes place. */
  readonly disturbed: Disturbed[] = [];
  /** Errors of the disturbances themselves. */
  readonly errors: string[] = [];

  constructor(town: Town, lifetime: number) {
    this.#town = town;
    const server =
      (mood: ServerMood): Act =>
      () =>
        this.#server(mood);
    this.#acts = {
      killed: () => this.#ended('SIGKILL'),
      restarted: () => this.#ended('SIGTERM'),
      stopped: async (draw) => stopped(this.#acquirer(draw)),
      'client-stopped': async (draw) => stoppedClient(town.callers, draw),
      'server-down': server('down'),
      'server-hangs': server('hangs'),
      'server-slow': server('slow'),
      'server-503': server('unavailable'),
      'server-429': server('limited'),
      'server-loses': server('loses'),
      revoked: (draw) => this.#revoked(this.#app(draw)),
      'secret-changed': (draw) => this.#secretChanged(this.#app(draw)),
      'keys-deleted': async (draw) => onVolume(this.#app(draw), deleteKeys),
      'volume-deleted': async (draw) => onVolume(this.#app(draw), deleteVolume),
      'files-damaged': async (draw) => onVolume(this.#app(draw), (volume) => damageFiles(volume, draw)),
      'configuration-broken': async (draw) => configurationBroken(this.#acquirer(draw)),
      'interval-changed': async (draw) => intervalChanged(this.#app(draw), Math.round(lifetime * (0.2 + 0.6 * draw))),
      'disk-full': async (draw) => diskFull(this.#acquirer(draw)),
      'log-unread': async (draw) => logUnread(this.#acquirer(draw)),
    };
  }

  /** Carries out one, and resolves once it is over. */
  async run({ kind, lasts, draw }: Planned, signal: AbortSignal): Promise<void> {
    const record: Disturbed & { target?: string } = { kind, began: Date.now() };
    const { place } = KINDS[kind];
    if (place !== undefined && this.#busy.has(place)) return;
    if (place !== undefined) this.#busy.add(place);
    try {
      const begun = await this.#acts[kind](draw);
      if (begun === undefined) return;
      if (begun.target !== undefined) record.target = begun.target;
      this.disturbed.push(record);
      await pause(lasts, undefined, { signal }).catch(() => {});
      await begun.undo?.();
      record.ended = Date.now();
    } catch (error) {
      this.errors.push(`${kind}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      if (place !== undefined) this.#busy.delete(place);
    }
  }

  #acquirer(draw: number): SoakedAcquirer {
    const { acquirers } = this.#town;
    const chosen = acquirers[Math.floor(draw * acquirers.length)];
    if (chosen === undefined) throw new Error('There is no token-acquirer.');
    return chosen;
  }

  #app(draw: number): Belonging {
    const all = [...this.#town.belongings.values()];
    const chosen = all[Math.floor(draw * all.length)];
    if (chosen === undefined) throw new Error('There is no app.');
    return chosen;
  }

  async #server(mood: ServerMood): Promise<Begun> {
    await this.#town.askServer({ what: 'mood', mood });
    return { undo: () => this.#town.askServer({ what: 'mood', mood: 'normal' }) };
  }

  async #ended(signal: 'SIGKILL' | 'SIGTERM'): Promise<Begun | undefined> {
    const acquirer = this.#town.acquirers.at(-1);
    if (acquirer?.pid === undefined) return undefined;
    const code = await acquirer.end(signal);
    if (signal === 'SIGTERM' && code !== 0) acquirer.crashes.push(`${acquirer.name} ended with ${code} after SIGTERM.`);
    return { target: acquirer.name, undo: () => acquirer.start() };
  }

  async #revoked({ app }: Belonging): Promise<Begun | undefined> {
    const done = await this.#town.askServer<boolean>({ what: 'revoke', client: app.name });
    return done ? { target: app.name } : undefined;
  }

  /** The server gets it first: the other way round a rejected attempt would lead to the pause that protects accounts. */
  async #secretChanged({ app, acquirer }: Belonging): Promise<Begun> {
    const next = secret('client-secret');
    await this.#town.askServer({ what: 'secret', client: app.name, secret: next });
    return { target: app.name, undo: () => acquirer.place.writeCredential(app, 'client_secret', next) };
  }
}

function stopped(acquirer: SoakedAcquirer): Begun | undefined {
  if (acquirer.pid === undefined) return undefined;
  acquirer.signal('SIGSTOP');
  return { target: acquirer.name, undo: () => acquirer.signal('SIGCONT') };
}

function stoppedClient(callers: readonly Caller[], draw: number): Begun | undefined {
  const clients = callers.filter(({ by }) => by === 'library');
  const client = clients[Math.floor(draw * clients.length)];
  if (client === undefined) return undefined;
  process.kill(client.pid, 'SIGSTOP');
  return { target: client.name, undo: () => process.kill(client.pid, 'SIGCONT') };
}

function onVolume({ app, acquirer }: Belonging, act: (volume: string) => boolean): Begun | undefined {
  return act(acquirer.place.volumeOf(app)) ? { target: app.name } : undefined;
}

function configurationBroken({ name, place }: SoakedAcquirer): Begun {
  place.writeConfiguration(BROKEN);
  return { target: name, undo: () => place.writeConfiguration() };
}

function intervalChanged({ app, acquirer }: Belonging, seconds: number): Begun {
  acquirer.place.writeCredential(app, 'interval', `${seconds}s`);
  return { target: app.name, undo: () => acquirer.place.removeCredential(app, 'interval') };
}

function diskFull({ name, place }: SoakedAcquirer): Begun {
  return { target: name, undo: fillDisk(place.disk) };
}

function logUnread(acquirer: SoakedAcquirer): Begun {
  acquirer.read(false);
  return { target: acquirer.name, undo: () => acquirer.read(true) };
}
