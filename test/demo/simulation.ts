import type { Ms } from '../../src/core/token.ts';
import { APPS, type App } from '../../src/demo/cast.ts';
import type { DemoToken } from '../../src/demo/demo-event.ts';
import { Ledger } from '../../src/demo/ledger.ts';
import type { Scene, Stage, Verdict } from '../../src/demo/scenes/scene.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { START } from './events.ts';

// A stage without processes: a small model of token-acquirer, gateway and client apps on a clock that is moved by hand.

/** What this world does wrong; by default nothing. */
export interface Misbehaviour {
  /** Tokens are renewed this long after they expired. */
  readonly renewsLateBy?: Ms;
  /** Every so many calls one fails. */
  readonly callsFailEvery?: number;
  /** A rejected call is reported as failed before the reissue. */
  readonly rejectionReachesApp?: boolean;
  readonly reissues?: 'never' | 'twice';
  /** Revoking a token of one app revokes those of all. */
  readonly revocationSpreads?: boolean;
  /** A reissue for one app brings all apps a new token. */
  readonly reissueSpreads?: boolean;
  readonly ignoresInterval?: boolean;
  /** The new interval is in force for the next token only. */
  readonly followsIntervalLate?: boolean;
  readonly ignoresStoppedApps?: boolean;
  readonly staysSuspended?: boolean;
  /** A failed request is not tried again. */
  readonly givesUp?: boolean;
  readonly forgetsTokenInOutage?: boolean;
}

const TICK: Ms = 100;
const LIFETIME: Ms = 20_000;
const RENEWAL: Ms = 13_000;
const RETRY: Ms = 1000;
const CALL_EVERY: Ms = 1000;
const START_TAKES: Ms = 300;

interface AppState {
  readonly name: string;
  token: DemoToken | undefined;
  running: boolean;
  suspended: boolean;
  revoked: boolean;
  interval: Ms | undefined;
  nextCall: number;
  nextTry: number;
  calls: number;
}

export class Simulation implements Stage {
  readonly ledger: Ledger;
  readonly #clock: FakeClock;
  readonly #wrong: Misbehaviour;
  readonly #apps: Map<string, AppState>;
  #down = false;
  #issued = 0;

  constructor(wrong: Misbehaviour = {}) {
    this.#clock = createFakeClock({ now: START });
    this.ledger = new Ledger(this.#clock);
    this.#wrong = wrong;
    this.#apps = new Map(APPS.map(({ name }) => [name, newApp(name)]));
  }

  /** Plays the scene, moving time until it is over. */
  async play(scene: Scene): Promise<Verdict> {
    let verdict: Verdict | undefined;
    void scene.play(this).then((seen) => {
      verdict = seen;
    });
    while (verdict === undefined) await this.#move();
    return verdict;
  }

  /** Lets time go by. */
  async idle(duration: Ms): Promise<void> {
    const until = this.now() + duration;
    while (this.now() < until) await this.#move();
  }

  async #move(): Promise<void> {
    for (const app of this.#apps.values()) this.#tick(app);
    await this.#clock.advance(TICK);
  }

  now(): number {
    return this.#clock.now();
  }

  pause(duration: Ms): Promise<void> {
    return this.#clock.wait(duration);
  }

  revoke(app: App): Promise<void> {
    for (const state of this.#apps.values()) {
      if (state.name === app.name || this.#wrong.revocationSpreads === true) state.revoked = true;
    }
    return Promise.resolve();
  }

  setInterval(app: App, interval: string | undefined): void {
    const state = this.#state(app.name);
    if (this.#wrong.ignoresInterval === true) return;
    state.interval = interval === undefined ? undefined : Number.parseInt(interval, 10) * 1000;
    if (state.token === undefined || this.#wrong.followsIntervalLate === true) return;
    state.token = { ...state.token, renewAt: state.token.issuedAt + (state.interval ?? RENEWAL) };
    this.ledger.enter({ kind: 'rescheduled', app: app.name, token: state.token });
    this.ledger.enter({ kind: 'stored', app: app.name, token: state.token });
  }

  stopApp(app: App): Promise<void> {
    this.#state(app.name).running = false;
    return Promise.resolve();
  }

  startApp(app: App): void {
    // A process takes a while.
    void this.#clock.wait(START_TAKES).then(() => {
      this.#state(app.name).running = true;
    });
  }

  setAuthorizationServerDown(down: boolean): void {
    this.#down = down;
    if (!down || this.#wrong.forgetsTokenInOutage !== true) return;
    for (const state of this.#apps.values()) state.revoked = true;
  }

  #state(name: string): AppState {
    const state = this.#apps.get(name);
    if (state === undefined) throw new Error(`There is no app ${name}.`);
    return state;
  }

  #tick(app: AppState): void {
    this.#tellSuspension(app);
    if (!app.suspended && this.#isDue(app)) this.#request(app, 'renewal');
    if (app.running && app.token !== undefined && this.now() >= app.nextCall) this.#call(app, app.token);
  }

  #tellSuspension(app: AppState): void {
    const suspended = !app.running && this.#wrong.ignoresStoppedApps !== true;
    if (suspended === app.suspended || (app.suspended && this.#wrong.staysSuspended === true)) return;
    app.suspended = suspended;
    this.ledger.enter({ kind: suspended ? 'suspended' : 'resumed', app: app.name });
  }

  #isDue({ token, nextTry }: AppState): boolean {
    if (this.now() < nextTry) return false;
    if (token === undefined) return true;
    const { renewsLateBy } = this.#wrong;
    return this.now() >= (renewsLateBy === undefined ? token.renewAt : token.expiresAt + renewsLateBy);
  }

  #request(app: AppState, trigger: 'renewal' | 'reissue'): boolean {
    const { name } = app;
    this.ledger.enter({ kind: 'token-requested', app: name, letThrough: !this.#down });
    if (this.#down) {
      app.nextTry = this.now() + (this.#wrong.givesUp === true ? LIFETIME * 10 : RETRY);
      this.ledger.enter({ kind: 'request-failed', app: name, message: 'No answer.', retryIn: RETRY });
      return false;
    }
    this.#issued += 1;
    const issuedAt = this.now();
    app.token = {
      hash: String(this.#issued).padStart(8, '0'),
      generation: START / 1000 + this.#issued,
      issuedAt,
      expiresAt: issuedAt + LIFETIME,
      renewAt: issuedAt + (app.interval ?? RENEWAL),
    };
    app.revoked = false;
    this.ledger.enter({ kind: 'stored', app: name, token: app.token });
    this.ledger.enter({ kind: 'issued', app: name, token: app.token, trigger });
    return true;
  }

  #call(app: AppState, token: DemoToken): void {
    app.nextCall = this.now() + CALL_EVERY;
    app.calls += 1;
    const expired = this.now() >= token.expiresAt;
    this.ledger.enter({ kind: 'verdict', hash: token.hash, status: expired || app.revoked ? 401 : 200 });
    if (!expired && !app.revoked) return this.#ended(app, true);
    if (this.#wrong.rejectionReachesApp === true) this.#ended(app, false);
    if (!this.#reissue(app)) return this.#ended(app, false);
    this.ledger.enter({ kind: 'verdict', hash: app.token?.hash, status: 200 });
    return this.#ended(app, true);
  }

  #reissue(app: AppState): boolean {
    const { reissues, reissueSpreads } = this.#wrong;
    if (reissues === 'never') return false;
    if (reissues === 'twice') this.#request(app, 'reissue');
    if (reissueSpreads === true) {
      for (const other of this.#apps.values()) if (other !== app) this.#request(other, 'reissue');
    }
    return this.#request(app, 'reissue');
  }

  #ended({ name, calls }: AppState, well: boolean): void {
    const ok = well && calls % (this.#wrong.callsFailEvery ?? Number.POSITIVE_INFINITY) !== 0;
    this.ledger.enter({ kind: 'call', app: name, ok, outcome: ok ? 'ok 200' : 'rejected 401' });
  }
}

function newApp(name: string): AppState {
  const never = { token: undefined, interval: undefined };
  return { ...never, name, running: true, suspended: false, revoked: false, nextCall: 0, nextTry: 0, calls: 0 };
}
