import type { AuthorizationServerState, DemoEvent, GatewayState } from '../demo-event.ts';
import type { PageApp, PageFile, PageState } from './page-message.ts';

/** What no event has, so that it is looked up. */
export interface AppSample {
  readonly name: string;
  readonly credentials: readonly string[];
  readonly interval: string;
  readonly memory: number | undefined;
  readonly file: PageFile;
}

type AppStanding = Pick<PageApp, 'running' | 'suspended' | 'calls' | 'hash'>;

const NEW_APP: AppStanding = { running: false, suspended: false, calls: { ok: 0, failed: 0 }, hash: undefined };

/** Keeps the state of all parts, from the events so far. */
export class Standing {
  readonly #up: Record<string, boolean> = {};
  readonly #apps = new Map<string, AppStanding>();
  #authorizationServer: AuthorizationServerState = 'normal';
  #gateway: GatewayState = 'normal';

  enter(event: DemoEvent): void {
    switch (event.kind) {
      case 'listening':
        this.#up[event.who] = true;
        break;
      case 'started':
        // A process starts with nothing in its memory.
        this.#change(event.who, { running: true, hash: undefined });
        break;
      case 'stopped':
        this.#change(event.who, { running: false, hash: undefined });
        break;
      case 'suspended':
      case 'resumed':
        this.#change(event.app, { suspended: event.kind === 'suspended' });
        break;
      case 'call': {
        const { ok, failed } = this.#appOf(event.app).calls;
        const calls = event.ok ? { ok: ok + 1, failed } : { ok, failed: failed + 1 };
        this.#change(event.app, { calls, hash: event.hash });
        break;
      }
      case 'act':
        if (event.deed?.kind === 'authorization-server') this.#authorizationServer = event.deed.state;
        if (event.deed?.kind === 'gateway') this.#gateway = event.deed.state;
        break;
      default:
        break;
    }
  }

  state(samples: readonly AppSample[], buttons: PageState['buttons']): PageState {
    return {
      buttons,
      up: { ...this.#up },
      authorizationServer: this.#authorizationServer,
      gateway: this.#gateway,
      apps: samples.map((sample) => ({ ...this.#appOf(sample.name), ...sample })),
    };
  }

  #appOf(name: string): AppStanding {
    return this.#apps.get(name) ?? NEW_APP;
  }

  #change(name: string, change: Partial<{ -readonly [Key in keyof AppStanding]: AppStanding[Key] }>): void {
    this.#apps.set(name, { ...this.#appOf(name), ...change });
  }
}
