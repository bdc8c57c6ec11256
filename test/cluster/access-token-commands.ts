import { expect, it } from 'vitest';
import { type ChainPlace } from '../charts/chain-place.ts';
import { command, pluginCommand } from '../e2e/acquirer-process.ts';
import type { TestCluster } from './cluster.ts';

const MINUTE = 60_000;

export interface CommandsPlace {
  cluster(): TestCluster;
  place(): ChainPlace;
  /** Applies an AccessToken in the namespace of the client. */
  applied(name: string, spec?: object): Promise<string>;
  /** Waits for a condition of an AccessToken. */
  wait(name: string, what?: string): Promise<string>;
}

/** What `doctor` and the plugin of kubectl show of AccessTokens, each with its own ones. */
export function describeCommands({ cluster, place, applied, wait }: CommandsPlace): void {
  const options = (): string[] => [`--namespace=${place().acquirer}`, `--kubeconfig=${cluster().kubeconfig}`];
  const deleted = (...names: string[]): Promise<string> =>
    cluster().kubectl(['delete', 'at', ...names, `--namespace=${place().client}`]);

  it(
    'are found by the doctor where they are rejected, and only there',
    async () => {
      await applied('healthy');
      await applied('rejected', { service: 'nothing' });
      await Promise.all([wait('healthy'), wait('rejected', 'condition=Stalled')]);
      const { stdout, stderr } = await command(['doctor', '--output=json', ...options()]);
      expect(stderr).toBe('');
      const { checks } = JSON.parse(stdout) as { checks: { check: string; findings: { subject: string }[] }[] };
      const found = checks.flatMap(({ check, findings }) => findings.map(({ subject }) => `${check}: ${subject}`));
      const own = found.filter((one) => /\/(?:healthy|rejected)$/.test(one));
      expect(own).toEqual([`access-token-rejected: AccessToken ${place().client}/rejected`]);
      expect(found.filter((one) => one.startsWith('acquirer-permissions'))).toEqual([]);
      await deleted('healthy', 'rejected');
    },
    3 * MINUTE,
  );

  it(
    'are inspected, reissued and completed by the plugin, with the reason where they have no token',
    async () => {
      const { client } = place();
      await applied('shown', { secretName: 'shown-tokens', serviceAccounts: ['billing-app'] });
      await applied('silent', { service: 'nothing' });
      await Promise.all([wait('shown'), wait('silent', 'condition=Stalled')]);
      const inspected = await pluginCommand(['inspect', `${client}/shown-tokens/shown`, ...options()]);
      expect(inspected.stdout).toMatch(
        new RegExp(`^Asked by: +AccessToken ${client}/shown, for the service dynamics$`, 'm'),
      );
      expect(inspected.stdout).toMatch(/\nACCESSTOKEN\nReady=True +TokenValid /);
      const reissued = await pluginCommand(['reissue', `${client}/shown-tokens/shown`, ...options()]);
      expect(reissued.stdout).toMatch(/: reissued, stored, generation \d+, expires /);
      const silent = await pluginCommand(['reissue', `${client}/silent`, ...options()]);
      expect(silent).toMatchObject({ code: 1, stdout: '' });
      expect(silent.stderr).toContain(`The AccessToken ${client}/silent has no token. Ready=False (ServiceUnknown): `);
      const completed = await pluginCommand(['__complete', 'inspect', ...options(), client]);
      expect(completed.stdout.split('\n')).toEqual(
        expect.arrayContaining([`${client}/shown-tokens/shown`, `${client}/silent/silent`]),
      );
      await deleted('shown', 'silent');
    },
    3 * MINUTE,
  );
}
