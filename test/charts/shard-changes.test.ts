import { request } from 'node:https';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ownerOf, shardName, shardsOf } from '../../src/core/shards.ts';
import { sha256 } from '../../src/core/token.ts';
import type { StatusReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import type { TestCluster } from '../cluster/cluster.ts';
import { loadImages } from '../cluster/example/images.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { registerSecret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import { type ChainPlace, makePlace } from './chain-place.ts';
import { CHART } from './chart.ts';
import { forwardPorts } from './port-forward.ts';
import { releaseCommands } from './release.ts';
import { SteadyClient } from './steady-client.ts';

const RELEASE = 'token-acquirer';
const PORT = 8443;
const MINUTE = 60_000;
/** A changed ConfigMap reaches the pods within 90 s. */
const TAKEN_OVER = 3 * MINUTE;
/** In addition, a deleted Lease has to be missing for a minute. */
const TAKEN_BACK = 5 * MINUTE;
const OF_EACH = 3;

/** The Secret of the client app, and others, so that each of two shards owns three. */
function secretNames(namespace: string): string[] {
  const names = ['billing-tokens'];
  const count = (shard: number): number => names.filter((name) => ownerIn(namespace, name) === shard).length;
  for (let number = 0; count(0) < OF_EACH || count(1) < OF_EACH; number += 1) {
    const name = `shard-tokens-${number}`;
    if (count(ownerIn(namespace, name)) < OF_EACH) names.push(name);
  }
  return names;
}

function ownerIn(namespace: string, secret: string): number {
  return ownerOf({ namespace, secret }, shardsOf(2, []));
}

/** What becomes of tokens when a release gets a second shard, and loses it again, under steady calls. */
describeInCluster(
  'Two shards',
  (cluster: () => TestCluster) => {
    let place: ChainPlace;
    let client: SteadyClient;
    let names: string[];
    let values: Record<string, unknown>;

    const release = releaseCommands(() => ({ cluster: cluster(), place, values }));
    const { kubectl, run, rolledOut } = release;
    const ofShard = (shard: number): string[] => names.filter((name) => ownerIn(place.client, name) === shard);

    async function podsOf(shard: number): Promise<string[]> {
      const labelled = (await release.pods()).map(({ metadata }) => metadata ?? {});
      const own = labelled.filter(({ labels }) => labels?.['token-acquirer.dev/shard'] === String(shard));
      return own.map(({ name = '' }) => name);
    }

    /** The Secrets whose tokens a shard works on, or why its status is not as it should be. */
    async function workedOnBy(shard: number): Promise<string> {
      const exec = ['exec', `deployment/${shardName(RELEASE, shard)}`, '--', 'token-acquirer', 'status'];
      try {
        const { tokens } = JSON.parse(await kubectl(...exec, '--output=json')) as StatusReport;
        const healthy = tokens.filter((token) => token.state === 'Valid' && token.healthy);
        return secretsOf(healthy.map(({ token }) => token.split('/')[1] ?? ''));
      } catch (error) {
        return String(error);
      }
    }

    async function generations(): Promise<Record<string, number>> {
      const read = async (name: string): Promise<[string, number]> => [name, (await stored(name)).generation];
      return Object.fromEntries(await Promise.all(names.map(read)));
    }

    async function stored(name: string): Promise<{ generation: number; sha256: string; ca: string }> {
      const text = await cluster().kubectl(['get', 'secret', name, `--namespace=${place.client}`, '--output=json']);
      const { data } = JSON.parse(text) as { data: Record<string, string> };
      const value = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
      const token = registerSecret(value('dynamics'));
      const { generation } = JSON.parse(value('dynamics.json')) as { generation: number };
      return { generation, sha256: sha256(token), ca: value('ca.crt') };
    }

    /** Asks a pod of this shard for another token in place of the one that is stored. */
    async function reissuedBy(shard: number, name: string): Promise<{ outcome: string; generation: number }> {
      const { sha256: rejected, ca } = await stored(name);
      const audience = `--audience=${RELEASE}.${place.acquirer}`;
      const inClient = `--namespace=${place.client}`;
      const caller = registerSecret(
        (await cluster().kubectl(['create', 'token', 'billing-app', audience, inClient])).trim(),
      );
      const [pod = ''] = await podsOf(shard);
      const forwarded = await forwardPorts(cluster(), { namespace: place.acquirer, pod, ports: [PORT] });
      try {
        return await new Promise((resolve, reject) => {
          const url = `https://${forwarded.addresses.get(PORT)}/v1/namespaces/${place.client}/secrets/${name}/tokens/dynamics/reissue`;
          const headers = { authorization: `Bearer ${caller}`, 'content-type': 'application/json' };
          const servername = `${RELEASE}.${place.acquirer}.svc`;
          const call = request(url, { method: 'POST', headers, ca, servername, agent: false }, (answer) => {
            let text = '';
            answer.on('data', (part: Buffer) => {
              text += part.toString();
            });
            answer.on('end', () => {
              const { access_token: token, ...body } = JSON.parse(text) as {
                access_token?: string;
                outcome: string;
                generation: number;
              };
              if (token !== undefined) registerSecret(token);
              resolve(body);
            });
          });
          call.on('error', reject);
          call.end(JSON.stringify({ rejected_sha256: rejected, error: 'invalid_token', cause: 'revoked' }));
        });
      } finally {
        await forwarded.stop();
      }
    }

    async function upgradeTo(shards: number): Promise<void> {
      values = { ...values, shards };
      await run('upgrade', RELEASE, CHART, '--values=-');
      for (let shard = 0; shard < shards; shard += 1) await rolledOut(shardName(RELEASE, shard), '180s');
    }

    const failedCalls = async (): Promise<unknown[]> => (await client.calls()).filter(({ ok }) => !ok);

    beforeAll(async () => {
      const images = await loadImages(cluster());
      place = await makePlace(cluster());
      names = secretNames(place.client);
      client = new SteadyClient(cluster(), place, images);
      const { config, ...others } = place.values as { config: { tokens: { secret: object }[] } };
      const tokens = config.tokens.flatMap((token) =>
        names.map((name) => ({ ...token, secret: { ...token.secret, name } })),
      );
      values = { ...others, config: { ...config, tokens } };
      await run('install', RELEASE, CHART, '--values=-');
      await rolledOut(RELEASE, '180s');
      await client.start();
      await client.firstSuccess();
    }, CLUSTER_TIMEOUT);

    afterAll(() => release.removeAll(client, RELEASE), MINUTE);

    it('share the tokens of one, and request none of them again', async () => {
      await until('the first tokens', async () => (await workedOnBy(0)) === secretsOf(names), MINUTE);
      const before = await generations();
      await upgradeTo(2);
      await until('the tokens of the second', async () => (await workedOnBy(1)) === secretsOf(ofShard(1)), TAKEN_OVER);
      await until(
        'the end of the first one’s work',
        async () => (await workedOnBy(0)) === secretsOf(ofShard(0)),
        MINUTE,
      );
      expect(await generations()).toEqual(before);
      for (const shard of [0, 1]) {
        const name = shardName(RELEASE, shard);
        const holder = await kubectl('get', `lease/${name}`, '--output=jsonpath={.spec.holderIdentity}');
        expect(await podsOf(shard)).toContain(holder.split('_')[0]);
      }
    });

    it.each([0, 1])('get a reissue through each other: a pod of shard %i passes it on', async (asked) => {
      const [name = ''] = ofShard(1 - asked);
      const before = await generations();
      const { outcome, generation } = await reissuedBy(asked, name);
      expect(outcome).toBe('reissued');
      expect(generation).toBeGreaterThan(before[name] ?? 0);
      expect(await generations()).toEqual({ ...before, [name]: generation });
    });

    it('become one again, which takes over every token, requests none again, and loses no call', async () => {
      const before = await generations();
      await upgradeTo(1);
      await until('the tokens of both', async () => (await workedOnBy(0)) === secretsOf(names), TAKEN_BACK);
      expect(await generations()).toEqual(before);
      expect(await kubectl('get', 'leases,deployments', '--output=name')).not.toContain('shard-1');
      expect(await failedCalls()).toEqual([]);
    });
  },
  { timeout: 7 * MINUTE },
);

function secretsOf(names: readonly string[]): string {
  return names.toSorted().join(' ');
}
