import type { EpochMs, Ms } from '../../core/token.ts';
import { type App, REPORT, TOKEN_LIFETIME } from '../cast.ts';
import type { DemoEvent } from '../demo-event.ts';
import { callsOf, callsText, during, of, secondsText } from '../evidence.ts';
import { type Scene, scene, type Verdict } from './scene.ts';
import { callOk, currentTokenOf, tokenAfter } from './waits.ts';

const EXPIRIES = 2;
const LIFETIME: Ms = TOKEN_LIFETIME * 1000;

export interface RenewalMarks {
  readonly app: string;
  readonly from: EpochMs;
  readonly to: EpochMs;
}

/** Nothing is done to the app: two of its tokens run out, and no call notices. */
export function regularRenewal(app: App = REPORT): Scene {
  return scene<RenewalMarks>({
    name: '1 Regular renewal',
    expected: `Each token is renewed before it expires; no call fails across ${EXPIRIES} expiries`,
    act: async (stage) => {
      let token = await currentTokenOf(stage, app);
      const from = await callOk(stage, app, 0);
      let last = token;
      for (let count = 0; count < EXPIRIES; count += 1) {
        last = token;
        // A token that comes too late is for the judge to see.
        token = await tokenAfter(stage, app, token.generation, 2 * LIFETIME);
      }
      await stage.pause(last.expiresAt - stage.now());
      await callOk(stage, app, last.expiresAt);
      return { app: app.name, from, to: stage.now() };
    },
    judge: judgeRenewal,
  });
}

export function judgeRenewal(events: readonly DemoEvent[], { app, from, to }: RenewalMarks): Verdict {
  const tokens = of(events, 'stored', app).map(({ token, at }) => ({ ...token, at }));
  const issued = during(of(events, 'issued', app), { from, to });
  const margins = tokens.slice(1).map(({ at }, index) => (tokens[index]?.expiresAt ?? 0) - at);
  const expiries = tokens.filter(({ expiresAt }) => expiresAt >= from && expiresAt < to).length;
  const least = Math.min(...margins);
  const calls = callsOf(events, app, { from, to });
  const byReissue = issued.filter(({ trigger }) => trigger === 'reissue').length;
  return {
    held: expiries >= EXPIRIES && least > 0 && calls.failed === 0 && calls.ok > 0 && byReissue === 0,
    seen: `${expiries} expiries; ${timing(least)}; ${callsText(calls)}`,
  };
}

function timing(least: Ms): string {
  return least > 0 ? `renewed at least ${secondsText(least)} before` : `renewed ${secondsText(-least)} too late`;
}
