import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptySecret } from './bad-input/objects.ts';
import type { TestCluster, TestNamespace } from './cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const SECRET = 'billing-tokens';
const TROUBLESHOOTING = readFileSync(join(import.meta.dirname, '../../docs/operate/troubleshooting.md'), 'utf8');
/** The kubelet tries a volume a few seconds after the pod was scheduled. */
const SOON = { timeout: 60_000, interval: 500 };

/** A pod as the documents have it: its volume lists `items`. */
function podWith({ name, secret, keys }: { name: string; secret: string; keys: readonly string[] }): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [
        { name: 'app', image: 'none.invalid/none', volumeMounts: [{ name: 'tokens', mountPath: '/var/run/tokens' }] },
      ],
      volumes: [{ name: 'tokens', secret: { secretName: secret, items: keys.map((key) => ({ key, path: key })) } }],
    },
  };
}

/** What a person sees of a pod that waits for its volume: the text is that of the kubelet. */
describeInCluster('a pod that waits', (cluster: () => TestCluster) => {
  let home: TestNamespace;
  const kubectl = (args: readonly string[], input?: string): Promise<string> =>
    cluster().kubectl([...args, `--namespace=${home.name}`], input);
  const apply = (object: object): Promise<string> => kubectl(['apply', '--filename=-'], JSON.stringify(object));

  beforeAll(async () => {
    home = await cluster().namespace('waiting');
    await apply(emptySecret(home.name, SECRET));
    await kubectl(['patch', 'secret', SECRET, '--patch={"stringData":{"dynamics":"x","dynamics.json":"{}"}}']);
  }, CLUSTER_TIMEOUT);
  afterAll(() => home?.remove());

  describe.each([
    {
      what: 'for its first token',
      pod: { name: 'no-token', secret: SECRET, keys: ['crm'] },
      text: 'references non-existent secret key: crm',
    },
    {
      what: 'for ca.crt',
      pod: { name: 'no-ca', secret: SECRET, keys: ['dynamics', 'ca.crt'] },
      text: 'references non-existent secret key: ca.crt',
    },
    {
      what: 'for a Secret that does not exist',
      pod: { name: 'no-secret', secret: 'billing-tokens-2', keys: ['dynamics'] },
      text: 'secret "billing-tokens-2" not found',
    },
  ])('$what', ({ pod, text }) => {
    it('stays in ContainerCreating, with the event that the documents name', async () => {
      await apply(podWith(pod));
      const messages = (): Promise<string> =>
        kubectl([
          'get',
          'events',
          `--field-selector=involvedObject.name=${pod.name},reason=FailedMount`,
          '--output=jsonpath={.items[*].message}',
        ]);
      await expect.poll(messages, SOON).toContain(text);
      const waiting = '--output=jsonpath={.status.containerStatuses[0].state.waiting.reason}';
      expect(await kubectl(['get', 'pod', pod.name, waiting])).toBe('ContainerCreating');
      const documented = text.replace('crm', 'dynamics').replace('billing-tokens-2', SECRET);
      expect(TROUBLESHOOTING).toContain(`\`${documented}\``);
    });
  });
});
