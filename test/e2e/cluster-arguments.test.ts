import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeKubernetesApi, startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import { AcquirerProcess, type Ended } from './acquirer-process.ts';
import { type Stage, stages } from './stage.ts';

const SOON = 15_000;
const { open, closeAll } = stages();
afterAll(closeAll);

const started: AcquirerProcess[] = [];
let stage: Stage;

beforeEach(async () => {
  stage = await open();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((process) => process.end()));
});

/** `run` with neither a token directory nor a state: tokens are for a cluster. */
function run(more: readonly string[], env: Record<string, string> = {}): AcquirerProcess {
  const { config, credentials } = stage.workplace;
  const addresses = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
  const args = ['run', '--config', config, '--credentials', credentials, ...addresses, ...more];
  const process = AcquirerProcess.start(args, { env });
  started.push(process);
  return process;
}

/** A file in the workplace. */
function file(name: string, text: string): string {
  const path = join(stage.workplace.root, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

function kubeconfig(cluster: object, user: object = {}): string {
  return JSON.stringify({
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

const REFUSED: readonly [sentence: string, start: (key: string) => AcquirerProcess, words: readonly string[]][] = [
  [
    'no token directory outside a cluster',
    () => run([]),
    ['Give --token-directory and --state, or run in a pod, or name a cluster with --kubeconfig.'],
  ],
  [
    'a token directory without a state outside a cluster',
    () => run(['--token-directory', stage.workplace.tokens]),
    ['Give --state, or run in a pod'],
  ],
  [
    'a pod without its ServiceAccount',
    () => run([], { KUBERNETES_SERVICE_HOST: '127.0.0.1' }),
    ['/var/run/secrets/kubernetes.io/serviceaccount/ca.crt cannot be read (ENOENT)', 'automountServiceAccountToken'],
  ],
  [
    'a missing kubeconfig',
    () => run(['--kubeconfig', '/nowhere/config']),
    ['The file /nowhere/config cannot be read (ENOENT). Name another file.'],
  ],
  [
    'a kubeconfig that is no YAML',
    (key) => run(['--kubeconfig', file('damaged', `{ token: ${key} [`)]),
    ['damaged is damaged. Try: kubectl --kubeconfig'],
  ],
  [
    'a kubeconfig without a context',
    () => run(['--kubeconfig', file('empty', '{"clusters":[],"users":[],"contexts":[]}')]),
    ['has no current context with a server', 'config use-context NAME'],
  ],
  [
    'a kubeconfig without TLS',
    (key) => run(['--kubeconfig', file('plain', kubeconfig({ server: 'http://192.0.2.1' }, { token: key }))]),
    ['names a server without TLS. Use https.'],
  ],
];

describe('bad input about the cluster ends with exit code 2 and a sentence', () => {
  it.each(REFUSED)('%s', async (_sentence, start, words) => {
    const key = secret('kubeconfig-key');
    const ended: Ended = await start(key).ended();
    expect(ended).toMatchObject({ code: 2, stdout: '[]' });
    for (const word of words) expect(ended.stderr).toContain(word);
    // One sentence or two, and no trace of the inside.
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
    expect(ended.stderr.includes(key)).toBe(false);
  });

  it('callers and client apps that only a cluster can tell of, without one', async () => {
    const clientApp = { namespace: 'billing', selector: 'app=billing' };
    stage.workplace.configure(stage.configuration({ more: { clientApp } }));
    const ended = await stage.acquirer().ended();
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('which only a cluster can tell');
    expect(ended.stderr).toContain('give --kubeconfig');
  });
});

describe('An unexpected cluster', () => {
  let fake: FakeKubernetesApi;
  const POD = {
    metadata: { name: 'app', namespace: 'billing', labels: { app: 'billing' } },
    spec: {
      nodeName: 'node',
      containers: [{ name: 'app', volumeMounts: [{ name: 'tokens', mountPath: '/tokens' }] }],
      volumes: [{ name: 'tokens', secret: { secretName: 'billing-tokens' } }],
    },
    status: { phase: 'Running' },
  };

  beforeEach(async () => {
    fake = await startKubernetesApi();
    fake.objects.put('/api/v1/namespaces/billing/secrets/billing-tokens', { type: 'Opaque' });
    fake.objects.put('/api/v1/namespaces/billing/pods/app', POD);
  });
  afterEach(() => fake.stop());

  const warned = (process: AcquirerProcess, words: string) => (): boolean =>
    process.lines.some(({ event, message }) => event === 'warning' && String(message).includes(words));
  const asked = (part: string): number => fake.requests.filter(({ path }) => path.includes(part)).length;

  it('is logged where it is too old, and work goes on', async () => {
    fake.documents.set('/version', { major: '1', minor: '28', gitVersion: 'v1.28.9' });
    const process = run(['--kubeconfig', fake.kubeconfig]);
    await until(
      'The warning',
      warned(process, 'This is Kubernetes v1.28.9; the token-acquirer is made for 1.29'),
      SOON,
    );
    await process.logged('token-stored');
  });

  it('nudges no pod where it is too old, logs that, and stores tokens', async () => {
    fake.documents.set('/version', { major: '1', minor: '29', gitVersion: 'v1.29.4' });
    const beside = { propagation: { nudge: true } };
    stage.workplace.configure(stage.configuration({ beside }));
    const process = run(['--kubeconfig', fake.kubeconfig]);
    const words = 'The nudge needs Kubernetes 1.30 or later for its admission policy; this is v1.29.4.';
    await until('The rejection', warned(process, words), SOON);
    await process.logged('token-stored');
    expect(asked('/pods/app/status')).toBe(0);
    expect(warned(process, 'made for 1.29')()).toBe(false);
  });

  it('is reported, asked rarely, and costs no token request where it no longer knows the ServiceAccount', async () => {
    fake.accepted.clear();
    const process = run(['--kubeconfig', fake.kubeconfig]);
    const elected = async () => (await process.status()).conditions?.find(({ type }) => type === 'Elected');
    await process.logged('listening', 2);
    await until('The failure of the election', async () => (await elected())?.status === 'False', 2 * SOON);
    const message = expect.stringContaining('its ServiceAccount was deleted: restart the pod.') as unknown;
    expect(await elected()).toMatchObject({ reason: 'LeaseUnavailable', message });
    expect(stage.server.counts.tokenRequests).toBe(0);
    const before = fake.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect(fake.requests.length - before).toBeLessThan(20);
    fake.accepted.add(fake.token);
    await process.logged('token-stored');
  });

  it('is reported for the token where the Secret for refresh tokens is missing, and fixed by making it', async () => {
    const refresh_token = await stage.firstRefreshToken();
    stage.workplace.credential('dynamics', { refresh_token });
    const context = { cluster: 'c', user: 'u', namespace: 'acquirer' };
    const config = {
      ...(JSON.parse(kubeconfig({ server: fake.url }, { token: fake.token })) as object),
      contexts: [{ name: 'x', context }],
    };
    stage.workplace.configure(stage.configuration({ grant: 'refresh_token' }));
    const process = run(['--kubeconfig', file('kubeconfig', JSON.stringify(config))]);
    await process.logged('token-request-failed');
    const [report] = (await process.status()).tokens;
    const message = expect.stringContaining(
      'There is no Secret token-acquirer-state in the namespace acquirer',
    ) as unknown;
    expect(report).toMatchObject({ state: 'Failing', last_error: { message } });
    fake.objects.put('/api/v1/namespaces/acquirer/secrets/token-acquirer-state', { type: 'Opaque' });
    await process.logged('token-stored', 1, 40_000);
  }, 60_000);
});
