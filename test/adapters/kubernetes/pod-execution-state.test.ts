import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPodExecutionState } from '../../../src/adapters/kubernetes/pod-execution-state.ts';
import { createPodWatches } from '../../../src/adapters/kubernetes/pod-watch.ts';
import type { Execution, ExecutionState, SelectedPods } from '../../../src/ports/execution-state.ts';
import { type AppUnderTest, describeExecutionState } from '../../contract/execution-state.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { createFastClock, type PodBuilder, podObject, podPath } from '../../support/pods.ts';

const BILLING: SelectedPods = { namespace: 'billing', selector: 'app=billing' };
const SECRET = { namespace: 'billing', secret: 'billing-tokens' };
const SOON = { timeout: 8000, interval: 10 };

function parts(fake: FakeKubernetesApi): { state: ExecutionState<SelectedPods>; close(): Promise<void> } {
  const watches = createPodWatches(fake.connect(), { clock: createFastClock(50) });
  return {
    state: createPodExecutionState(watches),
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
    observe: (app) => state.observe(app as SelectedPods),
    watch: (app, changed) => state.watch(app as SelectedPods, changed),
    warnings: (app, secret) => state.warnings(app as SelectedPods, secret),
  };
  return { state: asAnyApp, apps: [appCalled('billing'), appCalled('orders')], close };
});

describe('The pods of a client app', () => {
  let fake: FakeKubernetesApi;
  let state: ExecutionState<SelectedPods>;
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
    { name: 'none at all: stopped', pods: [], execution: 'stopped' },
    { name: 'one that waits for its first token: running', pods: [{ phase: 'Pending' }], execution: 'running' },
    { name: 'all of them about to go: stopped', pods: [{ deleting: true }], execution: 'stopped' },
    {
      name: 'one of many that have ended: running',
      pods: [{ name: 'a', phase: 'Failed' }, { name: 'b', phase: 'Succeeded' }, { name: 'c' }],
      execution: 'running',
    },
    { name: 'a finished job: stopped', pods: [{ phase: 'Succeeded' }], execution: 'stopped' },
    { name: 'pods of another app alone: stopped', pods: [{ app: 'orders' }], execution: 'stopped' },
  ])('say whether it runs; $name', async ({ pods, execution }) => {
    put({ name: 'first', app: 'unrelated' }, ...pods);
    state.watch(BILLING, () => {});
    await expect.poll(() => state.observe(BILLING), SOON).toBe(execution);
  });

  it('roll without a moment in which it seems stopped', async () => {
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

  it('are warned of where they can never see a new token', async () => {
    const envFrom = [{ secretRef: { name: SECRET.secret } }];
    put({ name: 'a', container: { name: 'app', envFrom } }, { name: 'b', mounts: [SECRET.secret] });
    expect(state.warnings(BILLING, SECRET)).toEqual([]);
    state.watch(BILLING, () => {});
    await expect.poll(() => state.warnings(BILLING, SECRET), SOON).toHaveLength(1);
    expect(state.warnings(BILLING, SECRET)[0]).toContain('container app of pod a, which reads it into environment');
    expect(state.warnings(BILLING, { ...SECRET, secret: 'other' })).toEqual([]);
    expect(state.warnings(BILLING, { ...SECRET, namespace: 'orders' })).toEqual([]);
    put({ name: 'a' });
    await expect.poll(() => state.warnings(BILLING, SECRET), SOON).toEqual([]);
  });

  it.each<{ name: string; app: SelectedPods; break: () => void; because: string }>([
    {
      name: 'a selector that is none',
      app: { ...BILLING, selector: 'app in (' },
      break: () => {},
      because: '"app in (", which may not be a label selector',
    },
    {
      name: 'a right that is missing',
      app: BILLING,
      break: () => void fake.deny({ verb: 'list', resource: 'pods' }),
      because: 'may not list pods',
    },
    {
      name: 'an API server that fails',
      app: BILLING,
      break: () => void fake.intercept(() => ({ status: 503 })),
      because: 'the API server failed (503)',
    },
  ])('are said to be unknown, and why: $name', async ({ app, break: breakIt, because }) => {
    breakIt();
    state.watch(app, () => {});
    await expect.poll(() => state.warnings(app, SECRET).join(), SOON).toContain(because);
    expect(state.observe(app)).toBe('unknown');
    expect(state.warnings(app, SECRET)).toHaveLength(1);
  });
});
