import type { EpochMs, Ms } from '../../core/token.ts';
import type { App } from '../cast.ts';
import type { DemoToken } from '../demo-event.ts';
import { currentToken, of } from '../evidence.ts';
import type { Stage } from './scene.ts';

// What several scenes wait for.

/** The app's next stored token after this one. */
export function tokenAfter(stage: Stage, app: App, generation: number, within: Ms): Promise<DemoToken> {
  return stage.ledger.until(
    (events) => of(events, 'stored', app.name).find(({ token }) => token.generation > generation)?.token,
    { what: `A new token of ${app.name}`, within },
  );
}

/** The app's current token, or its first. */
export function currentTokenOf(stage: Stage, app: App): Promise<DemoToken> {
  return stage.ledger.until((events) => currentToken(events, app.name), {
    what: `The first token of ${app.name}`,
    within: 20_000,
  });
}

/** A call that succeeded after this moment; resolves with when. */
export function callOk(stage: Stage, app: App, after: EpochMs, within: Ms = 10_000): Promise<EpochMs> {
  return stage.ledger.until((events) => of(events, 'call', app.name).find((call) => call.ok && call.at > after)?.at, {
    what: `A successful call of ${app.name}`,
    within,
  });
}

/** The tokens of these apps must have this long to go, so that their own renewal is no part of what is seen. */
const CLEARANCE: Ms = 5000;

/** Waits until none of the apps' tokens is about to be renewed. */
export async function clearOfRenewals(stage: Stage, apps: readonly App[]): Promise<void> {
  for (;;) {
    const tokens = await Promise.all(apps.map(async (app) => ({ app, token: await currentTokenOf(stage, app) })));
    const due = tokens.find(({ token }) => token.renewAt - stage.now() < CLEARANCE);
    if (due === undefined) return;
    await tokenAfter(stage, due.app, due.token.generation, 2 * CLEARANCE);
    // With the new token in use, what is measured from now on concerns that one.
    await callOk(stage, due.app, stage.now());
  }
}
