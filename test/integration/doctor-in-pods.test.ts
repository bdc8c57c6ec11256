import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { sha256 } from '../../src/core/token.ts';
import { exitCodeOf } from '../../src/token-acquirer/cli/exit-codes.ts';
import type { FakeKubernetesApi, JsonObject } from '../fakes/kubernetes-api.ts';
import { type ExecAnswer } from '../fakes/kubernetes-api-execs.ts';
import {
  type DoctorOptions,
  type DoctorResult,
  failedChecks,
  runDoctor,
  startIssuer,
  startReviewingApi,
} from '../support/doctor-runs.ts';
import { failure } from '../support/failure.ts';
import { configurationText, installObjects, PLACES, podWith, putTokens } from '../support/installed-objects.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';

const DOCUMENT = '/var/run/tokens/dynamics.json';

let fake: FakeKubernetesApi;
let server: LoopbackServer;
let isAllowed: (spec: JsonObject) => boolean;
let answers: Record<string, ExecAnswer>;

beforeEach(async () => {
  isAllowed = () => true;
  server = await startIssuer();
  fake = await startReviewingApi((spec) => isAllowed(spec));
  installObjects(fake, configurationText(server.url));
  fake.objects.put(PLACES.pod, running());
  answers = { sha256sum: { code: 0, out: `${storedHash()}  ${DOCUMENT}\n` }, sh: { code: 0, out: 'status 200\n' } };
  fake.execs.answer = ({ command: [program = ''] }) =>
    answers[program] ?? { message: 'exec: executable file not found in $PATH' };
});
afterEach(async () => {
  await Promise.all([fake.stop(), server.stop()]);
});

function running(): JsonObject {
  const items = ['dynamics', 'dynamics.json', 'ca.crt'].map((key) => ({ key, path: key }));
  const caller = { audience: 'token-acquirer.token-acquirer', path: 'caller' };
  const sources = [{ secret: { name: 'billing-tokens', items } }, { serviceAccountToken: caller }];
  const { spec, ...pod } = podWith({}) as { spec: JsonObject };
  return {
    ...pod,
    spec: { ...spec, volumes: [{ name: 'tokens', projected: { sources } }] },
    status: { phase: 'Running', containerStatuses: [{ name: 'app', state: { running: {} } }] },
  };
}

function storedHash(): string {
  const { data } = fake.objects.get(PLACES.tokens) as { data: Record<string, string> };
  return sha256(Buffer.from(data['dynamics.json'] ?? '', 'base64').toString());
}

const run = (given: Partial<DoctorOptions> = {}): Promise<DoctorResult> =>
  runDoctor({ kubeconfig: fake.kubeconfig, inPods: true, ...given });

const uncheckedIn = ({ checks }: DoctorResult): string[] => checks.flatMap(({ unchecked }) => unchecked);

describe('the doctor in the pods of client apps', () => {
  it('finds nothing where the files are those of the Secret, and the endpoint answers', async () => {
    const result = await run();
    expect([failedChecks(result), uncheckedIn(result)]).toEqual([[], []]);
    expect(fake.execs.calls.map(({ container }) => container)).toEqual([
      'billing/billing-1/app',
      'billing/billing-1/app',
    ]);
    const [hash, call] = fake.execs.calls.map(({ command }) => command);
    expect(hash).toEqual(['sha256sum', DOCUMENT]);
    expect(call?.slice(4)).toEqual([
      'https://token-acquirer.token-acquirer.svc:443/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics/conditions',
      '/var/run/tokens/caller',
      '/var/run/tokens/ca.crt',
    ]);
  });

  it('runs nothing in pods unless somebody asks for it', async () => {
    const { checks } = await run({ inPods: false });
    expect(checks.map(({ check }) => check)).not.toContain('mounted-file');
    expect(fake.execs.calls).toEqual([]);
  });

  it.each<[string, string, () => void]>([
    ['another file', 'mounted-file', () => (answers['sha256sum'] = { code: 0, out: `${'0'.repeat(64)}  x` })],
    ['no file', 'mounted-file', () => (answers['sha256sum'] = { code: 1, error: 'x: No such file or directory' })],
    ['a name that does not resolve', 'endpoint-call', () => (answers['sh'] = { code: 0, out: 'name ENOTFOUND' })],
    ['a rejected account', 'endpoint-call', () => (answers['sh'] = { code: 0, out: 'status 403' })],
  ])('finds %s, and nothing else', async (_what, check, plant) => {
    plant();
    expect(failedChecks(await run())).toEqual([check]);
  });

  it('finds nothing about a token that was stored a moment ago', async () => {
    putTokens(fake, { issuedAt: Date.now() });
    expect(failedChecks(await run())).toEqual([]);
  });

  it('finds nothing about an old token that was written a moment ago', async () => {
    putTokens(fake, { storedAt: Date.now() });
    expect(failedChecks(await run())).toEqual([]);
    putTokens(fake, { issuedAt: Date.now(), storedAt: Date.now() - 600_000 });
    expect(failedChecks(await run())).toEqual(['mounted-file']);
  });

  it('compares with what the Secret has after the command in the pod', async () => {
    const { answer } = fake.execs;
    fake.execs.answer = (call) => {
      if (call.command[0] !== 'sha256sum') return answer(call);
      putTokens(fake, { expiresAt: Date.now() + 7_200_000, storedAt: Date.now() - 600_000 });
      return { code: 0, out: storedHash() };
    };
    expect(failedChecks(await run())).toEqual([]);
  });

  it.each<[string, RegExp, () => void]>([
    ['an image without programs', /has none of the programs/, () => (answers = {})],
    ['a failing runtime', /no command can be run in it/, () => (fake.execs.answer = () => ({ message: 'broken' }))],
    ['a pod that ended', /does not exist any more \(404\)/, () => (fake.execs.answer = () => ({ status: 404 }))],
    ['a policy that forbids it', /you may not run commands/, () => (fake.execs.answer = () => ({ status: 403 }))],
    ['an API server that fails', /HTTP 500/, () => (fake.execs.answer = () => ({ status: 500 }))],
    ['a connection that ends', /connection to it was lost/, () => (fake.execs.answer = () => ({ lost: true }))],
    [
      'a user who may not do it',
      /you may not get pods --subresource=exec, create pods --subresource=exec/,
      () => (isAllowed = ({ resourceAttributes }) => !JSON.stringify(resourceAttributes).includes('exec')),
    ],
  ])('reports as not checked what it cannot find out: %s', async (_what, sentence, plant) => {
    plant();
    const result = await run();
    expect(failedChecks(result)).toEqual([]);
    expect(uncheckedIn(result)).toEqual([expect.stringMatching(sentence), expect.stringMatching(sentence)]);
  });

  it('calls from no pod that has no token for the endpoint', async () => {
    fake.objects.put(PLACES.pod, { ...podWith({}), status: running()['status'] as JsonObject });
    const result = await run();
    expect(failedChecks(result)).toEqual([]);
    expect(uncheckedIn(result)).toEqual([expect.stringMatching(/no ServiceAccount token for the audience/)]);
  });

  it('runs nothing in a container that does not run, and says so', async () => {
    fake.objects.put(PLACES.pod, { ...running(), status: { phase: 'Pending' } });
    const result = await run();
    expect([failedChecks(result), uncheckedIn(result)]).toEqual([
      [],
      [expect.stringMatching(/no container that runs mounts the Secret billing\/billing-tokens as a volume\.$/)],
    ]);
    expect(fake.execs.calls).toEqual([]);
  });

  /** The pod, with this in its spec. */
  const specWith = (change: (spec: PodSpec) => JsonObject): JsonObject => {
    const { spec, ...pod } = running();
    return { ...pod, spec: { ...(spec as JsonObject), ...change(spec as PodSpec) } };
  };
  type PodSpec = JsonObject & { containers: JsonObject[]; volumes: JsonObject[] };
  const places = (): string[] => fake.execs.calls.map(({ container }) => container);

  it('looks into a sidecar that Kubernetes runs as an init container', async () => {
    const pod = specWith(({ containers: [app] }) => ({
      containers: [{ name: 'app' }],
      initContainers: [
        { ...app, name: 'sidecar', restartPolicy: 'Always' },
        { ...app, name: 'init' },
      ],
    }));
    const statuses = ['sidecar', 'init'].map((name) => ({ name, state: { running: {} } }));
    fake.objects.put(PLACES.pod, { ...pod, status: { phase: 'Running', initContainerStatuses: statuses } });
    const result = await run();
    expect([failedChecks(result), uncheckedIn(result)]).toEqual([[], []]);
    expect(places()).toEqual(['billing/billing-1/sidecar', 'billing/billing-1/sidecar']);
  });

  it('calls from the container that can', async () => {
    const items = [{ key: 'dynamics.json', path: 'dynamics.json' }];
    const { status, ...pod } = specWith(({ containers, volumes: [volume] }) => ({
      containers: [{ name: 'proxy', volumeMounts: [{ name: 'bare', mountPath: '/t' }] }, ...containers],
      volumes: [volume ?? {}, { name: 'bare', secret: { secretName: 'billing-tokens', items } }],
    }));
    const containerStatuses = ['proxy', 'app'].map((name) => ({ name, state: { running: {} } }));
    fake.objects.put(PLACES.pod, { ...pod, status: { ...(status as JsonObject), containerStatuses } });
    const result = await run();
    expect([failedChecks(result), uncheckedIn(result)]).toEqual([[], []]);
    expect(places()).toEqual(['billing/billing-1/proxy', 'billing/billing-1/app', 'billing/billing-1/app']);
  });

  it('says that a file without its document was not compared', async () => {
    const items = ['dynamics', 'ca.crt'].map((key) => ({ key, path: key }));
    const secret = { secretName: 'billing-tokens', items };
    fake.objects.put(
      PLACES.pod,
      specWith(() => ({ volumes: [{ name: 'tokens', secret }] })),
    );
    expect(uncheckedIn(await run({}))).toEqual([
      expect.stringMatching(/^\/var\/run\/tokens\/dynamics in the container app .* does not include dynamics\.json/),
      expect.stringMatching(/no ServiceAccount token for the audience/),
    ]);
  });

  it('says how many pods it did not look at', async () => {
    for (let index = 2; index <= 23; index += 1) fake.objects.put(PLACES.pod.replace('-1', `-${index}`), running());
    expect(uncheckedIn(await run())).toEqual([expect.stringMatching(/^3 more of the pods that use the Secret/)]);
    expect(places().filter((place) => place !== 'billing/billing-1/app')).toHaveLength(19);
  });

  it('calls for a token that is stored nowhere', async () => {
    const { tokens, ...rest } = parse(configurationText(server.url)) as { tokens: object[] };
    const delivered = tokens.map((token) => ({ ...token, delivery: 'endpoint' }));
    fake.objects.put(PLACES.config, { data: { 'config.yaml': stringify({ ...rest, tokens: delivered }) } });
    answers['sh'] = { code: 0, out: 'status 403' };
    expect(failedChecks(await run())).toContain('endpoint-call');
    expect(fake.execs.calls.map(({ command }) => command[0])).toEqual(['sh']);
  });

  it('needs an installation', async () => {
    for (const given of [{ inPods: true }, { requestToken: true }]) {
      expect(exitCodeOf(await failure(run({ pre: true, config: 'x.yaml', ...given })))).toBe(2);
    }
  });
});

describe('the doctor that requests tokens', () => {
  let status: LoopbackServer;
  let answer: { code: number; body: object | string };
  let breaks: boolean;
  let most: number;
  beforeEach(async () => {
    answer = { code: 200, body: { checks: [{ token: 'x', outcome: 'accepted', message: 'It gave a token.' }] } };
    breaks = false;
    most = 0;
    let open = 0;
    status = await startHttpServer((request, response) => {
      if (breaks) return void request.socket.destroy();
      most = Math.max(most, (open += 1));
      response.on('close', () => (open -= 1));
      const { code, body } = answer;
      setTimeout(() => response.writeHead(code).end(typeof body === 'string' ? body : JSON.stringify(body)), 50);
    });
    const labels = { 'app.kubernetes.io/name': 'token-acquirer' };
    const conditions = [{ type: 'Ready', status: 'True' }];
    fake.objects.put('/api/v1/namespaces/token-acquirer/pods/acquirer-1', {
      metadata: { labels },
      status: { phase: 'Running', conditions },
    });
    fake.forwards.set('token-acquirer/acquirer-1:9090', { port: Number(new URL(status.url).port) });
  });
  afterEach(() => status.stop());

  const trial = async (): Promise<DoctorResult['checks'][number] | undefined> =>
    (await run({ inPods: false, requestToken: true })).checks.find(({ check }) => check === 'credential-trial');
  const checked = (outcome: string): void => {
    answer = { code: 200, body: { checks: [{ token: 'x', outcome, message: 'invalid_client: No.' }] } };
  };

  it('finds nothing where the authorization server accepts each credential', async () => {
    expect(await trial()).toMatchObject({ result: 'passed', findings: [], unchecked: [] });
  });

  it.each(['failed', 'withheld'])('finds a credential whose request %s', async (outcome) => {
    checked(outcome);
    expect(await trial()).toMatchObject({ result: 'failed', findings: [{ message: 'invalid_client: No.' }] });
  });

  it('does not check a credential whose refresh token would be spent', async () => {
    checked('spending');
    expect(await trial()).toMatchObject({
      result: 'skipped',
      findings: [],
      unchecked: [expect.stringContaining('refresh token')],
    });
  });

  it('tries one credential after the other', async () => {
    const { tokens, ...rest } = parse(configurationText(server.url)) as { tokens: object[] };
    const names = ['dynamics', 'second', 'third'];
    const all = names.map((name) => ({ ...tokens[0], name, credential: name }));
    fake.objects.put(PLACES.config, { data: { 'config.yaml': stringify({ ...rest, tokens: all }) } });
    checked('failed');
    expect((await trial())?.findings.map(({ subject }) => subject)).toEqual(names.map((name) => `credential ${name}`));
    expect(most).toBe(1);
  });

  it.each<[string, RegExp, () => void]>([
    ['answers with an error', /answered HTTP 404/, () => (answer = { code: 404, body: {} })],
    ['ends the connection', /sent no answer \(/, () => (breaks = true)],
    ['answers with something else', /that is not JSON/, () => (answer = { code: 200, body: 'secret text' })],
    [
      'cannot be reached',
      /cannot be reached/,
      () => fake.forwards.set('token-acquirer/acquirer-1:9090', { error: 'no' }),
    ],
    [
      'has no pod',
      /no pod .* is ready/,
      () => fake.objects.delete('/api/v1/namespaces/token-acquirer/pods/acquirer-1'),
    ],
  ])('does not check a credential where the token-acquirer %s', async (_what, sentence, plant) => {
    plant();
    expect(await trial()).toMatchObject({ result: 'skipped', unchecked: [expect.stringMatching(sentence)] });
  });
});
