import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { type ChainPlace, makePlace } from '../charts/chain-place.ts';
import { CHART } from '../charts/chart.ts';
import { releaseCommands } from '../charts/release.ts';
import { until } from '../support/until.ts';
import type { TestCluster } from './cluster.ts';
import { failedOutput } from './command.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const PREVIOUS = join(import.meta.dirname, '../charts/released/token-acquirer-0.1.0.tgz');
const DEFINITION = readFileSync(join(CHART, 'files/access-token-crd.yaml'), 'utf8');
const CRD = 'customresourcedefinition/accesstokens.token-acquirer.dev';
const RELEASE = 'token-acquirer';
const SECRETS = ['billing-tokens', 'report-tokens'];
const MINUTE = 60_000;
/** The kubelet brings a changed configuration to the pod within 90 s. */
const LOADED = '180s';

describeInCluster(
  'an upgrade of the chart',
  (cluster: () => TestCluster) => {
    let place: ChainPlace;
    let values: Record<string, unknown>;
    /** Removes what holds up a deletion. */
    let free: () => Promise<unknown> = () => Promise.resolve();
    const release = releaseCommands(() => ({ cluster: cluster(), place, values }));
    const kubectl = (...args: string[]): Promise<string> => cluster().kubectl([`--namespace=${place.client}`, ...args]);
    const apply = (text: string): Promise<string> => cluster().kubectl(['apply', '--filename=-'], text);

    beforeAll(async () => {
      place = await makePlace(cluster());
    }, CLUSTER_TIMEOUT);

    afterEach(async () => {
      // It is gone already where the test passed.
      await free().catch(() => '');
      free = () => Promise.resolve();
      await release.run('uninstall', RELEASE, '--ignore-not-found', '--wait');
      await cluster().kubectl(['delete', '--ignore-not-found', CRD]);
    });

    afterAll(() => place?.remove());

    /** Values that both charts take, with three tokens in two Secrets. */
    function tokens(): Record<string, unknown> {
      const { image, certificateAuthorities, config } = place.values as {
        image: object;
        certificateAuthorities: object;
        config: { authorizationServers: object };
      };
      const token = (name: string, secret: string): object => ({
        name,
        authorizationServer: 'corporate',
        credential: 'dynamics',
        grant: 'client_credentials',
        secret: { namespace: place.client, name: secret },
        clients: [{ namespace: place.client, serviceAccount: 'billing-app' }],
      });
      const [billing = '', reports = ''] = SECRETS;
      const list = [token('dynamics', billing), token('ledger', billing), token('reports', reports)];
      return { image, certificateAuthorities, config: { ...config, tokens: list } };
    }

    /** The same, with a service for AccessTokens. */
    function withService(namespaces = [place.client]): Record<string, unknown> {
      const { config, ...rest } = tokens() as { config: object };
      const service = { authorizationServer: 'corporate', credential: 'dynamics', grant: 'client_credentials' };
      return { ...rest, config: { ...config, services: { dynamics: { ...service, namespaces } } } };
    }

    /** The token Secrets with all that is in them. */
    async function stored(): Promise<string[]> {
      return Promise.all(
        SECRETS.map((name) => kubectl('get', 'secret', name, '--output=jsonpath={.metadata.uid} {.data}')),
      );
    }

    async function issued(): Promise<number> {
      const log = await cluster().kubectl([
        'logs',
        'deployment/authorization-server',
        `--namespace=${place.services}`,
        '--tail=-1',
      ]);
      return log.split('\n').filter((line) => line.includes('"token-issued"')).length;
    }

    const status = (): Promise<string> =>
      release.kubectl('exec', `deployment/${RELEASE}`, '--', 'token-acquirer', 'status');

    /** Resolves once the status lists the token of an AccessToken, or no longer does. It fails while a token is unhealthy. */
    async function listed(name: string, isListed: boolean): Promise<void> {
      const isSo = async (): Promise<boolean> => {
        const text = await status().catch(() => undefined);
        return text !== undefined && text.includes(`/${name} `) === isListed;
      };
      await until(`${isListed ? 'The token' : 'The end of the token'} of ${name}`, isSo, 2 * MINUTE);
    }

    /** The logs of the pods that run, without those of pods that are ending. */
    async function logs(): Promise<string> {
      const pods = await release.pods();
      const texts = pods.map(({ metadata }) => release.kubectl('logs', metadata?.name ?? '', '--tail=-1'));
      return (await Promise.all(texts)).join('');
    }

    /** Resolves when all pods are of the latest revision, and one of them works on the three tokens. */
    async function settled(): Promise<void> {
      await release.rolledOut(RELEASE, '180s');
      const worksOn = async (name: string): Promise<boolean> =>
        new RegExp(`/${name}".*"token-(?:adopted|stored)"`).test(await logs());
      const worksOnAll = async (): Promise<boolean> =>
        (await Promise.all(['dynamics', 'ledger', 'reports'].map(worksOn))).every(Boolean);
      await until('The tokens', worksOnAll, 2 * MINUTE);
    }

    async function installPrevious(): Promise<void> {
      values = tokens();
      await release.run('install', RELEASE, PREVIOUS, '--values=-');
      await settled();
    }

    /** Resolves when the pods have the latest configuration, for which the kubelet would take up to 90 s. */
    async function restarted(): Promise<void> {
      await release.kubectl('rollout', 'restart', `deployment/${RELEASE}`);
      await settled();
    }

    const accessToken = (name: string, namespace = place.client, finalizers: readonly string[] = []): string =>
      JSON.stringify({
        apiVersion: 'token-acquirer.dev/v1alpha1',
        kind: 'AccessToken',
        metadata: { name, namespace, finalizers },
        spec: { service: 'dynamics' },
      });
    /** The Secret of an AccessToken. */
    const data = (name: string): Promise<string> =>
      kubectl('get', 'secret', name, '--output=jsonpath={.metadata.uid} {.data}');
    const annotate = (name: string, value: string): Promise<string> =>
      kubectl('annotate', 'accesstoken', name, '--overwrite', `token-acquirer.dev/reissue=${value}`);
    const ready = (name: string, namespace = place.client): Promise<string> =>
      cluster().kubectl([
        'wait',
        '--for=condition=Ready',
        `accesstoken/${name}`,
        `--namespace=${namespace}`,
        `--timeout=${LOADED}`,
      ]);

    const definitionIsKnown = (): Promise<string> =>
      cluster().kubectl(['wait', '--for=condition=Established', CRD, '--timeout=30s']);

    it(
      'keeps every token: with the chart of this version, with services added, taken, and back',
      async () => {
        await installPrevious();
        const [before, requests] = [await stored(), await issued()];
        await release.run('upgrade', RELEASE, CHART, '--values=-');
        await settled();
        expect(await stored()).toEqual(before);
        expect(await issued()).toBe(requests);

        values = withService();
        await release.run('upgrade', RELEASE, CHART, '--values=-');
        await apply(accessToken('incidents'));
        await ready('incidents');
        const obtained = await data('incidents');
        expect(await stored()).toEqual(before);
        expect(await issued()).toBe(requests + 1);

        values = tokens();
        expect(await failedOutput(release.run('upgrade', RELEASE, CHART, '--values=-'))).toContain(
          `this upgrade would leave the AccessToken incidents of the namespace ${place.client} without the service dynamics`,
        );
        await release.run('upgrade', RELEASE, CHART, '--values=-', '--set=secret.allowRemoval=true');
        // The running process loads it, once the kubelet has updated its volume.
        await listed('incidents', false);
        expect(await data('incidents')).toBe(obtained);

        values = withService();
        await release.run('upgrade', RELEASE, CHART, '--values=-');
        await restarted();
        await listed('incidents', true);
        expect(await data('incidents')).toBe(obtained);

        await release.run('rollback', RELEASE, '1');
        await settled();
        expect(await stored()).toEqual(before);
        expect(await issued()).toBe(requests + 1);
        await release.run('uninstall', RELEASE, '--wait');
        expect(await data('incidents')).toBe(obtained);
      },
      10 * MINUTE,
    );

    it(
      'serves AccessTokens once their definition is applied, without a restart, and again after it was deleted',
      async () => {
        values = { ...withService(), crds: { enabled: false } };
        await release.run('install', RELEASE, CHART, '--values=-');
        await settled();
        const [before, requests, pods] = [await stored(), await issued(), await release.pods()];
        expect(await logs()).toContain(
          `The AccessTokens of the namespace ${place.client} cannot be read, because the cluster does not know AccessTokens (404). Apply the CustomResourceDefinition of this version`,
        );
        for (const time of [1, 2]) {
          await apply(DEFINITION);
          await definitionIsKnown();
          await apply(accessToken('incidents'));
          await ready('incidents');
          expect(await issued()).toBe(requests + time);
          await cluster().kubectl(['delete', CRD]);
          await listed('incidents', false);
        }
        const uidsOf = (list: typeof pods): unknown[] =>
          list.map(({ metadata, status: state }) => [metadata?.uid, state?.containerStatuses?.[0]?.restartCount]);
        expect(uidsOf(await release.pods())).toEqual(uidsOf(pods));
        expect(await stored()).toEqual(before);
      },
      10 * MINUTE,
    );

    it(
      'says which field a definition of another version does not store, and serves AccessTokens anyway',
      async () => {
        await apply(without(DEFINITION, 'lastReissue'));
        await definitionIsKnown();
        values = { ...withService(), crds: { enabled: false } };
        await release.run('install', RELEASE, CHART, '--values=-');
        await settled();
        await apply(accessToken('incidents'));
        await ready('incidents');
        const before = await data('incidents');
        await annotate('incidents', 'monday');
        await until('Another token', async () => (await data('incidents')) !== before, MINUTE);
        const sentence =
          'The cluster does not store status.lastReissue of AccessTokens, because its CustomResourceDefinition is of another version.';
        await until('The sentence', async () => (await logs()).includes(sentence), MINUTE);
        const after = await data('incidents');
        await apply(accessToken('another'));
        await ready('another');
        expect((await logs()).split(sentence)).toHaveLength(2);
        expect(await data('incidents')).toBe(after);
      },
      10 * MINUTE,
    );

    it(
      'is not disturbed by a namespace that is being deleted',
      async () => {
        const ending = await cluster().namespace('ending');
        values = withService([place.client, ending.name]);
        await release.run('install', RELEASE, CHART, '--values=-');
        await settled();
        const before = await stored();
        await apply(accessToken('incidents'));
        // Somebody's finalizer holds up the deletion.
        await apply(accessToken('held', ending.name, ['example.com/held']));
        await ready('incidents');
        free = () => {
          const held = ['accesstoken/held', `--namespace=${ending.name}`];
          return cluster().kubectl(['patch', ...held, '--type=merge', '--patch={"metadata":{"finalizers":[]}}']);
        };
        await ready('held', ending.name);
        await ending.remove();
        await listed('held', false);

        await apply(accessToken('another'));
        await ready('another');
        const obtained = await data('incidents');
        await annotate('incidents', 'monday');
        await until('Another token', async () => (await data('incidents')) !== obtained, MINUTE);
        expect(await stored()).toEqual(before);
        expect(await failedOutput(release.run('upgrade', RELEASE, CHART, '--values=-'))).toContain(
          `config.services: the namespace ${ending.name} is being deleted, and nothing was changed.`,
        );
        const complaints = (await logs()).split('\n').filter((line) => /"level":"(?:warn|error)"/.test(line));
        expect(complaints.filter((line) => line.includes(ending.name)).length).toBeLessThan(20);

        await free();
        await cluster().kubectl(['wait', '--for=delete', `namespace/${ending.name}`, '--timeout=120s']);
        expect(await failedOutput(release.run('upgrade', RELEASE, CHART, '--values=-'))).toContain(
          `config.services: the namespace ${ending.name} does not exist, and nothing was changed.`,
        );
        values = withService();
        await release.run('upgrade', RELEASE, CHART, '--values=-');
        await restarted();
        await listed('incidents', true);
        expect(await stored()).toEqual(before);
      },
      10 * MINUTE,
    );
  },
  { alone: true },
);

/** The definition without this field of the status. */
function without(definition: string, field: string): string {
  const object = parse(definition) as { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } };
  for (const { schema } of object.spec.versions) delete schema.openAPIV3Schema.properties.status.properties[field];
  return stringify(object);
}

interface Schema {
  readonly properties: { readonly status: { readonly properties: Record<string, unknown> } };
}
