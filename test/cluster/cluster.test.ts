import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CoreV1Api } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { forwardPorts } from '../charts/port-forward.ts';
import { until } from '../support/until.ts';
import { nodeBaseImage } from './base-image.ts';
import type { TestNamespace } from './cluster.ts';
import { docker, hasImage } from './docker.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';
import type { ClusterPlace } from './record.ts';
import { KUBECONFIG_VARIABLE } from './start.ts';

const USER = join(import.meta.dirname, '../fixtures/cluster-user.ts');

/** A server that says what it finds in a Secret's volume, by a name that its cluster knows. */
function probe(image: string): string {
  const script = `require('node:http').createServer((_, answer) => {
    answer.end(require('node:fs').readFileSync('/var/run/words/word'));
  }).listen(8080)`;
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'words' }, stringData: { word: 'first' } },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'probe', labels: { app: 'probe' } },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: 'probe',
              image,
              imagePullPolicy: 'Never',
              command: ['node', '-e', script],
              volumeMounts: [{ name: 'words', mountPath: '/var/run/words' }],
            },
          ],
          volumes: [{ name: 'words', secret: { secretName: 'words' } }],
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        // The pod's own name would lead it to itself.
        metadata: { name: 'answers' },
        spec: { selector: { app: 'probe' }, ports: [{ port: 80, targetPort: 8080 }] },
      },
    ],
  });
}

describeInCluster('a cluster of the tests', (cluster) => {
  let namespace: TestNamespace;
  const kubectl = (args: readonly string[], input?: string) =>
    cluster().kubectl([`--namespace=${namespace.name}`, ...args], input);
  const inProbe = (script: string) => kubectl(['exec', 'probe', '--', 'node', '-e', script]);

  beforeAll(async () => {
    namespace = await cluster().namespace('harness');
    const image = await cluster().loadImage(await nodeBaseImage());
    await kubectl(['apply', '-f', '-'], probe(image));
    await kubectl(['wait', '--for=condition=Ready', 'pod/probe', '--timeout=90s']);
  }, CLUSTER_TIMEOUT);
  afterAll(async () => {
    await namespace.remove();
  });

  it('has a node that is ready', async () => {
    const status = '{.items[*].status.conditions[?(@.type=="Ready")].status}';
    expect(await cluster().kubectl(['get', 'nodes', `-o=jsonpath=${status}`])).toMatch(/^True( True)*$/);
  });

  it('is reached by the client library', async () => {
    const { items } = await cluster().api.makeApiClient(CoreV1Api).listNamespacedPod({ namespace: namespace.name });
    expect(items.map((pod) => pod.metadata?.name)).toEqual(['probe']);
  });

  it('runs a pod of a loaded image, with a Secret mounted', async () => {
    expect(await kubectl(['exec', 'probe', '--', 'cat', '/var/run/words/word'])).toBe('first');
  });

  it('loads an image that it has in under 5 s', async () => {
    const began = performance.now();
    await cluster().loadImage(await nodeBaseImage());
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('resolves the name of a Service, and leads to its pods', async () => {
    const script = "fetch('http://answers').then(async (answer) => console.log(await answer.text()), () => {})";
    // The node may not have heard of the Service yet.
    await until('An answer by way of the Service', async () => (await inProbe(script)).trim() === 'first', 30_000);
  });

  it('forwards a port of a pod, and ends a call to one where nothing listens', async () => {
    const pod = { namespace: namespace.name, pod: 'probe', ports: [8080, 8081] };
    const { addresses, stop } = await forwardPorts(cluster(), pod);
    const call = (port: number): Promise<Response> =>
      fetch(`http://${addresses.get(port)}`, { signal: AbortSignal.timeout(20_000) });
    try {
      expect(await (await call(8080)).text()).toBe('first');
      await expect(call(8081)).rejects.toThrow('fetch failed');
    } finally {
      await stop();
    }
  });

  it('reports immediately that a name does not exist', async () => {
    const script = "require('node:dns').lookup('no-such-name.test', (error) => console.log(error.code))";
    expect((await inProbe(script)).trim()).toBe('ENOTFOUND');
  });

  it('lets no process in its pods command the kubelet', async ({ skip }) => {
    skip(!cluster().ownNode, 'It is not the project that configures this node.');
    const host = (await kubectl(['get', 'pod', 'probe', '-o=jsonpath={.status.hostIP}'])).trim();
    const script = `process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
      fetch('https://${host}:10250/pods').then((answer) => console.log(answer.status));`;
    expect((await inProbe(script)).trim()).toBe('401');
  });

  it('records the requests to the API server', async ({ skip }) => {
    const { node, api } = cluster();
    if (node === undefined) return skip('It is not the project that configures this node.');
    const began = new Date();
    await api.makeApiClient(CoreV1Api).readNamespacedSecret({ name: 'words', namespace: namespace.name });
    const asked = (await node.requestsSince(began)).filter(
      ({ objectRef }) => objectRef?.resource === 'secrets' && objectRef.namespace === namespace.name,
    );
    expect(asked).toMatchObject([{ verb: 'get', user: { username: 'admin' }, responseStatus: { code: 200 } }]);
  });
});

describeInCluster(
  'the API server of the tests',
  (cluster) => {
    const answers = (): Promise<boolean> =>
      cluster()
        .kubectl(['get', '--raw=/version', '--request-timeout=3s'])
        .then(
          () => true,
          () => false,
        );

    it.each(['ended', 'frozen'] as const)('can be %s, and is the same afterwards', async (how) => {
      const { node, kubectl } = cluster();
      if (node === undefined) return;
      const before = await kubectl(['get', 'namespace', 'default', '-o=jsonpath={.metadata.uid}']);
      await node.stopApiServer(how);
      try {
        expect(await answers()).toBe(false);
      } finally {
        await node.startApiServer();
      }
      expect(await answers()).toBe(true);
      expect(await kubectl(['get', 'namespace', 'default', '-o=jsonpath={.metadata.uid}'])).toBe(before);
    });
  },
  { alone: true },
);

describeInCluster('the container of a cluster', () => {
  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });

  /** A process that uses the harness; resolves when it says what it has. */
  async function user(...args: readonly string[]): Promise<{ child: ChildProcess; run: ClusterPlace }> {
    const env = { ...process.env, [KUBECONFIG_VARIABLE]: '' };
    const child = spawn(process.execPath, [USER, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    started.push(child);
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith('{')) return { child, run: JSON.parse(line) as ClusterPlace };
    }
    throw new Error('The user of the harness ended.');
  }

  const containers = async (name: string): Promise<string> =>
    docker(['ps', '--all', '--quiet', '--filter', `name=^${name}$`]);

  it('is removed with its volumes after the process of the tests was killed', async () => {
    const { child, run } = await user();
    const format = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}';
    const volumes = (await docker(['inspect', '--format', format, run.name])).trim().split(' ');
    expect(volumes).not.toEqual(['']);
    child.kill('SIGKILL');
    await until('The end of the container', async () => (await containers(run.name)) === '', 60_000);
    const left = async (): Promise<string[]> => (await docker(['volume', 'ls', '--quiet'])).split('\n');
    await until('The end of its volumes', async () => !(await left()).some((name) => volumes.includes(name)), 60_000);
    await until('The end of the folder', () => !existsSync(run.folder), 60_000);
  });

  it('is removed even if it was created after the process was killed', async () => {
    const name = `token-acquirer-late-${process.pid}`;
    const { child } = await user(name);
    child.kill('SIGKILL');
    const image = await nodeBaseImage();
    expect(await hasImage(image)).toBe(true);
    await docker(['create', '--name', name, image]);
    await until('The end of the container', async () => (await containers(name)) === '', 60_000);
  });
});
