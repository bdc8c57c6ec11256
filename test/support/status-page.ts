import type { FastifyInstance } from 'fastify';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import {
  createListener,
  listen,
  parseAddress,
  refuseForeignPages,
} from '../../src/token-acquirer/endpoints/listener.ts';
import { LastEvents } from '../../src/token-acquirer/endpoints/status-page/last-events.ts';
import { PageFeed } from '../../src/token-acquirer/endpoints/status-page/page-feed.ts';
import { pictureOf } from '../../src/token-acquirer/endpoints/status-page/page-picture.ts';
import { addPageRoutes } from '../../src/token-acquirer/endpoints/status-page/page-routes.ts';
import type { StatusReport, TokenReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { condition, tokenReport } from './status-reports.ts';

/** The real routes of the status page, over a report that a test makes. */
export class MadeStatusPage {
  readonly events = new LastEvents({ now: () => Date.now() });
  readonly app: FastifyInstance = createListener(undefined);
  report: StatusReport;
  isOn = true;
  /** How often somebody looked at the tokens. */
  looks = 0;
  url = '';
  readonly #feed: PageFeed;

  private constructor(report: StatusReport) {
    this.report = report;
    const isOn = (): boolean => this.isOn;
    const look = () => {
      this.looks += 1;
      return Promise.resolve(pictureOf({ ...this.report, now: new Date().toISOString() }));
    };
    this.#feed = new PageFeed({ clock: createSystemClock(), events: this.events, isOn, look });
    refuseForeignPages(this.app);
    addPageRoutes(this.app, { isOn, feed: this.#feed });
  }

  static async start(tokens: readonly TokenReport[], changes: Partial<StatusReport> = {}): Promise<MadeStatusPage> {
    const page = new MadeStatusPage({ ready: true, now: new Date().toISOString(), conditions: [], tokens, ...changes });
    page.url = await listen(page.app, parseAddress('127.0.0.1:0', '--status-listen'), '--status-listen');
    return page;
  }

  /** Replaces the report of one token. */
  change(token: string, changes: Partial<TokenReport>): void {
    const tokens = this.report.tokens.map((one) => (one.token === token ? { ...one, ...changes } : one));
    this.report = { ...this.report, tokens };
  }

  /** Ends the streams, as the process does before it ends. */
  endStreams(): void {
    this.#feed.end();
  }

  async stop(): Promise<void> {
    this.#feed.end();
    await this.app.close();
  }
}

/** How many of the tokens below need attention, of so many. */
export function urgentAmong(count: number): number {
  return Math.min(count, PROBLEMS.length);
}

/** The first tokens have a problem each, from one state each; one in 50 of the others is suspended. */
export function manyTokens(count: number, now: number): TokenReport[] {
  return Array.from({ length: count }, (_, index) => {
    const token = `team-${index % 20}/tokens-${index}/dynamics`;
    const lifetime = 3_600_000;
    const age = (index * 7919) % (lifetime * 0.67);
    const times = {
      issued_at: instant(now - age),
      expires_at: instant(now - age + lifetime),
      renew_at: instant(now - age + lifetime * 0.67),
    };
    const problem = PROBLEMS[index];
    if (problem !== undefined) return tokenReport(token, { ...times, healthy: false, ...problem(now) });
    if (index % 50 !== 49) return tokenReport(token, times);
    return tokenReport(token, { ...times, state: 'Suspended', conditions: [SUSPENDED] });
  });
}

const SUSPENDED = condition('Suspended', {
  reason: 'ClientAppNotRunning',
  message: 'No pod in the namespace shipping that is Pending or Running matches the selector app=shipping.',
});

/** A token of each state that needs attention. */
const PROBLEMS: readonly ((now: number) => Partial<TokenReport>)[] = [
  (now) => ({
    state: 'RenewalFailing',
    issued_at: instant(now - 2_900_000),
    renew_at: instant(now - 488_000),
    expires_at: instant(now + 700_000),
    last_error: {
      code: 'invalid_scope',
      message: 'The authorization server corporate does not grant this scope.',
      at: instant(now),
    },
  }),
  (now) => ({
    state: 'Expired',
    issued_at: instant(now - 4_000_000),
    renew_at: instant(now - 1_588_000),
    expires_at: instant(now - 400_000),
    last_error: { code: 'server_error', message: 'The authorization server corporate answered 503.', at: instant(now) },
  }),
  (now) => ({
    state: 'NotStored',
    stored: false,
    conditions: [
      condition('Stored', {
        status: 'False',
        reason: 'StoreUnavailable',
        message: 'The API server does not answer.',
        last_transition_time: instant(now),
      }),
    ],
  }),
  () => ({ state: 'Pending', ...NO_TOKEN, conditions: [condition('Ready', { status: 'False', reason: 'Pending' })] }),
  (now) => ({
    state: 'Failing',
    ...NO_TOKEN,
    last_error: {
      code: 'credential_unreadable',
      message: 'The credential crm has no client_secret. Add the key client_secret to the Secret crm-credentials.',
      at: instant(now),
    },
  }),
];

/** `undefined` is left out of JSON, as it is of a report. */
const NO_TOKEN = { issued_at: undefined, expires_at: undefined, renew_at: undefined } as object;

function instant(time: number): string {
  return new Date(time).toISOString();
}
