import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTurns } from '../../src/adapters/kubernetes/api/turns.ts';
import { type ChainPlace, makePlace } from '../charts/chain-place.ts';
import { CHART } from '../charts/chart.ts';
import { type HelmBinary, helm, helmBinaries } from '../charts/helm.ts';
import { releaseCommands } from '../charts/release.ts';
import { CommandFailed } from '../real/install/run.ts';
import { secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import { CRD, withServices } from './access-token-place.ts';
import { type DocumentedState, documentedStates, type Truth, VERDICTS } from './access-token-states.ts';
import type { TestCluster } from './cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';
import { kstatus, kstatusOf } from './kstatus.ts';

const RELEASE = 'token-acquirer';
const MINUTE = 60_000;
const NEVER_RUNS = { clientApp: { selector: 'app=never' } };
/** So that an AccessToken that is being deleted stays. */
const FINALIZER = 'example.com/hold';

interface Case {
  readonly name: string;
  readonly truth: Truth;
  /** As it is when the tools look. */
  readonly spec?: object;
}

/** By the row of the reference. */
const CASES: Readonly<Record<string, Case>> = {
  'applied, not seen yet': { name: 'unseen', truth: 'in work' },
  'the first token is requested': { name: 'first', truth: 'in work', spec: { service: 'slow' } },
  'the token is valid': { name: 'valid', truth: 'ready' },
  'the token is valid, a reissue was denied': { name: 'denied', truth: 'ready' },
  'the token is valid, its renewal fails': { name: 'failing', truth: 'ready' },
  'the token is valid, the client app does not run': { name: 'suspended', truth: 'ready', spec: NEVER_RUNS },
  'there is no token, the client app does not run': { name: 'absent', truth: 'in work', spec: NEVER_RUNS },
  'there is no token, the authorization server is unavailable': { name: 'unavailable', truth: 'in work' },
  'there is no token, the authorization server rejects the credential': {
    name: 'refused',
    truth: 'stuck',
    spec: { service: 'refused' },
  },
  'the service is unknown': { name: 'unknown', truth: 'stuck', spec: { service: 'nothing' } },
  'the scope is not allowed': { name: 'forbidden', truth: 'stuck', spec: { scope: 'admin' } },
  'the Secret belongs to something else': { name: 'taken', truth: 'stuck' },
  'changed, not seen yet': { name: 'changed', truth: 'in work', spec: { renewal: { at: '50%' } } },
  'changed, no token for the change yet': { name: 'awaited', truth: 'in work', spec: { scope: 'incidents' } },
  'changed, the change is rejected': { name: 'rejected', truth: 'stuck', spec: { scope: 'admin' } },
  'being deleted': { name: 'deleted', truth: 'ending' },
};
const ROWS = Object.entries(CASES).map(([state, row]) => ({ state, ...row }));

type Verdict = Omit<DocumentedState, 'state'>;

const TOOLS_TOGETHER = 6;

/** Accepts connections, and answers none. */
const SILENT = "require('node:net').createServer(()=>{}).listen(8443)";

describeInCluster(
  'The state of an AccessToken',
  (cluster: () => TestCluster) => {
    let place: ChainPlace;
    let values: Record<string, unknown>;
    let helm4: HelmBinary;
    let charts: string;
    const verdicts = new Map<string, Verdict>();
    const release = releaseCommands(() => ({ cluster: cluster(), place, values }));
    const kubectl = (...args: string[]): Promise<string> => cluster().kubectl([`--namespace=${place.client}`, ...args]);
    const inServices = (...args: string[]): Promise<string> =>
      cluster().kubectl([`--namespace=${place.services}`, ...args]);
    const applyAll = async (...objects: readonly object[]): Promise<void> => {
      const list = { apiVersion: 'v1', kind: 'List', items: objects };
      await cluster().kubectl(['apply', '--filename=-'], JSON.stringify(list));
    };
    const object = (name: string, spec: object = {}, metadata: object = {}): object => ({
      apiVersion: 'token-acquirer.dev/v1alpha1',
      kind: 'AccessToken',
      metadata: { name, namespace: place.client, ...metadata },
      spec: { service: 'dynamics', ...spec },
    });
    const readyOf = (name: string): Promise<string> => {
      const ready = '.status.conditions[?(@.type=="Ready")]';
      return kubectl('get', 'accesstoken', name, `--output=jsonpath={${ready}.status} {${ready}.reason}`);
    };
    const becomes = (name: string, expected: string): Promise<void> =>
      until(`${name}: ${expected}`, async () => (await readyOf(name)) === expected, MINUTE);
    const change = (name: string, spec: object): Promise<string> =>
      kubectl('patch', 'accesstoken', name, '--type=merge', `--patch=${JSON.stringify({ spec })}`);
    const ask = (name: string, value: string): Promise<string> =>
      kubectl('annotate', 'accesstoken', name, '--overwrite', `token-acquirer.dev/reissue=${value}`);
    const answered = (name: string, result: string): Promise<void> =>
      until(
        `${name}: ${result}`,
        async () =>
          (await kubectl('get', 'accesstoken', name, '--output=jsonpath={.status.lastReissue.result}')) === result,
        MINUTE,
      );

    async function addSilentServer(): Promise<void> {
      const { image } = values as { image: { repository: string; tag: string } };
      const container = {
        name: 'silent',
        image: `${image.repository}:${image.tag}`,
        imagePullPolicy: 'IfNotPresent',
        command: ['/usr/local/bin/node', '-e', SILENT],
      };
      await applyAll(
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'silent', namespace: place.services, labels: { app: 'silent' } },
          spec: { containers: [container], terminationGracePeriodSeconds: 0 },
        },
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'silent', namespace: place.services },
          spec: { selector: { app: 'silent' }, ports: [{ port: 443, targetPort: 8443 }] },
        },
      );
      await inServices('wait', '--for=condition=Ready', 'pod/silent', '--timeout=60s');
    }

    async function install(): Promise<void> {
      const services = {
        dynamics: { scopes: ['incidents'] },
        refused: { credential: 'refused' },
        slow: { authorizationServer: 'slow' },
      };
      const given = withServices(place, services) as { config: { authorizationServers: object } };
      const slow = { tokenEndpoint: `https://silent.${place.services}.svc/token` };
      const authorizationServers = { ...given.config.authorizationServers, slow };
      // The policy would reject some of these before token-acquirer does.
      const accessTokens = { policy: { enabled: false } };
      values = { ...given, config: { ...given.config, authorizationServers }, accessTokens };
      await applyAll({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'refused-credentials', namespace: place.acquirer },
        stringData: { client_id: 'nobody', client_secret: secret('refused') },
      });
      await cluster().kubectl(['delete', '--ignore-not-found', CRD]);
      await release.run('install', RELEASE, CHART, '--values=-');
      await release.rolledOut(RELEASE, '120s');
    }

    /** While everything runs. */
    async function makeStates(): Promise<void> {
      await kubectl('create', 'secret', 'generic', 'taken');
      await applyAll(
        ...['valid', 'denied', 'failing', 'suspended', 'changed', 'awaited', 'rejected', 'taken'].map((name) =>
          object(name),
        ),
        object('absent', NEVER_RUNS),
        object('refused', { service: 'refused' }),
        object('unknown', { service: 'nothing' }),
        object('forbidden', { scope: 'admin' }),
        object('deleted', {}, { finalizers: [FINALIZER] }),
      );
      const good = ['valid', 'denied', 'failing', 'suspended', 'changed', 'awaited', 'rejected', 'deleted'];
      await Promise.all(good.map((name) => becomes(name, 'True TokenValid')));
      await change('suspended', NEVER_RUNS);
      await change('rejected', { scope: 'admin' });
      await ask('denied', 'one');
      await answered('denied', 'reissued');
      await ask('denied', 'two');
      await answered('denied', 'paused');
      await kubectl('delete', 'accesstoken', 'deleted', '--wait=false');
    }

    /** While the authorization server is down. */
    async function makeFailures(): Promise<void> {
      await inServices('scale', 'deployment/authorization-server', '--replicas=0');
      await inServices(
        'wait',
        '--for=delete',
        'pod',
        '--selector=app.kubernetes.io/name=authorization-server',
        '--timeout=60s',
      );
      await ask('failing', 'one');
      await change('awaited', { scope: 'incidents' });
      await applyAll(object('unavailable'));
      await Promise.all(ROWS.filter(isReported).map(({ name, state }) => becomes(name, readyIn(state))));
    }

    /** From now on, nobody reports any more: what the tools see stays. */
    async function freeze(): Promise<void> {
      await applyAll(object('first', { service: 'slow' }));
      await becomes('first', 'Unknown Requesting');
      await kubectl('delete', 'rolebindings', '--all');
      await release.kubectl('scale', `deployment/${RELEASE}`, '--replicas=0');
      await release.kubectl(
        'wait',
        '--for=delete',
        'pod',
        `--selector=app.kubernetes.io/name=${RELEASE}`,
        '--timeout=90s',
      );
      await applyAll(object('unseen'));
      await change('changed', { renewal: { at: '50%' } });
    }

    async function lookAt({ name, truth, spec }: Case): Promise<Verdict> {
      const isReady = truth === 'ready';
      const ready = (await readyOf(name)).trim();
      const wait = ['wait', '--for=condition=Ready', `accesstoken/${name}`, `--timeout=${isReady ? '60s' : '2s'}`];
      const chart = join(charts, name);
      await mkdir(join(chart, 'templates'), { recursive: true });
      await writeFile(join(chart, 'Chart.yaml'), `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`);
      await writeFile(join(chart, 'templates/access-token.yaml'), JSON.stringify(object(name, spec)));
      const options = [`--timeout=${VERDICTS[truth].helm === 'waits' ? '8s' : '120s'}`, `--namespace=${place.client}`];
      const upgrade = ['upgrade', name, chart, '--install', '--take-ownership', '--wait', ...options];
      return {
        ready,
        kstatus: await kstatusOf(await kubectl('get', 'accesstoken', name, '--output=json')),
        kubectl: await endOf(kubectl(...wait)),
        helm: await endOf(helm(helm4, upgrade, { kubeconfig: cluster().kubeconfig })),
      };
    }

    beforeAll(async () => {
      await kstatus();
      [helm4] = (await helmBinaries()).filter(({ name }) => name === 'helm 4') as [HelmBinary];
      charts = await mkdtemp(join(tmpdir(), 'access-token-states-'));
      place = await makePlace(cluster());
      values = place.values as Record<string, unknown>;
      await addSilentServer();
      await install();
      await makeStates();
      await makeFailures();
      await freeze();
      const { run } = createTurns(TOOLS_TOGETHER);
      const looks = ROWS.map(async (row) => verdicts.set(row.name, await run(() => lookAt(row))));
      await Promise.all(looks);
    }, CLUSTER_TIMEOUT);

    afterAll(async () => {
      await rm(charts, { recursive: true, force: true });
      if (place === undefined) return;
      await kubectl('patch', 'accesstoken', 'deleted', '--type=merge', '--patch={"metadata":{"finalizers":null}}');
      await release.run('uninstall', RELEASE, '--ignore-not-found');
      await place.remove();
    }, 2 * MINUTE);

    it('is in the reference, with what the tools make of what is true', () => {
      const expected = ROWS.map(({ state, truth }) => ({ state, ...VERDICTS[truth] }));
      expect(documentedStates().map(({ ready: _, ...row }) => row)).toEqual(expected);
    });

    describe.each(ROWS)('$state', ({ state, name, truth }) => {
      const expected = VERDICTS[truth];
      const seen = (): Verdict => verdicts.get(name) as Verdict;

      it('has the condition of the reference', () => {
        expect(seen().ready).toBe(readyIn(state));
      });

      it(`is ${expected.kstatus} for kstatus`, () => {
        expect(seen().kstatus).toBe(expected.kstatus);
      });

      it(`${expected.kubectl} with kubectl wait`, () => {
        expect(seen().kubectl).toBe(expected.kubectl);
      });

      it(`${expected.helm} with helm 4 --wait`, () => {
        expect(seen().helm).toBe(expected.helm);
      });
    });
  },
  { alone: true },
);

/** The other two come last. */
function isReported({ name }: { readonly name: string }): boolean {
  return !['unseen', 'first'].includes(name);
}

function readyIn(state: string): string {
  return documentedStates().find((row) => row.state === state)?.ready ?? 'is not documented';
}

/** How a command that waits for an AccessToken ended. */
async function endOf(done: Promise<string>): Promise<string> {
  try {
    await done;
    return 'ends';
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    if (/timed out waiting|context deadline exceeded/.test(error.output)) return 'waits';
    return error.output.includes('status: Failed') ? 'fails' : error.output;
  }
}
