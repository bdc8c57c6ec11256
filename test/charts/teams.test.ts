import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { realParts } from '../real/real-parts.ts';
import { CHART, configurationOf, HELMS, minimal, nameOf, ofKind, openChart, RELEASE, type Rendered } from './chart.ts';
import { helm, helmBinaries } from './helm.ts';

const REST = { authorizationServer: 'corporate', grant: 'client_credentials' };
const tokenOf = (team: string) => ({
  ...REST,
  credential: team,
  clients: [{ namespace: team, serviceAccount: `${team}-app` }],
});
const identity = (team: string): string => `${team}/${team}-tokens/dynamics`;
const mapping = (...teams: readonly string[]): object => ({
  config: { tokens: Object.fromEntries(teams.map((team) => [identity(team), tokenOf(team)])) },
});
const list = (...teams: readonly string[]): object => ({
  config: {
    tokens: teams.map((team) => ({
      ...tokenOf(team),
      name: 'dynamics',
      secret: { namespace: team, name: `${team}-tokens` },
    })),
  },
});
const PLATFORM = minimal({}, { tokens: undefined });

const tokensOf = (objects: readonly Rendered[]): string[] =>
  configurationOf(objects).tokens.map(({ identity: { namespace, secret, name } }) => `${namespace}/${secret}/${name}`);

describe.each(HELMS)('values files of teams, by %s', (name) => {
  const chart = realParts(() => openChart(name));
  const folder = mkdtempSync(join(tmpdir(), 'teams-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Renders these values, the later ones over the earlier ones, as helm merges files. */
  const render = (...files: readonly object[]): Promise<readonly Rendered[]> => {
    const args = files.map((values, index) => {
      const file = join(folder, `${index}.yaml`);
      writeFileSync(file, stringify(values));
      return `--values=${file}`;
    });
    return chart().objects({}, { args });
  };

  it('are merged, if each has a mapping', async () => {
    const objects = await render(PLATFORM, mapping('billing'), mapping('shipping'), mapping('audit'));
    expect(tokensOf(objects)).toEqual(['audit', 'billing', 'shipping'].map(identity));
    const secrets = ofKind(objects, 'Secret').map(nameOf);
    for (const team of ['audit', 'billing', 'shipping']) expect(secrets).toContain(`${team}/Secret/${team}-tokens`);
    const roles = ofKind(objects, 'Role').map(nameOf);
    expect(roles).toContain('billing/Role/token-acquirer.token-acquirer');
    expect(roles).toContain('shipping/Role/token-acquirer.token-acquirer');
  });

  it('render what a list of all of them does', async () => {
    const merged = await render(PLATFORM, mapping('billing'), mapping('shipping'));
    expect(merged).toEqual(await render(PLATFORM, list('billing', 'shipping')));
  });

  it('lose what a later file has null for, and keep what it changes', async () => {
    const change = { config: { tokens: { [identity('billing')]: null, [identity('shipping')]: { scope: 'a b' } } } };
    const objects = await render(PLATFORM, mapping('billing', 'shipping'), change);
    expect(tokensOf(objects)).toEqual([identity('shipping')]);
    expect(configurationOf(objects).tokens[0]?.demand).toMatchObject({ parameters: { scope: 'a b' } });
    expect(ofKind(objects, 'Secret').map(nameOf)).not.toContain('billing/Secret/billing-tokens');
  });

  it.each<[string, readonly object[], readonly string[]]>([
    ['of two lists the last one is left', [list('billing'), list('shipping')], ['shipping']],
    ['of a list and a mapping, too', [list('billing'), mapping('shipping')], ['shipping']],
    ['of a mapping and a list, too', [mapping('billing'), list('shipping')], ['shipping']],
  ])('%s, as the documents warn', async (_, files, teams) => {
    expect(tokensOf(await render(PLATFORM, ...files))).toEqual(teams.map(identity));
  });

  it('merge the other things of a team as well', async () => {
    const own = (team: string): object => ({
      config: { authorizationServers: { [team]: { issuer: `https://${team}.example.com` } } },
      credentials: { [team]: { existingSecret: `${team}-account` } },
      certificateAuthorities: { [team]: { configMap: `${team}-ca` } },
      extraObjects: { [team]: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `of-${team}` } } },
    });
    const teams = ['billing', 'shipping'];
    const objects = await render(PLATFORM, mapping(...teams), ...teams.map(own), { extraObjects: { billing: null } });
    expect(Object.keys(configurationOf(objects).servers)).toEqual(['billing', 'corporate', 'shipping']);
    const text = JSON.stringify(ofKind(objects, 'Deployment'));
    for (const team of teams) {
      expect(text).toContain(`"${team}-account"`);
      expect(text).toContain(`"${team}-ca"`);
    }
    expect(ofKind(objects, 'ConfigMap').map(nameOf)).toContain('ConfigMap/of-shipping');
    expect(ofKind(objects, 'ConfigMap').map(nameOf)).not.toContain('ConfigMap/of-billing');
  });
});

it('a release keeps its values as they were written', async () => {
  const binary = (await helmBinaries()).find(({ name }) => name === 'helm 4');
  if (binary === undefined) throw new Error('There is no helm 4.');
  const written = minimal({ credentials: { old: null } }, { tokens: { [identity('billing')]: tokenOf('billing') } });
  const args = ['install', RELEASE.name, CHART, '--dry-run=client', '--output=json', '--values=-'];
  const release = JSON.parse(await helm(binary, args, { input: JSON.stringify(written) })) as { config: object };
  expect(release.config).toEqual(written);
});
