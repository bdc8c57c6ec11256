import { describe, expect, it } from 'vitest';
import { Ledger } from '../../src/demo/ledger.ts';
import { formatPlayed } from '../../src/demo/play.ts';
import { type Scene, type Stage, scene, type Verdict } from '../../src/demo/scenes/scene.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { START } from './events.ts';

const ledger = new Ledger(createFakeClock({ now: START }));
const STAGE: Stage = {
  ledger,
  now: () => START,
  pause: () => Promise.resolve(),
  revoke: () => Promise.resolve(),
  setInterval: () => {},
  stopApp: () => Promise.resolve(),
  startApp: () => {},
  setAuthorizationServerDown: () => {},
};

function sceneOf(act: () => Promise<string>): Scene {
  return scene({
    name: '1 A scene',
    expected: 'Something',
    act,
    judge: (events, marks) => ({ held: marks === 'right', seen: `${events.length} events, ${marks}` }),
  });
}

describe('a scene', () => {
  it.each<[string, () => Promise<string>, Verdict]>([
    [
      'is judged by the events and what its act noted',
      () => Promise.resolve('right'),
      { held: true, seen: '0 events, right' },
    ],
    ['does not hold where its judge says so', () => Promise.resolve('wrong'), { held: false, seen: '0 events, wrong' }],
    [
      'does not hold where its act fails, and says why',
      () => Promise.reject(new Error('A token did not come within 5 s.')),
      { held: false, seen: 'A token did not come within 5 s.' },
    ],
  ])('%s', async (_name, act, verdict) => {
    expect(await sceneOf(act).play(STAGE)).toEqual(verdict);
  });
});

describe('the table at the end', () => {
  const played = (verdict: Verdict) => ({ scene: sceneOf(async () => ''), verdict });

  it('has a row a scene and counts what held', () => {
    const lines = formatPlayed([played({ held: true, seen: 'well' }), played({ held: false, seen: 'ill' })]);
    expect(lines.filter((line) => /^1 A scene +Something +(well +yes|ill +NO)$/.test(line))).toHaveLength(2);
    expect(lines.at(-1)).toBe('1 of 2 scenes held.');
  });

  it('fits a terminal of 120 columns', () => {
    const seen = 'a long sentence with many words '.repeat(10);
    const widths = formatPlayed([played({ held: true, seen })]).map(({ length }) => length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(120);
  });
});
