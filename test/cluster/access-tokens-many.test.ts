import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ChainPlace, makePlace } from '../charts/chain-place.ts';
import { CHART } from '../charts/chart.ts';
import { releaseCommands } from '../charts/release.ts';
import { until } from '../support/until.ts';
import { accessToken, CRD, withServices } from './access-token-place.ts';
import type { TestCluster } from './cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const RELEASE = 'token-acquirer';
const MANY = 1000;
const MINUTE = 60_000;
/** Ten times of what is expected of one AccessToken, from `kubectl apply` to the end of `kubectl wait`. */
const SOON = 20_000;
const METRICS = "fetch('http://127.0.0.1:9090/metrics').then((a)=>a.text()).then((t)=>process.stdout.write(t))";
const REQUESTS = /^token_acquirer_token_requests_total\{.*result="([^"]+)".*\} (\d+)$/gm;
const SECRETS = ['get', 'secrets', '--field-selector=type=token-acquirer.dev/token', '--output=name'];
const READY = '{range .items[?(@.status.conditions[0].status=="True")]}{.status.conditions[0].type}{"\\n"}{end}';

describeInCluster(
  'AccessTokens',
  (cluster: () => TestCluster) => {
    let place: ChainPlace;
    let values: Record<string, unknown>;
    const release = releaseCommands(() => ({ cluster: cluster(), place, values }));
    const inClient = (args: readonly string[], input?: string): Promise<string> =>
      cluster().kubectl([`--namespace=${place.client}`, ...args], input);
    const countOf = async (...args: readonly string[]): Promise<number> =>
      (await inClient(args)).split('\n').filter((line) => line !== '').length;

    /** Warnings and errors that token-acquirer has logged so far. */
    async function complaints(): Promise<string[]> {
      const log = await release.kubectl('logs', `deployment/${RELEASE}`, '--tail=-1');
      return log.split('\n').filter((line) => /"level":"(?:warn|error|fatal)"/.test(line));
    }

    /** How many token requests there were, by their result. */
    async function requests(): Promise<Record<string, number>> {
      const text = await release.kubectl('exec', `deployment/${RELEASE}`, '--', '/usr/local/bin/node', '-e', METRICS);
      const counts: Record<string, number> = {};
      for (const [, result = '', count] of text.matchAll(REQUESTS))
        counts[result] = (counts[result] ?? 0) + Number(count);
      return counts;
    }

    /** The metrics of a token go when nothing more is to be done for it. */
    const areForgotten = async (): Promise<boolean> => Object.keys(await requests()).length === 0;

    beforeAll(async () => {
      place = await makePlace(cluster());
      values = withServices(place, { dynamics: {} });
      await cluster().kubectl(['delete', '--ignore-not-found', CRD]);
      await release.run('install', RELEASE, CHART, '--values=-');
      await release.rolledOut(RELEASE, '120s');
    }, CLUSTER_TIMEOUT);

    afterAll(async () => {
      if (place === undefined) return;
      await release.run('uninstall', RELEASE, '--ignore-not-found');
      await place.remove();
    }, 2 * MINUTE);

    it(
      'are ready within seconds, ten times in a row',
      async () => {
        const times: number[] = [];
        for (let index = 0; index < 10; index += 1) {
          const began = performance.now();
          await inClient(['apply', '--filename=-'], accessToken(`one-${index}`, place.client));
          await inClient(['wait', '--for=condition=Ready', `accesstoken/one-${index}`, '--timeout=60s']);
          times.push(performance.now() - began);
        }
        expect(Math.max(...times)).toBeLessThan(SOON);
        await inClient(['delete', 'accesstokens', '--all']);
      },
      12 * MINUTE,
    );

    it(
      `are all ready, ${MANY} together, each after one token request, and end without a warning in the log`,
      async () => {
        await until('The end of the metrics of others', areForgotten, MINUTE);
        const names = Array.from({ length: MANY }, (_, index) => `many-${index}`);
        await inClient(['create', '--filename=-'], names.map((name) => accessToken(name, place.client)).join('\n'));
        const ready = (): Promise<number> => countOf('get', 'accesstokens', `--output=jsonpath=${READY}`);
        await until(`${MANY} tokens`, async () => (await ready()) === MANY, 5 * MINUTE);
        expect(await countOf(...SECRETS)).toBe(MANY);
        expect(await requests()).toEqual({ ok: MANY });
        // kubectl itself would wait for one after the other, five times a second.
        await inClient(['delete', 'accesstokens', '--all', '--wait=false']);
        await until('The end of the Secrets', async () => (await countOf(...SECRETS)) === 0, 5 * MINUTE);
        expect(await countOf('get', 'accesstokens', '--output=name')).toBe(0);
        await until('The end of their metrics', areForgotten, 2 * MINUTE);
        expect(await complaints()).toEqual([]);
      },
      15 * MINUTE,
    );
  },
  { alone: true },
);
