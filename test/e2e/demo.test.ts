import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { survivors } from '../support/processes.ts';
import { DemoProcess, type Found } from './demo-process.ts';

const APPS = ['billing-app', 'report-app'];
const SCENES = ['1 Regular renewal', '2 Revocation', '3 Interval', '4 Suspension', '5 Outage', '6 Isolation'];

/** The scenes take about a minute; a busy machine starts processes slowly. */
const A_WHOLE_PLAY = 300_000;

let demo: DemoProcess | undefined;

afterEach(async () => {
  await demo?.clear();
  demo = undefined;
});

/** What its environment, arguments and working directory show to anyone who is inside the client app. */
function shownTo({ arguments: args, environment, folder }: Found): string {
  return [args, ...environment.values(), folder].join('\n');
}

describe('npm run demo -- --once', () => {
  it(
    'plays every scene, and all hold; no secret in what it prints, no credential in sight of an app',
    async ({ onTestFailed }) => {
      const running = new DemoProcess({ args: ['--once'] });
      demo = running;
      onTestFailed(() => void process.stderr.write(running.output));
      const apps = new Map<string, Found>();
      let over = false;
      const end = running.ended.finally(() => (over = true));
      while (!over) {
        running.registerSecrets();
        for (const found of running.processes()) {
          const name = found.environment.get('REISSUE_SECRET');
          if (name !== undefined) apps.set(name, found);
        }
        await Promise.race([end, pause(500)]);
      }
      expect(running.errors).toBe('');
      for (const scene of SCENES) expect(running.output).toMatch(new RegExp(`^${scene} .* yes$`, 'm'));
      expect(running.output).toContain('6 of 6 scenes held.');
      expect(await end).toEqual({ code: 0, signal: null });
      // Three client secrets and passwords, two caller tokens, and the tokens of a minute.
      expect(running.registered).toBeGreaterThan(10);
      expect([...apps.keys()].sort()).toEqual(APPS);
      for (const found of apps.values()) {
        expect(shownTo(found)).not.toMatch(/credential|token-acquirer-demo|config\.yaml/);
      }
      for (const [name, found] of apps) {
        const other = APPS.find((app) => app !== name) ?? '';
        expect(shownTo(found)).not.toContain(other);
      }
      expect(await survivors(() => running.processes().map(({ pid }) => pid), 5000)).toEqual([]);
      expect(running.leftFiles()).toEqual([]);
    },
    A_WHOLE_PLAY,
  );
});

describe('the arguments', () => {
  it('are explained by --help', async () => {
    demo = new DemoProcess({ args: ['--help'] });
    expect(await demo.ended).toEqual({ code: 0, signal: null });
    expect(demo.output).toContain('npm run demo -- --once');
  });

  it('end with a sentence and exit code 2 where one is unknown', async () => {
    demo = new DemoProcess({ args: ['--twice'] });
    expect(await demo.ended).toEqual({ code: 2, signal: null });
    expect(demo.errors).toContain('The demo takes no arguments except --once and --help.');
    expect(demo.leftFiles()).toEqual([]);
  });
});
