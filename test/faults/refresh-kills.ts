import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { authorizedFetch, mountedTokens } from '../../src/client/index.ts';
import type { TokenDocument } from '../../src/core/token-volume.ts';
import { AcquirerProcess, Workplace } from '../e2e/acquirer-process.ts';
import { RotatingServer } from './rotating-server.ts';
import { SteadyCalls } from './steady-calls.ts';

export interface KillOptions {
  /** How often the token-acquirer is killed. */
  readonly rounds: number;
  /** Seconds for which the server gives the same successor again; it is configured as `refreshTokenReuse`. */
  readonly grace?: number;
  /** How many token-acquirers are killed side by side, each with its own server. */
  readonly lanes?: number;
  /** Called with the calls of each client. */
  readonly counting?: (calls: SteadyCalls) => void;
}

export interface KillFigures {
  readonly rounds: number;
  /** Kills that left a refresh token marked as in use. */
  readonly marked: number;
  /** Of those, the refresh tokens that the server had received. */
  readonly spent: number;
  /** Refresh tokens that had to be replaced by a person. */
  readonly needsCredential: number;
  /** Of those, the ones whose next process began so late that the grace was nearly over. */
  readonly late: number;
  /** Spent refresh tokens that were sent again: within the grace, and beyond it, which ends the chain. */
  readonly graced: number;
  readonly replays: number;
  readonly tokenRequests: number;
  readonly calls: number;
  readonly failedCalls: number;
}

/** The time that a token request takes, and within which the kills fall, in milliseconds. */
const TAKES = 40;
const [BEFORE, WINDOW] = [10, 100];
const INTERVAL = '2s';
const LIFETIME = 600;
/** The time until a mark is no longer another process's, and what a busy machine adds. */
const SETTLED = 300_000;
/** Of the grace. The token-acquirer uses nine tenths of it. */
const NEARLY = 0.75;
/** Spreads the kills evenly over the window, in an order without a pattern. */
const GOLDEN = 0.618_033_988_75;

/**
 * Kills a token-acquirer with a rotating refresh token again and again (SIGKILL) around its token requests: in half of the rounds by
 * the clock, from 10 ms before until 90 ms after a renewal is due, and in half of them up to 100 ms after a request arrived. A client
 * calls all the time.
 */
export async function killRounds(options: KillOptions): Promise<KillFigures> {
  const { rounds, lanes = 1 } = options;
  const running = Array.from({ length: lanes }, () => new Lane(options));
  try {
    await Promise.all(
      running.map(async (lane, number) => {
        await lane.open();
        for (let round = number; round < rounds; round += lanes) await lane.round(round);
      }),
    );
  } finally {
    await Promise.all(running.map((lane) => lane.close()));
  }
  return sum(running.map((lane) => lane.figures));
}

function sum(all: readonly KillFigures[]): KillFigures {
  const total = (key: keyof KillFigures): number => all.reduce((so, figures) => so + figures[key], 0);
  return {
    rounds: total('rounds'),
    marked: total('marked'),
    spent: total('spent'),
    needsCredential: total('needsCredential'),
    late: total('late'),
    graced: total('graced'),
    replays: total('replays'),
    tokenRequests: total('tokenRequests'),
    calls: total('calls'),
    failedCalls: total('failedCalls'),
  };
}

/** One token-acquirer after another in one workplace. */
class Lane {
  readonly #options: KillOptions;
  readonly #workplace = new Workplace();
  readonly #closing: (() => unknown)[] = [];
  readonly #counts = { rounds: 0, marked: 0, spent: 0, needsCredential: 0, late: 0 };
  #server: RotatingServer | undefined;
  #calls: SteadyCalls | undefined;
  #acquirer: AcquirerProcess | undefined;

  constructor(options: KillOptions) {
    this.#options = options;
  }

  get figures(): KillFigures {
    const { graced = 0, replays = 0, requests = 0 } = this.#server ?? {};
    const { calls = 0, failed = 0 } = this.#calls?.figures ?? {};
    return { ...this.#counts, graced, replays, tokenRequests: requests, calls, failedCalls: failed };
  }

  async open(): Promise<void> {
    const { grace = 0, counting } = this.#options;
    const server = await RotatingServer.start({ grace: 1000 * grace, lifetime: LIFETIME, takes: TAKES });
    this.#server = server;
    this.#closing.push(() => server.stop());
    this.#authorize(server);
    this.#configure(server);
    this.#acquirer = AcquirerProcess.in(this.#workplace);
    const tokens = mountedTokens({ directory: this.#workplace.volume() });
    this.#closing.push(() => tokens.close());
    const source = tokens.source('dynamics');
    await source.ready();
    const call = authorizedFetch(source, { origins: [server.url] });
    const calls = new SteadyCalls({
      call: async () => (await call(`${server.url}/incidents`)).status,
      // No call is left without a valid token: the access token outlives every round.
      validity: () => async () => true,
    });
    this.#calls = calls;
    counting?.(calls);
    await calls.succeed(3);
  }

  /** One kill, and what follows. */
  async round(number: number): Promise<void> {
    const server = required(this.#server);
    await this.#kill((number * GOLDEN) % 1, number % 2 === 0);
    this.#counts.rounds += 1;
    // What the server was sent before the kill has arrived.
    const killedAt = Date.now();
    await pause(TAKES + WINDOW);
    const marked = this.#markedToken();
    if (marked !== undefined) this.#counts.marked += 1;
    if (marked !== undefined && server.isSpent(marked)) this.#counts.spent += 1;
    const acquirer = AcquirerProcess.in(this.#workplace);
    this.#acquirer = acquirer;
    await acquirer.logged('configuration-loaded', 1, SETTLED);
    const tookShareOfGrace = (Date.now() - killedAt) / (1000 * (this.#options.grace ?? Infinity));
    if ((await this.#outcome(acquirer)) === 'issued') return;
    this.#counts.needsCredential += 1;
    if (tookShareOfGrace > NEARLY) this.#counts.late += 1;
    this.#authorize(server);
    await acquirer.logged('token-issued', 1, SETTLED);
  }

  async close(): Promise<void> {
    await this.#calls?.stop();
    await this.#acquirer?.end('SIGKILL');
    for (const close of this.#closing.toReversed()) await close();
    this.#workplace.remove();
  }

  /** `share`: of the window. */
  async #kill(share: number, byClock: boolean): Promise<void> {
    const [acquirer, server] = [required(this.#acquirer), required(this.#server)];
    const kill = Promise.withResolvers<void>();
    const killAfter = (wait: number): void => void setTimeout(() => kill.resolve(), Math.max(0, wait));
    if (byClock) killAfter((await this.#nextRenewal()) - BEFORE + share * WINDOW - Date.now());
    else
      server.arrived = () => {
        server.arrived = () => undefined;
        killAfter(share * WINDOW);
      };
    await kill.promise;
    await acquirer.end('SIGKILL');
  }

  /** The moment at which the token is due that is ahead of this process. */
  async #nextRenewal(): Promise<number> {
    const end = Date.now() + SETTLED;
    while (Date.now() < end) {
      const { renew_at: renewAt } = JSON.parse(
        readFileSync(join(this.#workplace.volume(), 'dynamics.json'), 'utf8'),
      ) as TokenDocument;
      if (Date.parse(renewAt) - BEFORE > Date.now()) return Date.parse(renewAt);
      await pause(10);
    }
    throw new Error('No renewal was ahead.');
  }

  async #outcome(acquirer: AcquirerProcess): Promise<'issued' | 'needs_credential'> {
    const end = Date.now() + SETTLED;
    while (Date.now() < end) {
      if (acquirer.count('token-issued') > 0) return 'issued';
      if (acquirer.lines.some(({ code }) => code === 'needs_credential')) return 'needs_credential';
      await pause(20);
    }
    throw new Error(`The token was not renewed: ${JSON.stringify(acquirer.lines.slice(-3))}`);
  }

  /** The refresh token that is saved as in use. */
  #markedToken(): string | undefined {
    const folder = join(this.#workplace.state, 'billing', 'billing-tokens');
    const numberOf = (file: string): number => Number(file.split('.')[1]);
    const revisions = readdirSync(folder).filter((file) => file.startsWith('dynamics.'));
    const [latest = ''] = revisions.toSorted((one, other) => numberOf(other) - numberOf(one));
    const chain = JSON.parse(readFileSync(join(folder, latest), 'utf8')) as { refresh_token: string; in_use: boolean };
    return chain.in_use ? chain.refresh_token : undefined;
  }

  #authorize(server: RotatingServer): void {
    this.#workplace.credential('dynamics', { client_id: 'billing', refresh_token: server.authorize() });
  }

  #configure(server: RotatingServer): void {
    const { grace } = this.#options;
    const reuse = grace !== undefined && { refreshTokenReuse: `${grace}s` };
    this.#workplace.configure({
      authorizationServers: {
        corporate: { tokenEndpoint: `${server.url}/token`, clientAuthentication: 'none', ...reuse },
      },
      tokens: [
        {
          name: 'dynamics',
          authorizationServer: 'corporate',
          credential: 'dynamics',
          grant: 'refresh_token',
          secret: { namespace: 'billing', name: 'billing-tokens' },
          renewal: { interval: INTERVAL },
        },
      ],
    });
  }
}

function required<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('The lane is not open.');
  return part;
}
