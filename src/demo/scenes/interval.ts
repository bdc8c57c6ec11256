import type { EpochMs, Ms } from '../../core/token.ts';
import { type App, BILLING, TOKEN_LIFETIME } from '../cast.ts';
import type { DemoEvent, DemoToken } from '../demo-event.ts';
import { callsOf, callsText, of, secondsText } from '../evidence.ts';
import { type Scene, scene, type Verdict } from './scene.ts';
import { callOk, currentTokenOf, tokenAfter } from './waits.ts';

const INTERVAL = '6s';
const LIFETIME: Ms = TOKEN_LIFETIME * 1000;

export interface IntervalMarks {
  readonly app: string;
  readonly before: DemoToken;
  readonly from: EpochMs;
  readonly to: EpochMs;
}

/** The user rewrites the renewal interval while everything runs. */
export function intervalChange(app: App = BILLING): Scene {
  return scene<IntervalMarks>({
    name: '3 Interval',
    expected: `Writing ${INTERVAL} into the interval file moves renew_at immediately, without a restart`,
    act: async (stage) => {
      const before = await currentTokenOf(stage, app);
      const from = stage.now();
      stage.setInterval(app, INTERVAL);
      try {
        await tokenAfter(stage, app, before.generation, LIFETIME);
        await callOk(stage, app, stage.now());
      } finally {
        stage.setInterval(app, undefined);
      }
      return { app: app.name, before, from, to: stage.now() };
    },
    judge: judgeInterval,
  });
}

export function judgeInterval(events: readonly DemoEvent[], { app, before, from, to }: IntervalMarks): Verdict {
  const calls = callsOf(events, app, { from, to });
  const moved = of(events, 'rescheduled', app).find(({ at }) => at >= from);
  const renewed = of(events, 'issued', app).find(({ token }) => token.generation > before.generation);
  if (moved === undefined || renewed === undefined) return { held: false, seen: 'renew_at did not move' };
  const late = renewed.at - Math.max(moved.token.renewAt, moved.at);
  const sameToken = moved.token.generation === before.generation;
  const earlier = before.renewAt - moved.token.renewAt;
  // Nearer to the new time than to the old one: a busy machine may be late.
  const followed = earlier > 0 && Math.abs(late) < earlier / 2;
  const held = sameToken && followed && renewed.trigger === 'renewal';
  const place = (renewAt: EpochMs): string => secondsText(renewAt - before.issuedAt);
  const renewal = `renewal moved from ${place(before.renewAt)} to ${place(moved.token.renewAt)} after issue`;
  return {
    held: held && calls.failed === 0,
    seen: `${renewal}, ${secondsText(moved.at - from)} after the write; renewed at ${place(renewed.at)}; ${callsText(calls)}`,
  };
}
