import { readFileSync } from 'node:fs';
import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newToken } from '../support/scripted-token-server.ts';
import { until } from '../support/until.ts';
import { emptySecret } from './bad-input/objects.ts';
import { Place, type Running, type Wanted } from './bad-input/place.ts';
import type { TestCluster } from './cluster.ts';
import { loadImages } from './example/images.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** What is promised from a line to a stored token. */
const SOON = 2 * SECOND;
/** The same on a machine that runs all other tests at the same time. */
const LATE = 10 * SOON;
/** The file may still have the token before, so no other line counts. */
const FILE_FOLLOWS = 120 * SECOND;
const REJECTED = 'urllib.error.HTTPError: HTTP Error 401: Unauthorized';
/** In what applications print, and nowhere else. */
const PRIVATE = 'password-of-a-customer';

/** Calls a service that rejects this token, ten times a second, until the file has another one. */
const PLAIN = `const read=()=>fs.readFileSync('/var/run/tokens/dynamics','utf8'),first=read();
setTimeout(()=>setInterval(()=>say(read()===first?'${REJECTED} ${PRIVATE}':'200 OK'),100),2000)`;

/** What an application does after its first token is in its file. */
const PROGRAMS = {
  plain: PLAIN,
  second: PLAIN,
  third: PLAIN,
  /** Prints 10,000 such lines a second, for 5 s. */
  flood: `const began=Date.now(),t=setInterval(()=>{process.stdout.write('${REJECTED}\\n'.repeat(500));
if(Date.now()-began>5000)clearInterval(t)},50)`,
  /** Prints 50,000 other lines in 5 s, and some of a megabyte. Its kubelet rotates the log after 10 MiB, and looks every 10 s. */
  noisy: `let left=100;const other=JSON.stringify({level:'info',status:200,msg:'order saved '+'x'.repeat(190)})+'\\n';
const t=setInterval(()=>{process.stdout.write(other.repeat(500));left-=1;if(left>0)return;clearInterval(t);
say('x'.repeat(1000000)+'${REJECTED}');say('x'.repeat(1000000));setTimeout(()=>say('${REJECTED}'),15000)},50)`,
  /** Ends, is started again, and has its token rejected then. */
  crashing: `if(!fs.existsSync('/state/ran')){fs.writeFileSync('/state/ran','');say('first run');setTimeout(()=>process.exit(1),500)}
else setTimeout(()=>say('${REJECTED}'),1000)`,
  /** Does nothing wrong; another pod takes its place. */
  replaced: `say('200 OK')`,
  /** Reports its rejections as JSON, in its own words. */
  worded: `setTimeout(()=>{say('${REJECTED}');say(JSON.stringify({upstream:{result:'denied'}}))},1000)`,
} as const;

type Name = keyof typeof PROGRAMS;
const NAMES = Object.keys(PROGRAMS) as Name[];
const ALIKE = ['plain', 'second', 'third'] as const;
/** They burden the machine, so each is started by its test. */
const LOUD: readonly Name[] = ['flood', 'noisy'];

const program = (text: string): string =>
  `const fs=require('fs'),say=text=>console.log(text);process.on('SIGTERM',()=>process.exit(0));setInterval(()=>{},1e6);${text}`;

interface Line {
  readonly at: number;
  readonly text: string;
}

describeInCluster(
  'an application that only prints its errors',
  (cluster: () => TestCluster) => {
    let place: Place;
    let running: Running;
    let image: string;
    let namespace: string;
    let forbidden: Wanted;
    let startedAt: number;
    const memory: number[] = [];

    const wantedOf = (name: Name): Wanted => ({
      namespace,
      secret: name,
      selector: `app=${name}`,
      evidence: {
        log: name === 'worded' ? { container: 'app', match: { field: 'upstream.result', equals: 'denied' } } : {},
      },
    });

    beforeAll(async () => {
      place = await Place.open(cluster(), () => newToken(3600));
      namespace = place.apps.name;
      image = (await loadImages(cluster()))('image: example-services:0.1.0').replace('image: ', '');
      const other = await place.namespace();
      forbidden = { namespace: other, secret: 'forbidden', selector: 'app=forbidden', evidence: { log: {} } };
      const wanted = [...NAMES.map(wantedOf), forbidden];
      for (const { namespace: home, secret } of wanted) await place.apply(emptySecret(home, secret));
      await place.grant(namespace, ...NAMES);
      await place.grant(other, 'forbidden');
      await place.grantLogs(namespace);
      running = await place.run(wanted);
      startedAt = Date.now();
      const elsewhere = podOf('forbidden', PLAIN);
      elsewhere.metadata = { name: 'forbidden', namespace: other, labels: { app: 'forbidden' } };
      const quiet = NAMES.filter((name) => !LOUD.includes(name));
      await place.apply(...quiet.map((name) => podOf(name, PROGRAMS[name])), elsewhere);
    }, CLUSTER_TIMEOUT);

    afterAll(() => place?.close(), MINUTE);

    function podOf(name: string, text: string, pod = name): V1Pod {
      const container = {
        name: 'app',
        image,
        imagePullPolicy: 'Never',
        command: ['/usr/local/bin/node', '-e', program(text)],
        volumeMounts: [
          { name: 'tokens', mountPath: '/var/run/tokens', readOnly: true },
          { name: 'state', mountPath: '/state' },
        ],
      };
      return {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: pod, namespace, labels: { app: name } },
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 1,
          containers: [container],
          volumes: [
            { name: 'tokens', secret: { secretName: name, items: [{ key: 'dynamics', path: 'dynamics' }] } },
            { name: 'state', emptyDir: {} },
          ],
        },
      };
    }

    /** Lines of its log with the time that the kubelet noted. */
    async function printed(pod: string, words: string): Promise<readonly Line[]> {
      const text = await place.kubectl('logs', pod, `--namespace=${namespace}`, '--timestamps').catch(() => '');
      const lines = text.split('\n').filter((line) => line.includes(words) && line.length < 1000);
      return lines.map((line) => ({ at: Date.parse(line.split(' ')[0] ?? ''), text: line }));
    }

    const logged = (event: string, name: string) =>
      running.process.lines.filter((line) => line['event'] === event && String(line['token']).includes(`/${name}/`));

    /** Milliseconds from the first such line of the application until its second token was stored. */
    async function delayOf(name: Name, { pod = name, words = REJECTED }: { pod?: string; words?: string } = {}) {
      await until(`the second token of ${name}`, () => logged('token-stored', name).length === 2, MINUTE);
      const [first] = await printed(pod, words);
      const stored = Date.parse(String(logged('token-stored', name)[1]?.['time']));
      return stored - (first?.at ?? Number.NaN);
    }

    const report = (name: Name) => running.report(wantedOf(name));

    function rememberMemory(): void {
      const status = readFileSync(`/proc/${running.process.child.pid}/status`, 'utf8');
      memory.push(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
    }

    it('has a new token stored within 2 s of the line, and the audit says why', async () => {
      const delays = await Promise.all(ALIKE.map((name) => delayOf(name)));
      expect(Math.min(...delays)).toBeLessThan(SOON);
      expect(Math.max(...delays)).toBeLessThan(LATE);
      expect(logged('evidence', 'plain')).toMatchObject([
        { audit: true, result: 'reissued', source: 'log', pod: 'plain', container: 'app' },
      ]);
      rememberMemory();
    });

    it('may write its errors in its own words', async () => {
      expect(await delayOf('worded', { words: 'denied' })).toBeLessThan(LATE);
      expect((await report('worded')).evidence).toMatchObject({ log: { matches: 1 }, last: { result: 'reissued' } });
    });

    it('is followed over a restart of its container', async () => {
      expect(await delayOf('crashing')).toBeLessThan(LATE);
    });

    it('is followed when another pod takes its place', async () => {
      await until('the log', async () => ((await report('replaced')).evidence?.log?.lines ?? 0) > 0, MINUTE);
      await place.kubectl('delete', 'pod', 'replaced', `--namespace=${namespace}`, '--wait=false');
      const next = podOf('replaced', `setTimeout(()=>say('${REJECTED}'),1000)`, 'replacement');
      await place.apply(next);
      expect(await delayOf('replaced', { pod: 'replacement' })).toBeLessThan(LATE);
    });

    it('gets one token for a flood of lines', async () => {
      await place.apply(podOf('flood', PROGRAMS.flood));
      expect(await delayOf('flood')).toBeLessThan(LATE);
      await until(
        'the end of the flood',
        async () => ((await report('flood')).evidence?.log?.lines ?? 0) > 45_000,
        3 * MINUTE,
      );
      rememberMemory();
      expect(logged('token-issued', 'flood')).toHaveLength(2);
      expect(logged('evidence', 'flood')).toHaveLength(1);
    });

    it('is followed through 10,000 lines a second, lines of a megabyte and a rotation', async (context) => {
      await place.apply(podOf('noisy', PROGRAMS.noisy));
      expect(await delayOf('noisy')).toBeLessThan(LATE);
      rememberMemory();
      const { log } = (await report('noisy')).evidence ?? {};
      // All 50,000, unless the kubelet of a busy machine removes a rotated file that it has not passed on yet.
      expect(log?.lines).toBeGreaterThan(10_000);
      expect(log?.matches).toBe(1);
      const { node } = cluster();
      if (node === undefined) return context.skip('The cluster shows no files of its node.');
      const files = await node.exec(['sh', '-c', `ls /var/log/pods/${namespace}_noisy_*/app`]);
      expect(files.trim().split('\n').length).toBeGreaterThan(1);
    });

    it('needs a Role, whose lack is reported, and is followed as soon as the Role exists', async () => {
      const reason = async () => (await running.condition(forbidden, 'EvidenceFollowed'))?.reason;
      await until('the condition', async () => (await reason()) === 'LogForbidden', MINUTE);
      const words = `Allow it by a Role in the namespace ${forbidden.namespace} (verb get, resource pods/log)`;
      expect((await running.condition(forbidden, 'EvidenceFollowed'))?.message).toContain(words);
      await until(
        'the event',
        async () => (await place.events(forbidden)).some((event) => event.reason === 'EvidenceNotFollowed'),
        MINUTE,
      );
      expect(logged('token-issued', 'forbidden')).toHaveLength(1);
      await place.grantLogs(forbidden.namespace);
      await until('the second token', () => logged('token-stored', 'forbidden').length === 2, MINUTE);
      expect(await reason()).toBe('LogFollowed');
    });

    it('gets no other token while its file may hold the one before, and costs little memory', async () => {
      const lines = async () => (await report('plain')).evidence?.log?.matches ?? 0;
      await until('many lines', async () => (await lines()) > 100, MINUTE);
      if (Date.now() - startedAt < FILE_FOLLOWS) expect(logged('token-issued', 'plain')).toHaveLength(2);
      expect(Math.max(...memory) - (memory[0] ?? 0)).toBeLessThan(100);
    });

    it('has nothing of its log printed or shown', async () => {
      expect(JSON.stringify(running.process.lines)).not.toContain(PRIVATE);
      expect(JSON.stringify(await running.process.status())).not.toContain(PRIVATE);
      expect(await running.process.metrics()).toMatch(/token_acquirer_evidence_lines_total\{.*result="matched"\} /);
    });
  },
  { timeout: 6 * MINUTE },
);
