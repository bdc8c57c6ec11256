import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { createKubernetesAccessTokens } from '../../src/adapters/kubernetes/resources/kubernetes-access-tokens.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { type ChainPlace, makePlace } from '../charts/chain-place.ts';
import { CHART } from '../charts/chart.ts';
import { releaseCommands } from '../charts/release.ts';
import { type AccessTokensUnderTest, describeAccessTokens } from '../contract/access-tokens.ts';
import { until } from '../support/until.ts';
import { describeCommands } from './access-token-commands.ts';
import { describeEnds, servicesOfEnds } from './access-token-ends.ts';
import type { TestCluster, TestNamespace } from './cluster.ts';
import { failedOutput } from './command.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const DEFINITION = readFileSync(join(CHART, 'files/access-token-crd.yaml'), 'utf8');
const CRD = 'customresourcedefinition/accesstokens.token-acquirer.dev';
const RELEASE = 'token-acquirer';
const MINUTE = 60_000;
const MANY = 40;

function accessToken(name: string, namespace: string, spec: object = {}): string {
  return JSON.stringify({
    apiVersion: 'token-acquirer.dev/v1alpha1',
    kind: 'AccessToken',
    metadata: { name, namespace },
    spec: { service: 'dynamics', ...spec },
  });
}

describeInCluster('AccessTokens', (cluster: () => TestCluster) => {
  const apply = (text: string): Promise<string> => cluster().kubectl(['apply', '--filename=-'], text);

  const annotate = (namespace: string, name: string, value: string): Promise<string> =>
    cluster().kubectl([
      'annotate',
      'at',
      name,
      `--namespace=${namespace}`,
      '--overwrite',
      `token-acquirer.dev/reissue=${value}`,
    ]);

  beforeAll(async () => {
    await apply(DEFINITION);
    await cluster().kubectl(['wait', '--for=condition=Established', CRD, '--timeout=30s']);
  }, CLUSTER_TIMEOUT);

  afterAll(() => cluster().kubectl(['delete', '--ignore-not-found', CRD]));

  async function underTest(): Promise<AccessTokensUnderTest> {
    const home = await cluster().namespace('access-tokens');
    const api = kubeconfigApiServer(cluster().kubeconfig, {});
    const options = { clock: createSystemClock(), onFault: () => undefined };
    return {
      resources: createKubernetesAccessTokens(api, options),
      namespace: home.name,
      apply: async (name, spec) => void (await apply(accessToken(name, home.name, spec))),
      delete: async (name) =>
        void (await cluster().kubectl(['delete', 'at', name, `--namespace=${home.name}`, '--wait=false'])),
      askReissue: async (name, value) => void (await annotate(home.name, name, value)),
      makeSecret: async (name) =>
        void (await cluster().kubectl(['create', 'secret', 'generic', name, `--namespace=${home.name}`])),
      addFinalizer: async (name, finalizer) => {
        const patch = JSON.stringify([{ op: 'add', path: '/metadata/finalizers', value: [finalizer] }]);
        await cluster().kubectl(['patch', 'at', name, `--namespace=${home.name}`, '--type=json', `--patch=${patch}`]);
      },
      removeFinalizers: async (name) => {
        const patch = JSON.stringify({ metadata: { finalizers: null } });
        await cluster().kubectl(['patch', 'at', name, `--namespace=${home.name}`, '--type=merge', `--patch=${patch}`]);
      },
      fill: async (name, key, value) => {
        const patch = JSON.stringify({ stringData: { [key]: value } });
        await cluster().kubectl(['patch', 'secret', name, `--namespace=${home.name}`, `--patch=${patch}`]);
      },
      async stop() {
        await api.close();
        await home.remove();
      },
    };
  }

  describeAccessTokens('A cluster', underTest);

  describe('with the chart', () => {
    let place: ChainPlace;
    let values: Record<string, unknown>;
    let ending: TestNamespace;
    const release = releaseCommands(() => ({ cluster: cluster(), place, values }));
    const kubectl = (...args: string[]): Promise<string> => cluster().kubectl([`--namespace=${place.client}`, ...args]);
    const field = (name: string, path: string): Promise<string> =>
      kubectl('get', 'at', name, `--output=jsonpath=${path}`);
    const ready = (name: string): Promise<string> =>
      field(name, '{.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].reason}');
    const wait = (name: string, what = 'condition=Ready'): Promise<string> =>
      kubectl('wait', `--for=${what}`, `accesstoken/${name}`, '--timeout=30s');
    const applied = (name: string, spec?: object): Promise<string> => apply(accessToken(name, place.client, spec));

    beforeAll(async () => {
      place = await makePlace(cluster());
      ending = await cluster().namespace('ending');
      const given = place.values as { config: { authorizationServers: object } };
      const { services, authorizationServers } = servicesOfEnds(place, ending.name);
      const config = {
        ...given.config,
        authorizationServers: { ...given.config.authorizationServers, ...authorizationServers },
        tokens: [],
        services,
      };
      const certificateAuthorities = Object.fromEntries(
        Object.keys(config.authorizationServers).map((name) => [name, { configMap: 'example-ca' }]),
      );
      // The chart brings its own.
      await cluster().kubectl(['delete', CRD]);
      // The policy would reject some of these before token-acquirer does.
      const accessTokens = { policy: { enabled: false } };
      values = { ...given, config, certificateAuthorities, accessTokens };
      await release.run('install', RELEASE, CHART, '--values=-');
      await release.rolledOut(RELEASE, '120s');
    }, CLUSTER_TIMEOUT);

    afterAll(async () => {
      if (place === undefined) return;
      await release.run('uninstall', RELEASE, '--ignore-not-found');
      await Promise.all([place.remove(), ending?.remove()]);
    }, 2 * MINUTE);

    it('are ready soon after they were applied, with the token in a Secret that goes with them', async () => {
      const began = performance.now();
      await applied('incidents', { secretName: 'incident-tokens' });
      expect(await wait('incidents')).toContain('condition met');
      // Two seconds are expected.
      expect(performance.now() - began).toBeLessThan(20_000);
      const secret = JSON.parse(await kubectl('get', 'secret', 'incident-tokens', '--output=json')) as {
        type: string;
        data: Record<string, string>;
      };
      expect(secret.type).toBe('token-acquirer.dev/token');
      expect(Object.keys(secret.data).toSorted()).toEqual(['ca.crt', 'incidents', 'incidents.json']);
      const table = await kubectl('get', 'at');
      expect(table).toMatch(/^NAME +READY +SERVICE +SECRET +EXPIRES +RENEWS +REASON +AGE$/m);
      expect(table).toMatch(/^incidents +True +dynamics +incident-tokens +20\S+Z +20\S+Z +TokenValid +\d+s$/m);
      await kubectl('delete', 'at', 'incidents');
      const isGone = async (): Promise<boolean> =>
        (await kubectl('get', 'secret', 'incident-tokens', '--ignore-not-found')) === '';
      await until('The end of the Secret', isGone, MINUTE);
    });

    it.each([
      ['another service', { service: 'other' }, 'cannot be changed; make another AccessToken'],
      ['another Secret', { secretName: 'other' }, 'secretName cannot be changed; make another AccessToken'],
      ['no Secret', {}, 'secretName cannot be changed; make another AccessToken'],
    ])('are not changed to %s', async (_, spec, sentence) => {
      await applied('fixed', { secretName: 'fixed-tokens' });
      const change = 'service' in spec ? { ...spec, secretName: 'fixed-tokens' } : spec;
      // Not by `apply`, which would keep a field that is left out.
      const output = await failedOutput(
        cluster().kubectl(['replace', '--filename=-'], accessToken('fixed', place.client, change)),
      );
      expect(output).toContain(sentence);
    });

    it.each([
      [
        'both an interval and a part of the lifetime',
        { renewal: { interval: '5m', at: '50%' } },
        'takes either interval or at',
      ],
      ['an interval that is none', { renewal: { interval: 'soon' } }, 'spec.renewal.interval'],
      ['a Secret elsewhere', { secretName: 'other/tokens' }, 'spec.secretName'],
    ])('are rejected with %s, when they are applied', async (_, spec, sentence) => {
      expect(await failedOutput(applied('invalid', spec))).toContain(sentence);
    });

    it('leave a Secret of somebody else as it is', async () => {
      await kubectl('create', 'secret', 'generic', 'mine', '--from-literal=key=kept');
      await applied('mine');
      await wait('mine', 'condition=Stalled');
      expect(await ready('mine')).toBe('False SecretTaken');
      expect(await kubectl('get', 'secret', 'mine', '--output=jsonpath={.data}')).toBe('{"key":"a2VwdA=="}');
    });

    it('get a new token for each value of an annotation, and say why not', async () => {
      await applied('asked');
      await wait('asked');
      const token = (): Promise<string> => kubectl('get', 'secret', 'asked', '--output=jsonpath={.data.asked}');
      const answer = (): Promise<string> =>
        field('asked', '{.status.lastReissue.request} {.status.lastReissue.result} {.status.lastReissue.message}');
      const before = await token();
      await annotate(place.client, 'asked', 'one');
      await until('The first answer', async () => (await answer()) === 'one reissued A new token is stored.', MINUTE);
      expect(await token()).not.toBe(before);
      await annotate(place.client, 'asked', 'two');
      await until('The second answer', async () => (await answer()).startsWith('two paused '), MINUTE);
      expect(await answer()).toMatch(/Try again in \S+, with another value\.$/);
    });

    it('have one CustomResourceDefinition for all releases, and say so to a second one', async () => {
      const second = release.run('install', 'second', CHART, '--values=-', '--dry-run=server');
      expect(await failedOutput(second)).toContain('It serves this release, too: set crds.enabled to false.');
    });

    describeCommands({ cluster, place: () => place, applied, wait });

    it('give the token-acquirer no way to other Secrets of the namespace', async () => {
      const as = `--as=system:serviceaccount:${place.acquirer}:${RELEASE}`;
      await kubectl('create', 'secret', 'generic', 'foreign', '--from-literal=key=kept');
      const tried = [
        kubectl('patch', 'secret', 'foreign', '--patch={"stringData":{"key":"changed"}}', as),
        kubectl('create', 'secret', 'generic', 'another', as),
        kubectl('delete', 'secret', 'foreign', as),
        kubectl('get', 'secrets', as),
      ];
      const [patched, created, deleted, listed] = await Promise.all(tried.map(failedOutput));
      for (const output of [patched, created])
        expect(output).toContain('may create and change only Secrets of the type token-acquirer.dev/token');
      for (const output of [deleted, listed]) expect(output).toContain('forbidden');
    });

    it(
      'get their Secret again, with the same token, where somebody deletes it',
      async () => {
        await applied('deleted');
        await wait('deleted');
        const token = (): Promise<string> =>
          kubectl('get', 'secret', 'deleted', '--ignore-not-found', '--output=jsonpath={.data.deleted}');
        const before = await token();
        await kubectl('delete', 'secret', 'deleted');
        await until('The Secret', async () => (await token()) === before, 90_000);
        expect(await ready('deleted')).toBe('True TokenValid');
      },
      2 * MINUTE,
    );

    it(
      `are all ready, ${MANY} at a time, without an error in the log`,
      async () => {
        const names = Array.from({ length: MANY }, (_, index) => `many-${index}`);
        await apply(names.map((name) => accessToken(name, place.client)).join('\n'));
        await Promise.all([wait('many-0'), wait(`many-${MANY - 1}`)]);
        const all = await kubectl(
          'get',
          'at',
          '--output=jsonpath={range .items[*]}{.metadata.name} {.status.secretName}{"\\n"}{end}',
        );
        expect(all.split('\n').filter((line) => /^many-(\d+) many-\1$/.test(line))).toHaveLength(MANY);
        const [pod] = await release.pods();
        const log = await release.kubectl('logs', pod?.metadata?.name ?? '');
        expect(log.split('\n').filter((line) => line.includes('"level":"error"') && line.includes('/many-'))).toEqual(
          [],
        );
        await kubectl('delete', 'at', ...names);
      },
      2 * MINUTE,
    );

    describeEnds(() => ({ cluster: cluster(), place, ending: ending.name, release }));

    it(
      'go on after a restart with the tokens that they have',
      async () => {
        const name = `kept-${randomUUID().slice(0, 8)}`;
        await applied(name);
        await wait(name);
        const token = (): Promise<string> => kubectl('get', 'secret', name, `--output=jsonpath={.data.${name}}`);
        const before = await token();
        await release.kubectl('rollout', 'restart', `deployment/${RELEASE}`);
        await release.rolledOut(RELEASE, '120s');
        await applied(`${name}-2`);
        await wait(`${name}-2`);
        expect(await token()).toBe(before);
        expect(await ready(name)).toBe('True TokenValid');
      },
      3 * MINUTE,
    );
  });
});
