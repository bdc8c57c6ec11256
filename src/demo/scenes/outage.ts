import type { EpochMs, Ms } from '../../core/token.ts';
import { type App, BILLING, TOKEN_LIFETIME } from '../cast.ts';
import type { DemoEvent } from '../demo-event.ts';
import { callsOf, callsText, during, of, secondsText } from '../evidence.ts';
import { type Scene, scene, type Verdict } from './scene.ts';
import { callOk, currentTokenOf, tokenAfter } from './waits.ts';

/** Brings the renewal forward, so that the outage meets it soon. */
const INTERVAL = '5s';
const ATTEMPTS = 3;
const LIFETIME: Ms = TOKEN_LIFETIME * 1000;

export interface OutageMarks {
  readonly app: string;
  readonly down: EpochMs;
  readonly up: EpochMs;
  readonly to: EpochMs;
  /** Of the token that was valid throughout. */
  readonly expiresAt: EpochMs;
}

/** The authorization server cannot be reached when the token falls due. */
export function outage(app: App = BILLING): Scene {
  return scene<OutageMarks>({
    name: '5 Outage',
    expected: 'token-acquirer tries again and recovers by itself; no call fails, because the token is still valid',
    act: async (stage) => {
      const before = await currentTokenOf(stage, app);
      stage.setInterval(app, INTERVAL);
      try {
        // A token that is young leaves time for several attempts before it expires.
        const token = await tokenAfter(stage, app, before.generation, LIFETIME);
        const down = stage.now();
        stage.setAuthorizationServerDown(true);
        await stage.ledger.until(
          (events) => blockedIn(events, app.name, { from: down, to: Infinity }).at(ATTEMPTS - 1),
          {
            what: `Attempt ${ATTEMPTS} to renew the token of ${app.name}`,
            within: LIFETIME,
          },
        );
        const up = stage.now();
        stage.setAuthorizationServerDown(false);
        await tokenAfter(stage, app, token.generation, LIFETIME);
        await callOk(stage, app, stage.now());
        return { app: app.name, down, up, to: stage.now(), expiresAt: token.expiresAt };
      } finally {
        stage.setAuthorizationServerDown(false);
        stage.setInterval(app, undefined);
      }
    },
    judge: judgeOutage,
  });
}

export function judgeOutage(events: readonly DemoEvent[], marks: OutageMarks): Verdict {
  const { app, down, up, to, expiresAt } = marks;
  const blocked = blockedIn(events, app, { from: down, to: up }).length;
  const reported = during(of(events, 'request-failed', app), { from: down, to }).length;
  const calls = callsOf(events, app, { from: down, to });
  const recovered = during(of(events, 'stored', app), { from: up, to }).at(0);
  const recovery =
    recovered === undefined ? 'no recovery' : `a new token ${secondsText(recovered.at - up)} after its end`;
  const inTime = recovered !== undefined && recovered.at < expiresAt;
  return {
    held: blocked >= ATTEMPTS && reported > 0 && inTime && calls.failed === 0 && calls.ok > 0,
    seen: `${blocked} attempts failed in ${secondsText(up - down)}; ${recovery}; ${callsText(calls)}`,
  };
}

function blockedIn(events: readonly DemoEvent[], app: string, span: { from: number; to: number }): DemoEvent[] {
  return during(of(events, 'token-requested', app), span).filter(({ letThrough }) => !letThrough);
}
