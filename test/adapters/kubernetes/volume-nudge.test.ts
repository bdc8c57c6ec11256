import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPodWatches, type PodWatches } from '../../../src/adapters/kubernetes/pods/pod-watch.ts';
import { createVolumeNudge, type PodVolumeNudge } from '../../../src/adapters/kubernetes/pods/volume-nudge.ts';
import { type ApiRequest, type FakeKubernetesApi, type Fault, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { createFastClock, type FastClock, type PodBuilder, podObject, podPath } from '../../support/pods.ts';

const ANNOTATION = 'token-acquirer.dev/volume-refreshed-at';
const SECRET = { namespace: 'billing', secret: 'billing-tokens' };
const MOUNTS = { mounts: [SECRET.secret] };
const BILLING = { namespace: 'billing', selector: 'app=billing' };
const SOON = { timeout: 8000, interval: 10 };
/** A pause longer than the delay in which the nudge gathers changes. */
const MOMENT = 150;

let fake: FakeKubernetesApi;
let clock: FastClock;
let watches: PodWatches;
let nudge: PodVolumeNudge;
let faults: string[];
let removePolicy: () => void;

beforeEach(async () => {
  fake = await startKubernetesApi();
  clock = createFastClock(1);
  removePolicy = applyPolicy();
  make();
});

afterEach(async () => {
  watches.close();
  await fake.stop();
});

function make(): void {
  const api = fake.connect();
  watches = createPodWatches(api, { clock });
  // Each test has its own, because a nudge of the previous test may still run.
  const messages: string[] = [];
  faults = messages;
  nudge = createVolumeNudge(api, watches, { clock, onFault: (message) => messages.push(message) });
}

/** The answer of a cluster with the policy, in the words of Kubernetes 1.36. */
function applyPolicy(
  denial = `The token-acquirer may change only the annotation ${ANNOTATION} of a pod: not its labels.`,
) {
  return fake.intercept(({ path, body }) => {
    if (!path.endsWith('/status') || !body.includes('"labels"')) return undefined;
    const what = "ValidatingAdmissionPolicy 'token-acquirer-volume-nudge' with binding 'token-acquirer-volume-nudge'";
    const message = `pods "p" is forbidden: ${what} denied request: ${denial}`;
    return { status: 403, body: { kind: 'Status', status: 'Failure', message, reason: 'Forbidden', code: 403 } };
  });
}

function put(...pods: readonly PodBuilder[]): void {
  for (const pod of pods) fake.objects.put(podPath('billing', pod.name ?? 'billing-app-1'), podObject(pod));
}

function patches(): ApiRequest[] {
  return fake.requests.filter(({ method, query }) => method === 'PATCH' && !query.has('dryRun'));
}

function probes(): ApiRequest[] {
  return fake.requests.filter(({ query }) => query.has('dryRun'));
}

function listsOfAll(): ApiRequest[] {
  return fake.requests.filter(
    ({ path, query }) => path.endsWith('/pods') && !query.get('labelSelector') && !query.has('watch'),
  );
}

function nudged(): (string | undefined)[] {
  return patches().map(({ path }) => path.split('/').at(-2));
}

function annotationOf(name: string): unknown {
  const pod = fake.objects.get(podPath('billing', name)) as { metadata?: { annotations?: Record<string, string> } };
  return pod.metadata?.annotations?.[ANNOTATION];
}

function failPatches(fault: Fault): () => void {
  return fake.intercept(({ path, query }) => (path.endsWith('/status') && !query.has('dryRun') ? fault : undefined));
}

describe('a nudge', () => {
  it('reaches every pod that mounts the Secret, whether it matches the selector or not', async () => {
    put({ name: 'a', ...MOUNTS }, { name: 'b', ...MOUNTS, app: 'orders' }, { name: 'c', app: 'orders' });
    watches.get(BILLING.namespace, BILLING.selector).subscribe(() => {});
    await expect.poll(() => watches.get(BILLING.namespace, BILLING.selector).pods(), SOON).toHaveLength(1);
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toEqual(['a', 'b']);
  });

  it('reaches pods without a match of the selector', async () => {
    put({ name: 'a', app: 'billing-app', ...MOUNTS }, { name: 'b', app: 'billing-app' });
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toEqual(['a']);
  });

  it('reaches selected pods if the others cannot be read', async () => {
    put({ name: 'a', ...MOUNTS }, { name: 'b', ...MOUNTS, app: 'orders' });
    watches.get(BILLING.namespace, BILLING.selector).subscribe(() => {});
    await expect.poll(() => watches.get(BILLING.namespace, BILLING.selector).pods(), SOON).toHaveLength(1);
    const restore = fake.deny({ verb: 'list', resource: 'pods' });
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toEqual(['a']);
    restore();
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toEqual(['a', 'a', 'b']);
  });

  it('reads the pods of a namespace once for all its Secrets', async () => {
    const secrets = Array.from({ length: 30 }, (_, index) => `tokens-${index}`);
    put(...secrets.map((secret) => ({ name: `of-${secret}`, mounts: [secret] })));
    for (const secret of secrets) void nudge.nudge({ namespace: 'billing', secret }, BILLING);
    await expect.poll(() => new Set(nudged()).size, SOON).toBe(30);
    expect(listsOfAll()).toHaveLength(1);
  });

  it('sees a pod of the client app that came since the pods were read', async () => {
    put({ name: 'a', ...MOUNTS });
    watches.get(BILLING.namespace, BILLING.selector).subscribe(() => {});
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toEqual(['a']);
    put({ name: 'b', ...MOUNTS });
    await expect.poll(() => watches.get(BILLING.namespace, BILLING.selector).pods(), SOON).toHaveLength(2);
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toEqual(['a', 'a', 'b']);
    expect(listsOfAll()).toHaveLength(1);
  });

  it('reads the pods again after 5 s, or uses those of the watch', async () => {
    watches.close();
    clock = createFastClock(100);
    make();
    put({ name: 'a', ...MOUNTS });
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toEqual(['a']);
    put({ name: 'b', ...MOUNTS, app: 'orders' });
    await pause(MOMENT);
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toEqual(['a', 'a', 'b']);
    watches.get('billing', '').subscribe(() => {});
    await expect.poll(() => watches.get('billing', '').pods(), SOON).toHaveLength(2);
    const before = listsOfAll().length;
    await pause(MOMENT);
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toHaveLength(5);
    expect(listsOfAll()).toHaveLength(before);
  });

  it('sets one annotation of each running pod that mounts the Secret, and of no other', async () => {
    put(
      { name: 'mounts-it', ...MOUNTS },
      { name: 'waits-for-it', ...MOUNTS, phase: 'Pending' },
      { name: 'projects-it', spec: projected },
      { name: 'mounts-another', mounts: ['other'] },
      { name: 'has-no-node', ...MOUNTS, phase: 'Pending', node: '' },
      { name: 'is-about-to-go', ...MOUNTS, deleting: true },
      { name: 'has-ended', ...MOUNTS, phase: 'Succeeded' },
      { name: 'is-of-another-app', ...MOUNTS, app: 'orders' },
    );
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toEqual(['mounts-it', 'waits-for-it', 'projects-it', 'is-of-another-app']);
    const [patch] = patches();
    expect(patch).toMatchObject({
      contentType: 'application/merge-patch+json',
      path: expect.stringMatching(/\/status$/),
    });
    const time = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
    expect(JSON.parse(patch?.body ?? '')).toEqual({ metadata: { annotations: { [ANNOTATION]: time } } });
    await expect.poll(() => annotationOf('mounts-it'), SOON).toEqual(time);
    expect(faults).toEqual([]);
  });

  const projected = {
    volumes: [{ name: 't', projected: { sources: [{ secret: { name: SECRET.secret } }] } }],
    containers: [{ name: 'app', volumeMounts: [{ name: 't', mountPath: '/t' }] }],
  };

  it('reaches all pods of the namespace that mount the Secret without a client app', async () => {
    put({ name: 'a', ...MOUNTS }, { name: 'b', ...MOUNTS, app: 'orders' });
    void nudge.nudge(SECRET, undefined);
    await expect.poll(nudged, SOON).toEqual(['a', 'b']);
  });

  it('reaches the pods that can mount the Secret with a client app of another namespace', async () => {
    put({ name: 'a', ...MOUNTS });
    void nudge.nudge(SECRET, { namespace: 'orders', selector: 'app=orders' });
    await expect.poll(nudged, SOON).toEqual(['a']);
  });

  it('covers tokens that change within a moment, and another one covers the next', async () => {
    put({ name: 'a', ...MOUNTS });
    for (let token = 0; token < 10; token += 1) void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toEqual(['a']);
    await pause(MOMENT);
    expect(nudged()).toEqual(['a']);
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toEqual(['a', 'a']);
  });

  it('needs only the patch if the pods were just read and the policy is known', async () => {
    put({ name: 'a', ...MOUNTS });
    watches.get(BILLING.namespace, BILLING.selector).subscribe(() => {});
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toHaveLength(1);
    const before = fake.requests.length;
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toHaveLength(2);
    expect(fake.requests.length - before).toBe(1);
  });

  it('reaches many pods a few at a time', async () => {
    put(...Array.from({ length: 40 }, (_, index) => ({ name: `pod-${index}`, ...MOUNTS })));
    let atOnce = 0;
    let most = 0;
    failPatches({ delay: 20 });
    fake.intercept(({ query, method }) => {
      if (method !== 'PATCH' || query.has('dryRun')) return undefined;
      atOnce += 1;
      most = Math.max(most, atOnce);
      setTimeout(() => (atOnce -= 1), 20);
      return undefined;
    });
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(() => new Set(nudged()).size, SOON).toBe(40);
    expect(nudged()).toHaveLength(40);
    expect(most).toBeLessThanOrEqual(16);
  });

  it('skips pods that were deleted in the meantime', async () => {
    put({ name: 'a', ...MOUNTS }, { name: 'b', ...MOUNTS });
    fake.intercept(({ path }) => (path.endsWith('/a/status') ? { status: 404 } : undefined));
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(nudged, SOON).toContain('b');
    await pause(MOMENT);
    expect(faults).toEqual([]);
  });

  it.each<{ name: string; fault: Fault; sentence: string }>([
    { name: 'fails', fault: { status: 500 }, sentence: 'cannot be nudged: the API server failed (500)' },
    { name: 'is rejected', fault: { status: 403 }, sentence: 'cannot be nudged: the API server forbids it (403)' },
    { name: 'is reset', fault: { reset: true }, sentence: 'cannot be nudged: the API server cannot be reached' },
  ])('that $name is logged once, and again after a success', async ({ fault, sentence }) => {
    put({ name: 'a', ...MOUNTS }, { name: 'b', ...MOUNTS });
    for (const round of [1, 2]) {
      const restore = failPatches(fault);
      const before = nudged().length;
      for (let times = 1; times <= 3; times += 1) {
        void nudge.nudge(SECRET, BILLING);
        await expect.poll(() => nudged().length, SOON).toBe(before + 2 * times);
      }
      await expect.poll(() => faults, SOON).toHaveLength(round);
      expect(faults.at(-1)).toContain(sentence);
      expect(faults.at(-1)).toMatch(/Until then volumes follow within 90 s\.$/);
      restore();
      void nudge.nudge(SECRET, BILLING);
      await expect.poll(() => nudged().length, SOON).toBe(before + 8);
      await expect.poll(() => annotationOf('b'), SOON).toEqual(expect.any(String));
      await pause(MOMENT);
    }
  });

  it('logs pods that cannot be read, without a wait', async () => {
    fake.deny({ verb: 'list', resource: 'pods' });
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(() => faults, SOON).toEqual([expect.stringContaining('may not list pods')]);
  });
});

describe('the admission policy that confines the nudge', () => {
  it('is tested on a pod before the first nudge of a namespace, by a change that it must deny', async () => {
    put({ name: 'a', ...MOUNTS });
    void nudge.nudge(SECRET, BILLING);
    void nudge.nudge({ ...SECRET, secret: 'other' }, BILLING);
    await expect.poll(nudged, SOON).toEqual(['a']);
    expect(probes()).toHaveLength(1);
    expect(probes()[0]?.query.get('dryRun')).toBe('All');
    expect(JSON.parse(probes()[0]?.body ?? '')).toEqual({
      metadata: { labels: { 'token-acquirer.dev/policy-check': 'must-be-refused' } },
    });
    expect(fake.requests.indexOf(probes()[0] as ApiRequest)).toBeLessThan(
      fake.requests.indexOf(patches()[0] as ApiRequest),
    );
  });

  it.each<{ name: string; arrange: () => void; sentence: string }>([
    {
      name: 'no policy exists',
      arrange: () => {},
      sentence: 'is not in force for this ServiceAccount in the namespace billing',
    },
    {
      name: 'another policy denies the change',
      arrange: () => void applyPolicy('Labels need the prefix of their team.'),
      sentence: 'the API server forbids it (403)',
    },
    {
      name: 'the permission to patch is missing',
      arrange: () => void fake.deny({ verb: 'patch', resource: 'pods/status' }),
      sentence: 'Or set `propagation.nudge: false`.',
    },
    {
      name: 'Kubernetes is too old',
      arrange: () => {
        applyPolicy();
        fake.documents.set('/version', { major: '1', minor: '29+', gitVersion: 'v1.29.14-gke.1' });
      },
      sentence: 'needs Kubernetes 1.30 or later for its admission policy; this is v1.29.14-gke.1.',
    },
    {
      name: 'the policy cannot be tested',
      arrange: () => void fake.intercept(({ query }) => (query.has('dryRun') ? { status: 500 } : undefined)),
      sentence: 'could not be checked: the API server failed (500)',
    },
  ])('allows no nudge if $name', async ({ arrange, sentence }) => {
    removePolicy();
    arrange();
    put({ name: 'a', ...MOUNTS });
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(() => faults, SOON).toEqual([expect.stringContaining(sentence)]);
    void nudge.nudge(SECRET, BILLING);
    await pause(MOMENT);
    expect([nudged(), faults.length]).toEqual([[], 1]);
    expect(await nudge.check()).toContain(sentence);
  });

  it('is found later if it is applied later', async () => {
    removePolicy();
    clock = createFastClock(1000);
    make();
    put({ name: 'a', ...MOUNTS });
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(() => faults, SOON).toHaveLength(1);
    applyPolicy();
    await expect
      .poll(() => {
        void nudge.nudge(SECRET, BILLING);
        return nudged();
      }, SOON)
      .toContain('a');
    expect(faults).toHaveLength(1);
  });

  it('is tested again after a nudge was denied', async () => {
    put({ name: 'a', ...MOUNTS });
    const restore = failPatches({ status: 403 });
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(() => faults, SOON).toHaveLength(1);
    restore();
    void nudge.nudge(SECRET, BILLING);
    await expect.poll(() => annotationOf('a'), SOON).toEqual(expect.any(String));
    expect(probes()).toHaveLength(2);
  });

  it('is tested on the next pod if the first was deleted', async () => {
    put({ name: 'a', ...MOUNTS }, { name: 'b', ...MOUNTS });
    removePolicy();
    fake.intercept(({ path }) => (path.endsWith('/a/status') ? { status: 404 } : undefined));
    applyPolicy();
    expect(await nudge.check([BILLING])).toBeUndefined();
    expect(probes().map(({ path }) => path.split('/').at(-2))).toEqual(['a', 'b']);
  });

  it('cannot be tested without a pod, and then no message or nudge follows', async () => {
    removePolicy();
    fake.objects.put('/api/v1/namespaces/billing', {});
    expect(await nudge.check([BILLING])).toBeUndefined();
    void nudge.nudge(SECRET, BILLING);
    await pause(MOMENT);
    expect([probes(), patches(), faults]).toEqual([[], [], []]);
    put({ name: 'a', ...MOUNTS });
    expect(await nudge.check()).toContain('is not in force');
  });

  it('is reported by a check of named client apps before any nudge', async () => {
    put({ name: 'a', ...MOUNTS });
    expect(await nudge.check([BILLING])).toBeUndefined();
    removePolicy();
    expect(await nudge.check([BILLING])).toContain('Apply manifests/admission-policy.yaml');
    fake.deny({ verb: 'list', resource: 'pods' });
    expect(await nudge.check([BILLING])).toContain('may not list pods');
    fake.intercept(({ path }) => (path.startsWith('/version') ? { status: 503 } : undefined));
    expect(await nudge.check()).toContain('The version of Kubernetes cannot be read');
  });

  it('gives the reason to all gathered nudges, and none once it works', async () => {
    put({ name: 'a', ...MOUNTS });
    removePolicy();
    const refused = await Promise.all([nudge.nudge(SECRET, BILLING), nudge.nudge(SECRET, BILLING)]);
    for (const refusal of refused) expect(refusal).toContain('is not in force');
    expect(probes()).toHaveLength(1);
    applyPolicy();
    expect(await nudge.check([BILLING])).toBeUndefined();
    expect(await nudge.nudge(SECRET, BILLING)).toBeUndefined();
    const restore = failPatches({ status: 500 });
    expect(await nudge.nudge(SECRET, BILLING)).toContain('cannot be nudged');
    restore();
    watches.close();
    make();
    fake.deny({ verb: 'list', resource: 'pods' });
    expect(await nudge.nudge(SECRET, { ...BILLING, selector: 'app=other' })).toContain('may not list pods');
  });

  it('keeps the last reason while no pod needs a nudge', async () => {
    put({ name: 'a', ...MOUNTS });
    removePolicy();
    expect(await nudge.nudge(SECRET, BILLING)).toContain('is not in force');
    fake.objects.delete(podPath('billing', 'a'));
    expect(await nudge.nudge(SECRET, BILLING)).toContain('is not in force');
  });
});
