import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StatusReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import type { TestCluster } from '../cluster/cluster.ts';
import { loadImages } from '../cluster/example/images.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { until } from '../support/until.ts';
import { type ChainPlace, makePlace } from './chain-place.ts';
import { CHART } from './chart.ts';
import { releaseCommands } from './release.ts';
import { SteadyClient } from './steady-client.ts';

const RELEASE = 'token-acquirer';
const CA = `${RELEASE}-ca`;
const CONFIG = `${RELEASE}-config`;
const MINUTE = 60_000;
const STATUS = "fetch('http://127.0.0.1:9090/status').then((a)=>a.text()).then((t)=>process.stdout.write(t))";

/** What a person does to a release, on purpose or not, and what the status then shows. */
describeInCluster('The status of a release', (cluster: () => TestCluster) => {
  let place: ChainPlace;
  let client: SteadyClient;
  let values: Record<string, unknown>;

  const release = releaseCommands(() => ({ cluster: cluster(), place, values }));
  const { kubectl, run, rolledOut } = release;

  async function pods(): Promise<string[]> {
    const running = (await release.pods()).filter(({ status }) => status?.phase === 'Running');
    return running.map(({ metadata }) => metadata?.name ?? '');
  }

  async function report(pod?: string): Promise<StatusReport> {
    const [name = ''] = pod === undefined ? await pods() : [pod];
    return JSON.parse(await kubectl('exec', name, '--', '/usr/local/bin/node', '-e', STATUS)) as StatusReport;
  }

  /** The message of a condition of the process that is false; `undefined` where it is not. */
  async function fault(type: string, pod?: string): Promise<string | undefined> {
    const { conditions = [] } = await report(pod);
    return conditions.find((one) => one.type === type && one.status === 'False')?.message;
  }

  const endsWell = (pod = `deployment/${RELEASE}`): Promise<boolean> =>
    kubectl('exec', pod, '--', 'token-acquirer', 'status').then(
      () => true,
      () => false,
    );
  const events = (secret: string): Promise<string> => kubectl('events', `--for=secret/${secret}`);
  const logged = async (...names: readonly string[]): Promise<string[]> =>
    (await Promise.all(names.map((pod) => kubectl('logs', pod)))).flatMap((text) => text.split('\n'));
  /** Has the kubelet look at the volumes of the pod now. */
  const poke = async (): Promise<void> => {
    for (const pod of await pods()) await kubectl('annotate', 'pod', pod, `poked=${Date.now()}`, '--overwrite');
  };
  const inConfigMap = (path: string): Promise<string> =>
    kubectl('get', 'configmap', CONFIG, `--output=jsonpath=${path}`);

  beforeAll(async () => {
    const images = await loadImages(cluster());
    place = await makePlace(cluster());
    client = new SteadyClient(cluster(), place, images);
    values = place.values as Record<string, unknown>;
    await run('install', RELEASE, CHART, '--values=-');
    await client.start();
    await rolledOut(RELEASE, '120s');
    await client.firstSuccess();
  }, CLUSTER_TIMEOUT);

  afterAll(() => release.removeAll(client, RELEASE), MINUTE);

  it(
    'names the configuration that an upgrade brought, by the hash that its notes show',
    async () => {
      const before = await report();
      const { config } = values as { config: object };
      values = { ...values, config: { ...config, propagation: { watch: true } } };
      const notes = await run('upgrade', RELEASE, CHART, '--values=-');
      const hash = await inConfigMap('{.metadata.annotations.token-acquirer\\.dev/config-sha256}');
      const text = await inConfigMap('{.data.config\\.yaml}');
      expect(createHash('sha256').update(text).digest('hex')).toBe(hash);
      expect(notes).toContain('in force within about 90 s');
      expect(notes).toContain(`This one is ${hash.slice(0, 8)}:`);
      expect(before.configuration?.sha256).not.toBe(hash);
      await until(
        'the new configuration',
        async () => {
          await poke();
          return (await report()).configuration?.sha256 === hash;
        },
        2 * MINUTE,
      );
      expect(await endsWell()).toBe(true);
    },
    3 * MINUTE,
  );

  it(
    'names a newer configuration that is rejected, and ends with 1 until it is corrected',
    async () => {
      const patch = (text: string): Promise<string> =>
        kubectl(
          'patch',
          'configmap',
          CONFIG,
          '--type=merge',
          `--patch=${JSON.stringify({ data: { 'config.yaml': text } })}`,
        );
      const text = await inConfigMap('{.data.config\\.yaml}');
      await patch(`${text}tokns: []\n`);
      await until(
        'the rejection',
        async () => {
          await poke();
          return (await fault('ConfigurationInForce'))?.includes('tokns') === true;
        },
        2 * MINUTE,
      );
      expect(await endsWell()).toBe(false);
      await patch(text);
      await until(
        'the correction',
        async () => {
          await poke();
          return (await fault('ConfigurationInForce')) === undefined;
        },
        2 * MINUTE,
      );
    },
    5 * MINUTE,
  );

  it(
    'says within a minute that the Secret of the CA was deleted, and what to run; a restart is no outage',
    async () => {
      const ca = (): Promise<string> => kubectl('get', 'secret', CA, '--output=jsonpath={.data}');
      const command = `kubectl create secret generic ${CA} --namespace ${place.acquirer}`;
      const stored = await ca();
      await kubectl('delete', 'secret', CA);
      await until('the report', async () => (await fault('AuthorityStored'))?.includes(command) === true, MINUTE);
      expect(await endsWell()).toBe(false);
      await until('the event', async () => (await events(CA)).includes('SecretDoesNotExist'), MINUTE);
      // The CA that clients trust comes back from memory.
      await kubectl('create', 'secret', 'generic', CA);
      await until('the CA', async () => (await fault('AuthorityStored')) === undefined, MINUTE);
      expect(await ca()).toBe(stored);

      await kubectl('delete', 'secret', CA);
      await kubectl('rollout', 'restart', `deployment/${RELEASE}`);
      await rolledOut(RELEASE, '120s');
      await until(
        'the report of the new pod',
        async () => (await fault('AuthorityStored'))?.includes(command) === true,
        MINUTE,
      );
      expect(await endsWell()).toBe(false);
      await kubectl('create', 'secret', 'generic', CA);
      await until('health', () => endsWell(), MINUTE);
      expect(await ca()).not.toBe('');
    },
    5 * MINUTE,
  );

  it(
    'has three replicas elect one by its Lease, and the two others request nothing',
    async () => {
      await client.stop();
      await client.start();
      await client.firstSuccess();
      const [first = ''] = await pods();
      const before = (await logged(first)).length;
      await kubectl('scale', `deployment/${RELEASE}`, '--replicas=3');
      await until('three pods', async () => (await pods()).length === 3, MINUTE);
      const holder = async (): Promise<string> =>
        (await kubectl('get', `lease/${RELEASE}`, '--output=jsonpath={.spec.holderIdentity}')).split('_')[0] ?? '';
      await until('a holder', async () => (await pods()).includes(await holder()), MINUTE);
      const all = await pods();
      for (const pod of all) expect(await fault('Elected', pod)).toBeUndefined();
      const leader = await holder();
      const others = all.filter((pod) => pod !== leader && pod !== first);
      const ofOthers = await logged(...others);
      expect(ofOthers.filter((line) => /"token-(issued|stored|repaired)"/.test(line))).toEqual([]);
      expect((await logged(first)).slice(before).filter((line) => line.includes('"token-repaired"'))).toEqual([]);

      await kubectl('scale', `deployment/${RELEASE}`, '--replicas=1');
      await until('one is left', async () => (await pods()).length === 1, 2 * MINUTE);
      await until('it leads', async () => (await pods())[0] === (await holder()), 2 * MINUTE);
      await until('health', () => endsWell(), 2 * MINUTE);
      expect((await client.calls()).filter(({ ok }) => !ok)).toEqual([]);
    },
    6 * MINUTE,
  );
});
