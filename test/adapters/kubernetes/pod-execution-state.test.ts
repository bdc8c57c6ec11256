import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPodExecutionState } from '../../../src/adapters/kubernetes/pods/pod-execution-state.ts';
import { createPodWatches } from '../../../src/adapters/kubernetes/pods/pod-watch.ts';
import type { AppPods, Execution, ExecutionState } from '../../../src/ports/execution-state.ts';
import { type AppUnderTest, describeExecutionState } from '../../contract/execution-state.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { createFastClock, type PodBuilder, podObject, podPath } from '../../support/pods.ts';

const BILLING: AppPods = { namespace: 'billing', selector: 'app=billing' };
const SECRET = { namespace: 'billing', secret: 'billing-tokens' };
const SOON = { timeout: 8000, interval: 10 };

function parts(fake: FakeKubernetesApi): { state: ExecutionState<AppPods>; close(): Promise<void> } {
  const clock = createFastClock(50);
  const watches = createPodWatches(fake.connect(), { clock });
  return {
    state: createPodExecutionState(watches, { clock }),
    async close() {
      watches.close();
      await fake.stop();
    },
  };
}

describeExecutionState('Pods at the fake API server', async () => {
  const fake = await startKubernetesApi();
  const { state, close } = parts(fake);

  function appCalled(namespace: string): AppUnderTest {
    const path = podPath(namespace, 'app-1');
    const faults: (() => void)[] = [];
    const clear = (): void => {
      for (const restore of faults.splice(0)) restore();
    };
    return {
      app: { namespace, selector: 'app=billing' },
      async start() {
        clear();
        fake.objects.put(path, podObject({ name: 'app-1' }));
      },
      async stop() {
        if (fake.objects.get(path) !== undefined) fake.objects.delete(path);
      },
      async obscure() {
        for (const verb of ['list', 'watch']) faults.push(fake.deny({ verb, resource: 'pods', namespace }));
        fake.watches.end('close');
      },
    };
  }

  const asAnyApp: ExecutionState = {
    observe: (app) => state.observe(app as AppPods),
    watch: (app, changed) => state.watch(app as AppPods, changed),
    findings: (app, secret) => state.findings(app as AppPods, secret),
  };
  return { state: asAnyApp, apps: [appCalled('billing'), appCalled('orders')], close };
});

/** Returns the sentences of the findings that make a condition false. */
function unhealthy(state: ExecutionState<AppPods>, app: AppPods, secret = SECRET): string[] {
  return state.findings(app, secret).flatMap(({ healthy, message }) => (healthy ? [] : [message]));
}

describe('the pods of a client app', () => {
  let fake: FakeKubernetesApi;
  let state: ExecutionState<AppPods>;
  let close: () => Promise<void>;
  beforeEach(async () => {
    fake = await startKubernetesApi();
    ({ state, close } = parts(fake));
  });
  afterEach(() => close());

  function put(...pods: readonly PodBuilder[]): void {
    for (const pod of pods) fake.objects.put(podPath('billing', pod.name ?? 'billing-app-1'), podObject(pod));
  }

  it.each<{ name: string; pods: PodBuilder[]; execution: Execution }>([
    { name: 'stopped with no pods', pods: [], execution: 'stopped' },
    { name: 'running with a pod that waits for its first token', pods: [{ phase: 'Pending' }], execution: 'running' },
    { name: 'stopped with terminating pods only', pods: [{ deleting: true }], execution: 'stopped' },
    {
      name: 'running with one pod while the others have ended',
      pods: [{ name: 'a', phase: 'Failed' }, { name: 'b', phase: 'Succeeded' }, { name: 'c' }],
      execution: 'running',
    },
    { name: 'stopped with a finished job', pods: [{ phase: 'Succeeded' }], execution: 'stopped' },
    { name: 'stopped with pods of another app only', pods: [{ app: 'orders' }], execution: 'stopped' },
  ])('show the app as $name', async ({ pods, execution }) => {
    put({ name: 'first', app: 'unrelated' }, ...pods);
    state.watch(BILLING, () => {});
    await expect.poll(() => state.observe(BILLING), SOON).toBe(execution);
  });

  it('roll without a moment in which the app seems stopped', async () => {
    put({ name: 'old' });
    const heard: Execution[] = [];
    state.watch(BILLING, () => heard.push(state.observe(BILLING)));
    await expect.poll(() => state.observe(BILLING), SOON).toBe('running');
    put({ name: 'new', phase: 'Pending' });
    put({ name: 'old', deleting: true });
    fake.objects.delete(podPath('billing', 'old'));
    put({ name: 'new' });
    put({ name: 'new', deleting: true });
    await expect.poll(() => state.observe(BILLING), SOON).toBe('stopped');
    expect(heard).toEqual(['running', 'stopped']);
  });

  it('cause a warning if they can never see a new token', async () => {
    const envFrom = [{ secretRef: { name: SECRET.secret } }];
    put({ name: 'a', container: { name: 'app', envFrom } }, { name: 'b', mounts: [SECRET.secret] });
    const warnings = (secret = SECRET): string[] => unhealthy(state, BILLING, secret);
    expect(warnings()).toEqual([]);
    state.watch(BILLING, () => {});
    await expect.poll(() => warnings(), SOON).toHaveLength(1);
    expect(warnings()[0]).toContain('container app of pod a, which reads it into environment');
    expect(warnings({ ...SECRET, secret: 'other' })).toEqual([]);
    expect(warnings({ ...SECRET, namespace: 'orders' })).toEqual([]);
    put({ name: 'a' });
    await expect.poll(() => warnings(), SOON).toEqual([]);
  });

  it.each<{ name: string; pods: PodBuilder[]; reason: string; sentence: string }>([
    {
      name: 'no pod',
      pods: [{ phase: 'Succeeded' }],
      reason: 'NoPodRuns',
      sentence: 'matches no pods in the namespace',
    },
    { name: 'one pod', pods: [{}], reason: 'PodsSelected', sentence: 'matches 1 pod in the namespace billing that is' },
    {
      name: 'several pods except the one of a test',
      pods: [{ name: 'a' }, { name: 'b' }, { name: 'c', annotations: { 'helm.sh/hook': 'test' } }],
      reason: 'PodsSelected',
      sentence: 'matches 2 pods in the namespace billing that are',
    },
  ])('are counted by the selector, with $name', async ({ pods, reason, sentence }) => {
    put(...pods);
    state.watch(BILLING, () => {});
    await expect.poll(() => state.observe(BILLING), SOON).not.toBe('unknown');
    const message = expect.stringContaining(`The selector app=billing ${sentence}`);
    for (const secret of [SECRET, { ...SECRET, namespace: 'orders' }]) {
      const finding = { condition: 'SelectorMatches', healthy: true, reason, message };
      expect(state.findings(BILLING, secret)).toEqual([finding]);
    }
  });

  describe('outside the selector', () => {
    const APP: AppPods = { ...BILLING, secret: SECRET.secret };
    const missed = { app: 'billing-app', mounts: [SECRET.secret], phase: 'Pending' };
    const missing = (): string | undefined =>
      state.findings(APP, SECRET).find(({ condition, healthy }) => condition === 'SelectorMatches' && !healthy)
        ?.message;
    const listsOfAll = (): number =>
      fake.requests.filter(({ path, query }) => path.endsWith('/pods') && !query.get('labelSelector')).length;

    it.each<{ name: string; pod: PodBuilder; execution: Execution }>([
      { name: 'as running while one waits for its first token', pod: missed, execution: 'running' },
      { name: 'as running while one runs', pod: { ...missed, phase: 'Running' }, execution: 'running' },
      {
        name: 'as running while one reads it into its environment',
        pod: { app: 'x', container: { envFrom: [{ secretRef: { name: SECRET.secret } }] } },
        execution: 'running',
      },
      { name: 'as stopped if one is being deleted', pod: { ...missed, deleting: true }, execution: 'stopped' },
      { name: 'as stopped if one has ended', pod: { ...missed, phase: 'Succeeded' }, execution: 'stopped' },
      { name: 'as stopped if one mounts another Secret', pod: { ...missed, mounts: ['other'] }, execution: 'stopped' },
    ])('count by their use of the token Secret $name', async ({ pod, execution }) => {
      put({ name: 'other', app: 'unrelated' }, pod);
      state.watch(APP, () => {});
      await expect.poll(() => state.observe(APP), SOON).toBe(execution);
    });

    it('are followed as they come and go', async () => {
      const heard: Execution[] = [];
      state.watch(APP, () => heard.push(state.observe(APP)));
      await expect.poll(() => state.observe(APP), SOON).toBe('stopped');
      put({ name: 'b', ...missed });
      await expect.poll(() => state.observe(APP), SOON).toBe('running');
      fake.objects.delete(podPath('billing', 'b'));
      await expect.poll(() => state.observe(APP), SOON).toBe('stopped');
      expect(heard[0]).toBe('stopped');
    });

    it('are named, with the selector and their labels, until the selector matches', async () => {
      put({ name: 'b', ...missed });
      const changed = vi.fn<() => void>();
      state.watch(APP, changed);
      await expect.poll(() => state.observe(APP), SOON).toBe('running');
      const before = changed.mock.calls.length;
      await expect
        .poll(missing, SOON)
        .toContain('The pod b uses the Secret billing-tokens and has the labels app=billing-app.');
      expect(changed.mock.calls.length).toBeGreaterThan(before);
      put({ name: 'b', ...missed, app: 'billing' });
      await expect.poll(missing, SOON).toBeUndefined();
      expect(state.observe(APP)).toBe('running');
    });

    it('are not named while the two watches may be at different versions', async () => {
      const slow = createPodExecutionState(createPodWatches(fake.connect(), { clock: createFastClock(50) }), {
        clock: createFastClock(0.001),
      });
      put({ name: 'b', ...missed });
      slow.watch(APP, () => {});
      await expect.poll(() => slow.observe(APP), SOON).toBe('running');
      expect(unhealthy(slow, APP)).toEqual([]);
      expect(slow.findings(APP, SECRET)).toMatchObject([{ condition: 'SelectorMatches', reason: 'PodsNotJudged' }]);
    });

    it('are not named if helm made them for a test, but still count', async () => {
      put({ name: 'test', ...missed, annotations: { 'helm.sh/hook': 'test' } });
      state.watch(APP, () => {});
      await expect.poll(() => state.observe(APP), SOON).toBe('running');
      await pause(200);
      expect(missing()).toBeUndefined();
    });

    it('are not read while the selector matches, or for a Secret of another namespace', async () => {
      put({ name: 'a' }, { name: 'b', ...missed });
      state.watch(APP, () => {});
      await expect.poll(() => state.observe(APP), SOON).toBe('running');
      const elsewhere = { ...BILLING, selector: 'app=none' };
      state.watch(elsewhere, () => {});
      await expect.poll(() => state.observe(elsewhere), SOON).toBe('stopped');
      expect(listsOfAll()).toBe(0);
      put({ name: 'a', phase: 'Succeeded' });
      await expect.poll(missing, SOON).toContain('The pod b');
      expect(listsOfAll()).toBeGreaterThan(0);
    });

    it('leave the state unknown if the pods of the namespace cannot be read', async () => {
      fake.intercept(({ query }) => (query.get('labelSelector') ? undefined : { status: 503 }));
      state.watch(APP, () => {});
      await expect.poll(() => state.findings(APP, SECRET)[0]?.condition, SOON).toBe('ExecutionStateKnown');
      expect(state.observe(APP)).toBe('unknown');
    });

    it('are not watched without a subscriber', async () => {
      put({ name: 'b', ...missed });
      const leave = state.watch(APP, () => {});
      await expect.poll(() => state.observe(APP), SOON).toBe('running');
      leave();
      expect(state.observe(APP)).toBe('unknown');
      await expect.poll(() => fake.watches.open, SOON).toBe(0);
    });
  });

  it.each<{ name: string; app: AppPods; break: () => void; because: string }>([
    {
      name: 'an invalid selector',
      app: { ...BILLING, selector: 'app in (' },
      break: () => {},
      because: '"app in (", which may not be a label selector',
    },
    {
      name: 'a missing permission',
      app: BILLING,
      break: () => void fake.deny({ verb: 'list', resource: 'pods' }),
      because: 'may not list pods',
    },
    {
      name: 'a failing API server',
      app: BILLING,
      break: () => void fake.intercept(() => ({ status: 503 })),
      because: 'the API server failed (503)',
    },
  ])('are reported as unknown with the reason for $name', async ({ app, break: breakIt, because }) => {
    breakIt();
    state.watch(app, () => {});
    await expect.poll(() => state.findings(app, SECRET)[0]?.message, SOON).toContain(because);
    expect(state.observe(app)).toBe('unknown');
    expect(state.findings(app, SECRET)).toHaveLength(1);
  });
});
