import { describe, expect, it } from 'vitest';
import { BILLING, REPORT } from '../../src/demo/cast.ts';
import { of } from '../../src/demo/evidence.ts';
import { intervalChange } from '../../src/demo/scenes/interval.ts';
import { isolation } from '../../src/demo/scenes/isolation.ts';
import { outage } from '../../src/demo/scenes/outage.ts';
import { regularRenewal } from '../../src/demo/scenes/regular-renewal.ts';
import { revocation } from '../../src/demo/scenes/revocation.ts';
import type { Scene } from '../../src/demo/scenes/scene.ts';
import { suspension } from '../../src/demo/scenes/suspension.ts';
import { type Misbehaviour, Simulation } from './simulation.ts';

const SCENES: { name: string; open: () => Scene }[] = [
  { name: 'regular renewal', open: () => regularRenewal() },
  { name: 'revocation', open: () => revocation() },
  { name: 'interval', open: () => intervalChange() },
  { name: 'suspension', open: () => suspension() },
  { name: 'outage', open: () => outage() },
  { name: 'isolation', open: () => isolation() },
];

describe('where everything works', () => {
  it.each(SCENES)('$name holds', async ({ open }) => {
    const { held, seen } = await new Simulation().play(open());
    expect(seen).not.toContain('did not come');
    expect(held).toBe(true);
  });

  it.each([BILLING, REPORT])('a scene can be played with $name', async (app) => {
    for (const scene of [regularRenewal(app), revocation(app), intervalChange(app), suspension(app), outage(app)]) {
      expect(await new Simulation().play(scene)).toMatchObject({ held: true });
    }
  });

  it('all hold one after the other, each leaving the stage as it found it', async () => {
    const stage = new Simulation();
    for (const { name, open } of SCENES) {
      const { held, seen } = await stage.play(open());
      expect(`${name}: ${held}, ${seen}`).toContain(`${name}: true`);
    }
  });

  it.each(SCENES)('$name holds wherever in the life of a token it begins', async ({ open }) => {
    for (let phase = 0; phase < 14_000; phase += 700) {
      const stage = new Simulation();
      await stage.idle(phase);
      const { held, seen } = await stage.play(open());
      expect(`after ${phase} ms: ${held}, ${seen}`).toContain(': true,');
    }
  });

  it('isolation waits until a reissue would be answered immediately, and until the other app renews no more', async () => {
    const stage = new Simulation();
    expect(await stage.play(revocation())).toMatchObject({ held: true });
    expect(await stage.play(isolation())).toMatchObject({ held: true });
    const reissues = of(stage.ledger.events, 'issued', BILLING.name).filter(({ trigger }) => trigger === 'reissue');
    const [first, second] = reissues.map(({ at }) => at);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(2000);
  });
});

describe('a scene does not hold where something is wrong:', () => {
  it.each<[string, Misbehaviour, () => Scene, string]>([
    ['tokens renewed after they expired', { renewsLateBy: 0 }, regularRenewal, 'too late'],
    ['a call that fails now and then', { callsFailEvery: 7 }, regularRenewal, 'failed'],
    ['tokens that only reissues replace', { renewsLateBy: 60_000 }, regularRenewal, ''],
    ['no reissue', { reissues: 'never' }, revocation, 'A new token of billing-app did not come within 10 s.'],
    ['two reissues for one rejection', { reissues: 'twice' }, revocation, '2 reissued'],
    ['a rejection that the app gets to see', { rejectionReachesApp: true }, revocation, '1 failed'],
    ['an interval that is ignored', { ignoresInterval: true }, intervalChange, 'did not move'],
    ['an interval in force for the next token only', { followsIntervalLate: true }, intervalChange, 'did not move'],
    ['tokens requested for an app that is stopped', { ignoresStoppedApps: true }, suspension, 'did not come'],
    ['a suspension that never ends', { staysSuspended: true }, suspension, 'after its start did not come within 10 s.'],
    ['one try and no other', { givesUp: true }, outage, 'Attempt 3 to renew the token of billing-app did not come'],
    ['a token that is no longer good in an outage', { forgetsTokenInOutage: true }, outage, 'failed'],
    ['calls that fail now and then', { callsFailEvery: 3 }, outage, 'failed'],
    ['a revocation of both tokens', { revocationSpreads: true }, isolation, 'got another token'],
    ['a reissue for both', { reissueSpreads: true }, isolation, 'got another token'],
    ['no reissue where two apps are', { reissues: 'never' }, isolation, 'did not come'],
  ])('%s', async (_name, wrong, open, seen) => {
    const verdict = await new Simulation(wrong).play(open());
    expect(verdict.held).toBe(false);
    expect(verdict.seen).toContain(seen);
  });
});

describe('a scene clears up:', () => {
  it.each([
    { name: 'interval', scene: () => intervalChange(), wrong: { renewsLateBy: 60_000, reissues: 'never' } },
    { name: 'suspension', scene: () => suspension(), wrong: { staysSuspended: true } },
    { name: 'outage', scene: () => outage(), wrong: { givesUp: true } },
  ] as const)('$name, also where it does not hold', async ({ scene, wrong }) => {
    const stage = new Simulation(wrong);
    const done: string[] = [];
    const setInterval = stage.setInterval.bind(stage);
    stage.setInterval = (app, interval) => {
      done.push(`${app.name} ${interval ?? 'removed'}`);
      setInterval(app, interval);
    };
    expect((await stage.play(scene())).held).toBe(false);
    expect(done.at(-1)).toMatch(/ removed$/);
  });

  it('an outage ends, also where it does not hold', async () => {
    const stage = new Simulation({ givesUp: true });
    const down: boolean[] = [];
    const setDown = stage.setAuthorizationServerDown.bind(stage);
    stage.setAuthorizationServerDown = (value) => {
      down.push(value);
      setDown(value);
    };
    await stage.play(outage());
    expect(down.at(-1)).toBe(false);
  });
});
