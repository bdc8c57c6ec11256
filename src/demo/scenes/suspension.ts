import type { EpochMs, Ms } from '../../core/token.ts';
import { type App, REPORT, TOKEN_LIFETIME } from '../cast.ts';
import type { DemoEvent } from '../demo-event.ts';
import { during, of, secondsText } from '../evidence.ts';
import { type Scene, scene, type Verdict } from './scene.ts';
import { callOk, currentTokenOf, tokenAfter } from './waits.ts';

/** Shorter than the absence, so that a renewal falls due while the app is stopped. */
const INTERVAL = '5s';
const ABSENCE: Ms = 8000;
const LIFETIME: Ms = TOKEN_LIFETIME * 1000;

export interface SuspensionMarks {
  readonly app: string;
  readonly stopped: EpochMs;
  readonly started: EpochMs;
  readonly to: EpochMs;
}

/** The app is stopped for a while, as by scaling it to zero, and started again. */
export function suspension(app: App = REPORT): Scene {
  return scene<SuspensionMarks>({
    name: '4 Suspension',
    expected: 'No token is requested while the app is stopped; acquisition resumes when it runs again',
    act: async (stage) => {
      const before = await currentTokenOf(stage, app);
      stage.setInterval(app, INTERVAL);
      try {
        // Right after a renewal: the next one is not due before the stop has been noticed.
        await tokenAfter(stage, app, before.generation, LIFETIME);
        // From before it: the token-acquirer may have noticed by the time that the app is known to have stopped.
        const stopped = stage.now();
        await stage.stopApp(app);
        await stage.ledger.until((events) => during(of(events, 'suspended', app.name), since(stopped)).at(0), {
          what: `The suspension of ${app.name}`,
          within: ABSENCE,
        });
        await stage.pause(stopped + ABSENCE - stage.now());
        const started = stage.now();
        stage.startApp(app);
        await stage.ledger.until((events) => during(of(events, 'stored', app.name), since(started)).at(0), {
          what: `A token of ${app.name} after its start`,
          within: 10_000,
        });
        await callOk(stage, app, started);
        return { app: app.name, stopped, started, to: stage.now() };
      } finally {
        stage.setInterval(app, undefined);
      }
    },
    judge: judgeSuspension,
  });
}

export function judgeSuspension(events: readonly DemoEvent[], marks: SuspensionMarks): Verdict {
  const { app, stopped, started, to } = marks;
  const absence = { from: stopped, to: started };
  const all = of(events, 'token-requested', app);
  const requests = during(all, absence).length;
  const due = (of(events, 'stored', app).findLast(({ at }) => at < stopped)?.token.renewAt ?? Infinity) < started;
  const suspended = during(of(events, 'suspended', app), absence).length > 0;
  const stored = during(of(events, 'stored', app), { from: started, to }).at(0);
  const failed = during(of(events, 'call', app), { from: started, to }).filter(({ ok }) => !ok).length;
  const back =
    stored === undefined ? 'no token since' : `a new token ${secondsText(stored.at - started)} after the start`;
  return {
    // Requests that were seen at other times show that they would have been seen.
    held: requests === 0 && all.length > 0 && due && suspended && stored !== undefined && failed === 0,
    seen: `${requests} token requests in ${secondsText(started - stopped)}, though one was ${due ? '' : 'not '}due; ${back}`,
  };
}

function since(from: EpochMs): { from: EpochMs; to: EpochMs } {
  return { from, to: Infinity };
}
