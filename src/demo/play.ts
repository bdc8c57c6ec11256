import { APPS } from './cast.ts';
import type { LiveStage } from './live-stage.ts';
import { intervalChange } from './scenes/interval.ts';
import { isolation } from './scenes/isolation.ts';
import { outage } from './scenes/outage.ts';
import { regularRenewal } from './scenes/regular-renewal.ts';
import { revocation } from './scenes/revocation.ts';
import type { Scene, Stage, Verdict } from './scenes/scene.ts';
import { suspension } from './scenes/suspension.ts';
import { type Column, formatTable } from './table.ts';

export interface Played {
  readonly scene: Scene;
  readonly verdict: Verdict;
}

const REVOKE_EVERY = 30_000;

const COLUMNS: readonly Column[] = [
  { heading: 'Scene', width: 17 },
  { heading: 'Expected', width: 40 },
  { heading: 'Seen', width: 44 },
  { heading: 'Held', width: 4 },
];

/**
 * Plays all scenes, side by side where they concern different apps; the outage, which concerns both, comes last.
 * In the order of their numbers.
 */
export async function playAll(stage: Stage): Promise<Played[]> {
  const sideBySide = await Promise.all([
    inTurn(stage, [regularRenewal(), suspension()]),
    inTurn(stage, [revocation(), intervalChange(), isolation()]),
  ]);
  const played = [...sideBySide.flat(), ...(await inTurn(stage, [outage()]))];
  return played.sort((one, other) => one.scene.name.localeCompare(other.scene.name));
}

export function formatPlayed(played: readonly Played[]): string[] {
  const rows = played.map(({ scene, verdict }) => [
    scene.name,
    scene.expected,
    verdict.seen,
    verdict.held ? 'yes' : 'NO',
  ]);
  const held = played.filter(({ verdict }) => verdict.held).length;
  return ['', ...formatTable(COLUMNS, rows), '', `${held} of ${played.length} scenes held.`];
}

/** Runs on until the demo ends: now and then a token is revoked, of one app after the other, until somebody `acted`. */
export async function revokeNowAndThen(stage: LiveStage, acted: AbortSignal): Promise<never> {
  for (let turn = 0; ; turn += 1) {
    await stage.pause(REVOKE_EVERY);
    const app = APPS[turn % APPS.length];
    if (app === undefined || acted.aborted || !stage.runs(app)) continue;
    try {
      await stage.revoke(app);
    } catch (error) {
      const message = error instanceof Error ? error.message : 'failed';
      stage.ledger.enter({
        kind: 'notice',
        who: 'demo',
        message: `The token of ${app.name} was not revoked: ${message}`,
      });
    }
  }
}

async function inTurn(stage: Stage, scenes: readonly Scene[]): Promise<Played[]> {
  const played: Played[] = [];
  for (const scene of scenes) played.push({ scene, verdict: await scene.play(stage) });
  return played;
}
