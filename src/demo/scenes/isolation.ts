import type { EpochMs, Ms } from '../../core/token.ts';
import { type App, BILLING, NAMESPACE, REPORT, TOKEN } from '../cast.ts';
import type { DemoEvent, HashPrefix } from '../demo-event.ts';
import { callsOf, callsText, during, of, verdictsOn } from '../evidence.ts';
import { type Scene, type Stage, scene, type Verdict } from './scene.ts';
import { callOk, clearOfRenewals, currentTokenOf, tokenAfter } from './waits.ts';

/** A token that a reissue gave and that is revoked within 2 s is replaced after a pause, because immediate replacements would be a storm. */
const QUIET: Ms = 3000;

export interface IsolationMarks {
  readonly revokedApp: string;
  readonly otherApp: string;
  readonly revoked: HashPrefix;
  readonly untouched: HashPrefix;
  readonly from: EpochMs;
  readonly to: EpochMs;
}

/** Two apps of one namespace have a token of the same name, each in its own Secret. */
export function isolation(app: App = BILLING, other: App = REPORT): Scene {
  return scene<IsolationMarks>({
    name: '6 Isolation',
    expected: `Revoking ${NAMESPACE}/${app.name}/${TOKEN} leaves ${NAMESPACE}/${other.name}/${TOKEN} untouched`,
    act: async (stage) => {
      await quiet(stage, app);
      await clearOfRenewals(stage, [app, other]);
      const token = await currentTokenOf(stage, app);
      const untouched = (await currentTokenOf(stage, other)).hash;
      const from = stage.now();
      await stage.revoke(app);
      await tokenAfter(stage, app, token.generation, 10_000);
      await callOk(stage, app, stage.now());
      await callOk(stage, other, stage.now());
      const names = { revokedApp: app.name, otherApp: other.name };
      return { ...names, revoked: token.hash, untouched, from, to: stage.now() };
    },
    judge: judgeIsolation,
  });
}

async function quiet(stage: Stage, app: App): Promise<void> {
  const last = of(stage.ledger.events, 'issued', app.name).findLast(({ trigger }) => trigger === 'reissue');
  await stage.pause((last?.at ?? 0) + QUIET - stage.now());
}

export function judgeIsolation(events: readonly DemoEvent[], marks: IsolationMarks): Verdict {
  const { revokedApp, otherApp, revoked, untouched, from, to } = marks;
  const span = { from, to };
  const rejected = during(verdictsOn(events, revoked), span).some(({ status }) => status === 401);
  const reissued = during(of(events, 'issued', revokedApp), span).some(({ trigger }) => trigger === 'reissue');
  const others = during(of(events, 'stored', otherApp), span).filter(({ token }) => token.hash !== untouched).length;
  const accepted = during(verdictsOn(events, untouched), span);
  const calls = callsOf(events, otherApp, span);
  const held =
    rejected &&
    reissued &&
    others === 0 &&
    calls.ok > 0 &&
    calls.failed === 0 &&
    accepted.length > 0 &&
    accepted.every(({ status }) => status === 200);
  const touched = others === 0 ? 'kept its token' : 'got another token';
  return {
    held,
    seen: `${otherApp} ${touched}; ${callsText(calls)}; ${revokedApp} ${reissued ? 'got a new one' : 'got none'}`,
  };
}
