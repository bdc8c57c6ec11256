import type { EpochMs, Ms } from '../../core/token.ts';
import { type App, BILLING } from '../cast.ts';
import type { DemoEvent, HashPrefix } from '../demo-event.ts';
import { callsOf, callsText, during, of, secondsText, verdictsOn } from '../evidence.ts';
import { type Scene, scene, type Verdict } from './scene.ts';
import { callOk, clearOfRenewals, currentTokenOf, tokenAfter } from './waits.ts';

/** Long enough to see a second reissue, if one happened. */
const AFTERMATH: Ms = 2000;

export interface RevocationMarks {
  readonly app: string;
  readonly revoked: HashPrefix;
  readonly from: EpochMs;
  readonly to: EpochMs;
}

/** The token is taken back while it is in use. */
export function revocation(app: App = BILLING): Scene {
  return scene<RevocationMarks>({
    name: '2 Revocation',
    expected: 'The rejected call succeeds by one reissue; the app sees no failure',
    act: async (stage) => {
      await clearOfRenewals(stage, [app]);
      const token = await currentTokenOf(stage, app);
      await callOk(stage, app, stage.now());
      const from = stage.now();
      await stage.revoke(app);
      await tokenAfter(stage, app, token.generation, 10_000);
      await callOk(stage, app, stage.now());
      await stage.pause(AFTERMATH);
      return { app: app.name, revoked: token.hash, from, to: stage.now() };
    },
    judge: judgeRevocation,
  });
}

export function judgeRevocation(events: readonly DemoEvent[], marks: RevocationMarks): Verdict {
  const { app, revoked, from, to } = marks;
  const issued = during(of(events, 'issued', app), { from, to });
  const reissues = issued.filter(({ trigger }) => trigger === 'reissue').length;
  const calls = callsOf(events, app, { from, to });
  const recovery = recoveryTime(events, revoked, issued.at(-1)?.token.hash);
  const held = reissues === 1 && issued.length === 1 && calls.failed === 0 && calls.ok > 0 && recovery !== undefined;
  const recovered = recovery === undefined ? 'no recovery' : `recovered ${secondsText(recovery)} after the first 401`;
  return { held, seen: `${recovered}; ${reissues} reissued; ${callsText(calls)}` };
}

/** From the gateway's first 401 to this token, to its first acceptance of the next one. */
export function recoveryTime(
  events: readonly DemoEvent[],
  revoked: HashPrefix,
  next: HashPrefix | undefined,
): Ms | undefined {
  const rejected = verdictsOn(events, revoked).find(({ status }) => status === 401);
  if (rejected === undefined || next === undefined) return undefined;
  const accepted = verdictsOn(events, next).find(({ status, at }) => status === 200 && at >= rejected.at);
  return accepted === undefined ? undefined : accepted.at - rejected.at;
}
