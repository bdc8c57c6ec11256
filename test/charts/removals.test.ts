import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { TestCluster, TestNamespace } from '../cluster/cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { CommandFailed } from '../real/install/run.ts';
import { failure } from '../support/failure.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { CHART, HELMS } from './chart.ts';
import { type HelmBinary, helm, helmBinaries } from './helm.ts';

const RELEASE = 'token-acquirer';
/** By this one only, where both helms do the same. */
const LATEST = 'helm 4';
const TEAMS = ['billing', 'shipping', 'audit'] as const;
type Team = (typeof TEAMS)[number];
const REST = { authorizationServer: 'corporate', credential: 'dynamics', grant: 'client_credentials' };
/** Nothing is pulled or run: what is tested is what helm does to the Secrets. */
const PLATFORM = {
  image: { repository: 'registry.invalid/token-acquirer' },
  config: { authorizationServers: { corporate: { issuer: 'https://login.example.com' } } },
};
const DELETES = 'This upgrade deletes the Secret';
const ADVICE =
  'because the values no longer name it. Nothing was changed. Look for a values file that was left out (-f), for two files with a list of tokens, and for two tokens with the same key. To delete it, add --set secret.allowRemoval=true';

describeInCluster('a release of several teams', (cluster: () => TestCluster) => {
  const folder = temporaryDirectory();
  let binaries: readonly HelmBinary[];
  let home: TestNamespace;
  let namespaces: Readonly<Record<Team, TestNamespace>>;

  beforeAll(async () => {
    binaries = await helmBinaries();
    home = await cluster().namespace('teams');
    const made = await Promise.all(TEAMS.map(async (team) => [team, await cluster().namespace(team)] as const));
    namespaces = Object.fromEntries(made) as Record<Team, TestNamespace>;
  }, CLUSTER_TIMEOUT);

  afterAll(async () => {
    await Promise.all([home, ...Object.values(namespaces)].map((namespace) => namespace.remove()));
    folder.remove();
  });

  const kubectl = (...args: readonly string[]): Promise<string> => cluster().kubectl(args);
  const identity = (team: Team, name = 'dynamics'): string => `${namespaces[team].name}/${team}-tokens/${name}`;
  const secretOf = (team: Team): readonly string[] => [`--namespace=${namespaces[team].name}`, `${team}-tokens`];
  const mapping = (team: Team, tokens: object = { [identity(team)]: REST }): object => ({ config: { tokens } });
  const list = (team: Team): object => ({
    config: {
      tokens: [{ ...REST, name: 'dynamics', secret: { namespace: namespaces[team].name, name: `${team}-tokens` } }],
    },
  });

  /** As the token-acquirer would store a token. */
  const store = (team: Team, key = 'dynamics'): Promise<string> =>
    kubectl('patch', 'secret', ...secretOf(team), '--type=merge', `--patch={"stringData":{"${key}":"a-token"}}`);
  const found = (team: Team): Promise<string> =>
    kubectl('get', 'secret', ...secretOf(team), '--ignore-not-found', '-o=jsonpath={.metadata.uid} {.data.dynamics}');

  describe.each(HELMS)('by %s', (name) => {
    const run = (verb: string, ...args: readonly string[]): Promise<string> =>
      helm(binaries.find((one) => one.name === name) as HelmBinary, [verb, RELEASE, `-n=${home.name}`, ...args], {
        kubeconfig: cluster().kubeconfig,
      });
    const apply = (verb: 'install' | 'upgrade', files: readonly object[], ...more: readonly string[]) => {
      const args = [PLATFORM, ...files].map((values, index) => {
        const file = join(folder.path, `${index}.yaml`);
        writeFileSync(file, stringify(values));
        return `--values=${file}`;
      });
      return run(verb, CHART, ...args, ...more);
    };
    /** The sentences of the guard. Throws where the upgrade was not rejected. */
    const rejected = async (files: readonly object[], ...more: readonly string[]): Promise<string> => {
      const error = await failure(apply('upgrade', files, ...more));
      if (!(error instanceof CommandFailed)) throw error;
      return error.output;
    };

    /** Not skipped by the other one, which would count as a failure: there it is not a test at all. */
    const itByLatest = name === LATEST ? it : (): void => undefined;

    afterEach(async () => {
      await run('uninstall', '--ignore-not-found');
      for (const team of TEAMS) await kubectl('delete', 'secret', ...secretOf(team), '--ignore-not-found');
    });

    it('takes a third team by its file, and changes nothing of the others', async () => {
      await apply('install', [mapping('billing'), mapping('shipping')]);
      for (const team of ['billing', 'shipping'] as const) await store(team);
      const before = [await found('billing'), await found('shipping')];
      expect(before.join(' ')).toMatch(/^\S{36} \S+ \S{36} \S+$/);
      const notes = await apply(
        'upgrade',
        TEAMS.map((team) => mapping(team)),
      );
      expect(notes).not.toContain(DELETES);
      expect([await found('billing'), await found('shipping')]).toEqual(before);
      expect(await found('audit')).not.toBe('');
    });

    itByLatest('keeps a team whose file was left out, or replaced by a list', async () => {
      await apply('install', [mapping('billing'), mapping('shipping')]);
      await store('billing');
      const secret = `${namespaces.billing.name}/billing-tokens`;
      const sentence = `config: this upgrade would delete the Secret ${secret} with the token dynamics, ${ADVICE}`;
      expect(await rejected([mapping('shipping')])).toContain(sentence);
      expect(await rejected([mapping('billing'), list('shipping')])).toContain(sentence);
      expect(await rejected([mapping('shipping')], '--dry-run=server')).toContain(sentence);
      const endpoint = { [identity('billing')]: { delivery: 'endpoint' } };
      expect(await rejected([mapping('billing'), mapping('billing', endpoint)])).toContain(sentence);
      expect(await rejected([mapping('billing')], '--set=secret.create=false')).toContain(sentence);
      // Shipping has no token yet, so nothing is lost with it.
      await apply('upgrade', [mapping('billing')]);
      expect(await found('billing')).toMatch(/^\S{36} \S+$/);
      // A user who may not read Secrets can still upgrade.
      await apply('upgrade', [mapping('shipping')], '--set=checks.secrets=false');
      expect(await found('billing')).toBe('');
    });

    itByLatest('lets a team go when it is said', async () => {
      await apply('install', [list('billing')]);
      await store('billing');
      const notes = await apply('upgrade', [mapping('shipping')], '--set=secret.allowRemoval=true');
      expect(notes).toContain(`${DELETES} ${namespaces.billing.name}/billing-tokens with the token dynamics.`);
      expect(await found('billing')).toBe('');
    });

    itByLatest('keeps a token among others of its Secret', async () => {
      const both = { [identity('audit')]: REST, [identity('audit', 'ledger')]: { ...REST, key: 'the-ledger' } };
      await apply('install', [mapping('audit', both)]);
      await store('audit');
      await store('audit', 'the-ledger');
      expect(await rejected([mapping('audit')])).toContain(
        `config: this upgrade would remove from the Secret ${namespaces.audit.name}/audit-tokens the token the-ledger, ${ADVICE}`,
      );
      // A copy of the other token in its place is the same to anyone who only looks for the key.
      const copied = { [identity('audit')]: { ...REST, copies: [{ key: 'the-ledger', form: 'bearer' }] } };
      await apply('upgrade', [mapping('audit', copied)]);
      expect(await rejected([mapping('audit')])).toContain('the token the-ledger,');
      await apply('upgrade', [mapping('audit', both)]);
      // Another name with the same key is the same to anyone who mounts it.
      const renamed = { [identity('audit')]: REST, [identity('audit', 'general')]: { ...REST, key: 'the-ledger' } };
      await apply('upgrade', [mapping('audit', renamed)]);
    });

    itByLatest('keeps rotated refresh tokens, and says nothing of what helm keeps itself', async () => {
      await apply('install', [mapping('billing')], '--set=secret.keep=true');
      await store('billing');
      await apply('upgrade', [mapping('shipping')], '--set=secret.keep=true');
      expect(await found('billing')).toMatch(/^\S{36} \S+$/);
      await apply('upgrade', [mapping('shipping')]);
      const state = `${RELEASE}-state`;
      await kubectl('patch', 'secret', `-n=${home.name}`, state, '--type=merge', '--patch={"stringData":{"a":"b"}}');
      expect(await rejected([mapping('shipping')], '--set=config.state.secret=another')).toContain(
        `config: this upgrade would delete the Secret ${home.name}/${state} with rotated refresh tokens, which cannot be obtained again, ${ADVICE}`,
      );
    });
  });
});
