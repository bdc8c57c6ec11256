import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MAIN } from '../e2e/acquirer-process.ts';
import { secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import { emptySecret } from './bad-input/objects.ts';
import { ACCOUNT, Place, type Running, type Wanted } from './bad-input/place.ts';
import type { TestCluster } from './cluster.ts';
import { loadImages } from './example/images.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** Renewed after 20 s, so 10 s before it expires: less than the kubelet needs, more than it needs once it is nudged. */
const LIFETIME = 30 * SECOND;
/** One of the tokens, and no more than the kubelet's next two rounds. */
const EXPIRED = LIFETIME + 2 * MINUTE;
const POLICY = readFileSync(join(import.meta.dirname, '../../manifests/admission-policy.yaml'), 'utf8');

/** Reads the file for each call, and calls a gateway in the same pod, which rejects what has expired. */
const READER = `const http=require('http'),fs=require('fs');
const expiry=text=>Number(text.split('.')[0]);
const gateway=http.createServer(({headers},answer)=>answer.writeHead(Date.now()<expiry((headers.authorization??'').slice(7))?200:401).end());
gateway.listen(8080,'127.0.0.1',()=>setInterval(async()=>{const token=fs.readFileSync('/var/run/tokens/dynamics','utf8');
const {status}=await fetch('http://127.0.0.1:8080/',{headers:{authorization:'Bearer '+token}});
console.log(Date.now(),status,expiry(token))},250));
process.on('SIGTERM',()=>process.exit(0))`;

interface Call {
  readonly at: number;
  readonly status: number;
  /** When its token expires, which distinguishes tokens. */
  readonly expiry: number;
}

const rejected = ({ status }: Call): boolean => status !== 200;

describeInCluster(
  'a program that only reads the mounted file',
  (cluster: () => TestCluster) => {
    let place: Place;
    /** With the nudge off and on. */
    let plain: Running;
    let nudging: Running;
    let late: Wanted;
    let nudged: Wanted;
    let forbidden: Wanted;

    beforeAll(async () => {
      place = await Place.open(cluster(), tokenOf);
      await applyPolicy();
      const image = (await loadImages(cluster()))('image: example-services:0.1.0').replace('image: ', '');
      const namespaces = [place.apps.name, await place.namespace(), await place.namespace()] as const;
      const wanted = namespaces.map((namespace): Wanted => ({ namespace, secret: 'billing-tokens' }));
      [late, nudged, forbidden] = wanted as [Wanted, Wanted, Wanted];
      await Promise.all(wanted.map(prepare));
      await place.grantNudge(nudged.namespace);
      // Each has its own, so that both lead.
      await place.grantLeases('plain', 'nudging');
      plain = await place.run([late], {}, { endpoint: { service: 'plain' } });
      nudging = await place.run(
        [nudged, forbidden],
        {},
        { endpoint: { service: 'nudging' }, propagation: { nudge: true } },
      );
      await until('the first tokens', isStored, MINUTE);
      await place.apply(...wanted.map((one) => podWith(one, image)));
    }, CLUSTER_TIMEOUT);

    afterAll(() => place?.close(), MINUTE);

    /** The gateway knows the expiry from the token, as it would from a JWT. */
    function tokenOf(): object {
      const access_token = `${Date.now() + LIFETIME}.${secret('access-token')}`;
      return { access_token, token_type: 'Bearer', expires_in: LIFETIME / SECOND };
    }

    async function applyPolicy(): Promise<void> {
      const account = `system:serviceaccount:${place.home.name}:${ACCOUNT}`;
      const text = POLICY.replaceAll('token-acquirer-volume-nudge', `nudge-${randomUUID().slice(0, 8)}`).replace(
        'system:serviceaccount:token-acquirer:token-acquirer',
        account,
      );
      await cluster().kubectl(['apply', '-f', '-'], text);
      place.atEnd(() => cluster().kubectl(['delete', '--ignore-not-found', '-f', '-'], text));
    }

    async function prepare({ namespace, secret: name }: Wanted): Promise<void> {
      await place.apply(emptySecret(namespace, name));
      await place.grant(namespace, name);
    }

    async function isStored(): Promise<boolean> {
      const reports = [await plain.report(late), await nudging.report(nudged), await nudging.report(forbidden)];
      return reports.every(({ stored }) => stored);
    }

    /** It waits for its first token. */
    function podWith({ namespace, secret: secretName }: Wanted, image: string): V1Pod {
      const container = {
        name: 'app',
        image,
        imagePullPolicy: 'Never',
        command: ['/usr/local/bin/node', '-e', READER],
        volumeMounts: [{ name: 'tokens', mountPath: '/var/run/tokens', readOnly: true }],
      };
      return {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'reader', namespace, labels: { app: 'reader' } },
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 1,
          containers: [container],
          volumes: [{ name: 'tokens', secret: { secretName, items: [{ key: 'dynamics', path: 'dynamics' }] } }],
        },
      };
    }

    async function calls({ namespace }: Wanted): Promise<readonly Call[]> {
      const text = await place.kubectl('logs', 'reader', `--namespace=${namespace}`).catch(() => '');
      const lines = text.split('\n').filter((line) => line !== '');
      return lines.map((line) => {
        const [at = 0, status = 0, expiry = 0] = line.split(' ').map(Number);
        return { at, status, expiry };
      });
    }

    async function commandStatus(running: Running, { namespace }: Wanted) {
      const url = await running.process.url('status');
      const args = [MAIN, 'status', '--status-url', url, '--namespace', namespace];
      return spawnSync(process.execPath, args, { encoding: 'utf8' });
    }

    /** When its first call was rejected. */
    async function firstRejection(wanted: Wanted): Promise<number> {
      const found = async (): Promise<Call | undefined> => (await calls(wanted)).find(rejected);
      await until('a rejected call', async () => (await found()) !== undefined, EXPIRED);
      return (await found())?.at ?? 0;
    }

    /** Since when the condition has been false, for this reason. */
    async function falseSince(running: Running, wanted: Wanted, reason: string): Promise<number> {
      const condition = await running.condition(wanted, 'VolumeFollowsInTime');
      expect(condition).toMatchObject({ status: 'False', reason });
      return Date.parse(condition?.last_transition_time ?? '');
    }

    it('is warned of before its first call is rejected: a condition, exit code 1, an event, a metric', async () => {
      const at = await firstRejection(late);
      expect(await falseSince(plain, late, 'RenewedTooLate')).toBeLessThan(at - LIFETIME / 4);
      const words = 'The token lives for 30s and is renewed 9s before it expires.';
      const status = await commandStatus(plain, late);
      expect(status.status).toBe(1);
      expect(status.stdout).toContain(words);
      const events = (await place.events(late)).filter(({ reason }) => reason === 'VolumeFollowsLate');
      expect(events).toMatchObject([{ type: 'Warning', message: expect.stringContaining(words) as unknown }]);
      expect(await plain.process.metrics()).toMatch(/condition_unhealthy\{.*type="VolumeFollowsInTime"\} 1/);
    });

    it('is warned of before its first rejected call where the nudge is on, but not permitted', async () => {
      const at = await firstRejection(forbidden);
      expect(await falseSince(nudging, forbidden, 'NudgeRefused')).toBeLessThan(at);
      expect((await nudging.condition(forbidden, 'VolumeFollowsInTime'))?.message).toContain('pods/status');
    });

    it('has no call rejected with the nudge, and the condition is true', async () => {
      const tokens = async (): Promise<number> => new Set((await calls(nudged)).map(({ expiry }) => expiry)).size;
      await until('two renewals', async () => (await tokens()) >= 3, 2 * MINUTE);
      const made = await calls(nudged);
      expect(made.filter(rejected)).toEqual([]);
      expect(made.length).toBeGreaterThan(50);
      const condition = await nudging.condition(nudged, 'VolumeFollowsInTime');
      expect(condition).toMatchObject({ status: 'True', reason: 'Nudged' });
      expect((await commandStatus(nudging, nudged)).status).toBe(0);
    });
  },
  { timeout: 4 * MINUTE },
);
