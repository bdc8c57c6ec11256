import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type ChainPlace, makePlace } from '../charts/chain-place.ts';
import { CHART } from '../charts/chart.ts';
import { type HelmBinary, helm, helmBinaries } from '../charts/helm.ts';
import { keepText } from '../support/outputs.ts';
import { until } from '../support/until.ts';
import type { TestCluster } from './cluster.ts';
import { loadImages } from './example/images.ts';
import { logLines } from './example/log-lines.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';
import { installApplication } from './sidecar/application.ts';
import { loadSidecarImages, type SidecarImages } from './sidecar/images.ts';
import { LEDGER, STRANGER } from './sidecar/programs.ts';

const RELEASE = 'token-acquirer';
const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** Renewed after 67 % of it. */
const LIFETIME = 5;
const REVOCATIONS = 20;
/** The token-acquirer takes revocations that follow faster for a gateway that never accepts its tokens. */
const APART = 2.2 * SECOND;
const EXPIRIES = 10;
/** About as long as the revocations and renewals take. */
const SECONDS_TO_RUN = 90;
const SERVICE_PORT = 15080;
const PROBE_PORT = 15089;

/** A call of the Python application, in milliseconds of the node's clock. */
interface Call {
  readonly begin: number;
  readonly end: number;
  readonly status: number;
}

describeInCluster(
  'the Envoy sidecar of an application that knows nothing of tokens',
  (cluster: () => TestCluster) => {
    let place: ChainPlace;
    let binary: HelmBinary;
    let images: SidecarImages;

    const kubectl = (namespace: string, ...args: readonly string[]): Promise<string> =>
      cluster().kubectl([`--namespace=${namespace}`, ...args]);
    const rolledOut = (namespace: string, name: string): Promise<string> =>
      kubectl(namespace, 'rollout', 'status', `deployment/${name}`, '--timeout=120s');

    beforeAll(async () => {
      binary = (await helmBinaries()).at(-1) as HelmBinary;
      const [names, loaded] = [await loadImages(cluster()), await loadSidecarImages(cluster())];
      images = loaded;
      place = await makePlace(cluster());
      await replaceService(names('image: example-services:0.1.0').replace('image: ', ''));
      await installAcquirer();
      await applyApplication();
    }, CLUSTER_TIMEOUT);

    afterAll(async () => {
      if (place === undefined) return;
      const options = { kubeconfig: cluster().kubeconfig };
      await helm(binary, ['uninstall', RELEASE, `--namespace=${place.acquirer}`], options).catch(() => '');
      await place.remove();
    }, MINUTE);

    /** Puts a service that counts what it executes behind the gateway, and gives tokens a short life. */
    async function replaceService(image: string): Promise<void> {
      await cluster().kubectl(['apply', '--filename=-'], JSON.stringify(ledgerIn(place.services, image)));
      const set = (name: string, value: string): Promise<string> =>
        kubectl(place.services, 'set', 'env', `deployment/${name}`, value);
      await set('authorization-server', `TOKEN_LIFETIME=${LIFETIME}s`);
      await set('gateway', `SERVICE=http://ledger.${place.services}.svc:8080`);
      await kubectl(place.services, 'wait', '--for=condition=Ready', 'pod/ledger', '--timeout=120s');
      await Promise.all(['authorization-server', 'gateway'].map((name) => rolledOut(place.services, name)));
    }

    async function installAcquirer(): Promise<void> {
      const { config, ...values } = place.values as { config: { tokens: object[] } };
      const clientApp = { namespace: place.client, selector: 'app=application' };
      const tokens = config.tokens.map((token) => ({ ...token, clientApp }));
      const input = stringify({ ...values, config: { ...config, propagation: { nudge: true }, tokens } });
      const args = ['install', RELEASE, CHART, `--namespace=${place.acquirer}`, '--values=-'];
      await helm(binary, args, { kubeconfig: cluster().kubeconfig, input });
      await rolledOut(place.acquirer, RELEASE);
    }

    async function applyApplication(): Promise<void> {
      const upstream = `https://gateway.${place.services}.svc`;
      const route = { name: 'dynamics', upstream, certificateAuthority: { configMap: 'example-ca' } };
      const tokenAcquirer = {
        secret: 'billing-tokens',
        tokens: ['dynamics'],
        endpoint: { namespace: place.acquirer },
        sidecar: { image: images.envoy, routes: [route] },
      };
      const where = { kubeconfig: cluster().kubeconfig, namespace: place.client };
      await installApplication(
        binary,
        { tokenAcquirer, image: images.application, secondsToRun: SECONDS_TO_RUN },
        where,
      );
      await until('the first call', async () => (await calls()).length > 0, 2 * MINUTE);
    }

    async function calls(): Promise<readonly Call[]> {
      const text = await kubectl(place.client, 'logs', 'deployment/python', '--container=application').catch(() => '');
      return text
        .split('\n')
        .filter((line) => /^\d+ \d+ \d+$/.test(line))
        .map((line) => {
          const [begin = 0, end = 0, status = 0] = line.split(' ').map(Number);
          return { begin, end, status };
        });
    }

    /** The times of what the authorization server logged, in milliseconds of the node's clock. */
    async function logged(event: string): Promise<readonly number[]> {
      const lines = logLines(await kubectl(place.services, 'logs', 'deployment/authorization-server'));
      return lines.filter((line) => line.event === event).map(({ time }) => Date.parse(time));
    }

    async function revoke(): Promise<boolean> {
      const command = ['example-services', 'revoke'];
      return kubectl(place.services, 'exec', 'deployment/authorization-server', '--', ...command).then(
        () => true,
        () => false,
      );
    }

    it(`makes no call fail in ${REVOCATIONS} revocations and ${EXPIRIES} expiries, and has each executed once`, async () => {
      for (let revoked = 0; revoked < REVOCATIONS; ) {
        if (await revoke()) revoked += 1;
        await pause(APART);
      }
      const issued = (await logged('token-issued')).length;
      const renewed = async (): Promise<boolean> => (await logged('token-issued')).length >= issued + EXPIRIES;
      await until('the expiries', renewed, 2 * EXPIRIES * LIFETIME * SECOND);
      await kubectl(place.client, 'wait', '--for=condition=complete', 'job/shell', '--timeout=120s');
      const made = await calls();
      expect(made.filter(({ status }) => status !== 201)).toEqual([]);
      const job = await kubectl(place.client, 'logs', 'job/shell', '--container=application');
      const [, byShell = '0'] = /^made (\d+)$/m.exec(job) ?? [];
      const counts = await ledgerCounts();
      expect(counts.filter((count) => count !== 1)).toEqual([]);
      // Python goes on in the meantime.
      expect(counts.length).toBeGreaterThanOrEqual(made.length + Number(byShell));
      expect(made.length).toBeGreaterThan(200);
      expect(Number(byShell)).toBeGreaterThan(50);
    });

    async function ledgerCounts(): Promise<readonly number[]> {
      const script = "fetch('http://127.0.0.1:8080/counts').then((a)=>a.text()).then((t)=>process.stdout.write(t))";
      return JSON.parse(await kubectl(place.services, 'exec', 'ledger', '--', 'node', '-e', script)) as number[];
    }

    it('has a call succeed within half a second after a revocation, at the median', async () => {
      const made = await calls();
      const revocations = await logged('token-revoked');
      const delays = revocations.map((at) => {
        const first = made.find(({ begin, status }) => begin >= at && status === 201);
        return (first?.end ?? Number.POSITIVE_INFINITY) - at;
      });
      expect(delays.length).toBeGreaterThanOrEqual(REVOCATIONS);
      const sorted = delays.toSorted((one, other) => one - other);
      process.stdout.write(`From a revocation to a success, in milliseconds: ${sorted.join(', ')}.\n`);
      expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(500);
    });

    it('writes no token', async () => {
      const text = await kubectl(place.client, 'logs', 'deployment/python', '--container=token-sidecar');
      keepText('the sidecar in the cluster', text);
      expect(text).toContain('"token_rejected"');
    });

    it('is reached by no other pod', async () => {
      const ip = '--output=jsonpath={.items[0].status.podIP}';
      const address = await kubectl(place.client, 'get', 'pods', '--selector=part=python', ip);
      const connect = (port: number, path: string): string => `python3 -c '${STRANGER}' ${address} ${port} ${path}`;
      const script = [
        connect(SERVICE_PORT, '/dynamics/orders'),
        connect(PROBE_PORT, '/ready'),
        connect(PROBE_PORT, '/dynamics/orders'),
      ];
      const pod = strangerIn(place.client, { image: images.application, script: script.join(' && ') });
      await cluster().kubectl(['apply', '--filename=-'], JSON.stringify(pod));
      await kubectl(place.client, 'wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/stranger', '--timeout=60s');
      const text = await kubectl(place.client, 'logs', 'stranger');
      expect(text.trim().split('\n')).toEqual(['ConnectionRefusedError', 'HTTP/1.1 200 OK', 'HTTP/1.1 404 Not Found']);
    });
  },
  { timeout: 4 * MINUTE },
);

function ledgerIn(namespace: string, image: string): object {
  const labels = { app: 'ledger' };
  const container = { name: 'ledger', image, imagePullPolicy: 'Never', command: ['node', '-e', LEDGER] };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'ledger', namespace, labels },
    spec: { containers: [container] },
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'ledger', namespace },
    spec: { selector: labels, ports: [{ port: 8080 }] },
  };
  return { apiVersion: 'v1', kind: 'List', items: [pod, service] };
}

function strangerIn(namespace: string, { image, script }: { image: string; script: string }): object {
  const restricted = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
  const container = {
    name: 'stranger',
    image,
    imagePullPolicy: 'Never',
    command: ['sh', '-c', script],
    securityContext: restricted,
  };
  const securityContext = { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } };
  const spec = {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    securityContext,
    containers: [container],
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'stranger', namespace }, spec };
}
