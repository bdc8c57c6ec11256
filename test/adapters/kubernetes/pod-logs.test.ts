import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPodLogs, type PodLogs } from '../../../src/adapters/kubernetes/pods/pod-logs.ts';
import { createPodWatches, type PodWatches } from '../../../src/adapters/kubernetes/pods/pod-watch.ts';
import { createSystemClock } from '../../../src/adapters/node/system-clock.ts';
import type { FollowedLog, LogLine, LogState } from '../../../src/ports/app-log.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { createFastClock, podObject, podPath } from '../../support/pods.ts';

/** The factor by which pauses are shorter. */
const FASTER = 50;
const APP: FollowedLog = { namespace: 'billing', selector: 'app=billing' };
const SOON = { timeout: 8000, interval: 10 };

let fake: FakeKubernetesApi;
let opened: (PodLogs | PodWatches)[];

beforeEach(async () => {
  fake = await startKubernetesApi();
  opened = [];
});

afterEach(async () => {
  for (const one of opened) one.close();
  await fake.stop();
});

interface Options {
  readonly log?: FollowedLog;
  readonly needles?: readonly string[];
  /** What else becomes of a line. */
  readonly read?: (line: LogLine) => void;
}

interface Followed {
  readonly lines: LogLine[];
  readonly texts: () => string[];
  readonly counted: { lines: number; gaps: number };
  readonly state: () => LogState | undefined;
  readonly leave: () => void;
}

function put(name: string, started: Readonly<Record<string, number>> = { app: 0 }, phase = 'Running'): string {
  return putFor('billing', name, started, phase);
}

function putFor(app: string, name: string, started: Readonly<Record<string, number>>, phase = 'Running'): string {
  const path = podPath('billing', name);
  fake.objects.put(path, podObject({ name, app, phase, started }));
  for (const container of Object.keys(started)) fake.logs.of(path, container);
  return path;
}

/** Each of these pods has two containers. */
function putPairs(app: string, count: number): void {
  for (let index = 0; index < count; index += 1) putFor(app, `${app}-${index}`, { app: 0, envoy: 0 });
}

function open(clock: Clock = createFastClock(FASTER), most?: number): PodLogs {
  const api = fake.connect();
  const watches = createPodWatches(api, { clock });
  const logs = createPodLogs(api, watches, { clock, ...(most !== undefined && { most }) });
  opened.push(logs, watches);
  return logs;
}

function follow(logs = open(), { log = APP, needles = [], read }: Options = {}): Followed {
  const lines: LogLine[] = [];
  const counted = { lines: 0, gaps: 0 };
  let state: LogState | undefined;
  const leave = logs.follow(log, {
    needles,
    line(line) {
      read?.(line);
      lines.push(line);
    },
    counted(more, gaps) {
      counted.lines += more;
      counted.gaps += gaps;
    },
    changed: (next) => {
      state = next;
    },
  });
  return { lines, texts: () => lines.map(({ text }) => text), counted, state: () => state, leave };
}

const logRequests = () => fake.requests.filter(({ path }) => path.endsWith('/log'));
const write = (pod: string, text: string, container = 'app', at = Date.now()) =>
  fake.logs.of(pod, container).write(text, at);

describe('the log of pods', () => {
  it('is passed on line by line, with its time and its place', async () => {
    const pod = put('a');
    fake.logs.of(pod);
    const { lines } = follow();
    await expect.poll(() => fake.logs.open, SOON).toBe(1);
    const at = Date.now();
    write(pod, 'first', 'app', at);
    write(pod, 'second', 'app', at);
    await expect
      .poll(() => lines, SOON)
      .toEqual([
        { at, text: 'first', pod: 'a', container: 'app' },
        { at, text: 'second', pod: 'a', container: 'app' },
      ]);
    expect(Object.fromEntries(logRequests()[0]?.query ?? [])).toMatchObject({
      container: 'app',
      follow: 'true',
      timestamps: 'true',
    });
  });

  it('is that of all containers and pods, or of one container', async () => {
    const [a, b] = [put('a', { app: 0, envoy: 0 }), put('b', { app: 0 })];
    for (const [pod, container] of [
      [a, 'app'],
      [a, 'envoy'],
      [b, 'app'],
    ] as const)
      fake.logs.of(pod, container);
    const logs = open();
    const [all, one] = [follow(logs), follow(logs, { log: { ...APP, container: 'envoy' } })];
    await expect.poll(() => fake.logs.open, SOON).toBe(4);
    write(a, 'of a');
    write(a, 'of envoy', 'envoy');
    write(b, 'of b');
    await expect.poll(() => all.texts().toSorted(), SOON).toEqual(['of a', 'of b', 'of envoy']);
    expect(one.texts()).toEqual(['of envoy']);
    expect(all.state()).toEqual({ followed: 2, running: 2, fault: undefined });
    expect(one.state()).toEqual({ followed: 1, running: 2, fault: undefined });
  });

  it('is read once for all who follow it, and each gets the lines with its own texts', async () => {
    const pod = put('a');
    fake.logs.of(pod);
    const logs = open();
    const [one, other] = [follow(logs, { needles: ['401'] }), follow(logs, { needles: ['UNAUTH', 'x'] })];
    await expect.poll(() => fake.logs.open, SOON).toBe(1);
    for (const text of ['a 401', 'nothing', 'UNAUTHENTICATED', 'x 401']) write(pod, text);
    await expect.poll(other.texts, SOON).toEqual(['UNAUTHENTICATED', 'x 401']);
    expect(one.texts()).toEqual(['a 401', 'x 401']);
    expect([one.counted.lines, other.counted.lines]).toEqual([4, 4]);
    expect(logRequests()).toHaveLength(1);
    one.leave();
    write(pod, 'x later 401');
    await expect.poll(() => other.texts().at(-1), SOON).toBe('x later 401');
    expect(one.texts()).toHaveLength(2);
    other.leave();
    await expect.poll(() => fake.logs.open, SOON).toBe(0);
  });

  it('begins a minute before, so that a restart misses nothing', async () => {
    const pod = put('a');
    write(pod, 'old', 'app', Date.now() - 120_000);
    write(pod, 'while it was restarted', 'app', Date.now() - 30_000);
    const { texts } = follow();
    await expect.poll(texts, SOON).toEqual(['while it was restarted']);
  });

  it('goes on after a broken connection and after its end, with no line twice and none left out', async () => {
    const pod = put('a');
    const output = fake.logs.of(pod);
    const { texts } = follow();
    await expect.poll(() => fake.logs.open, SOON).toBe(1);
    const expected: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (let line = 0; line < 20; line += 1) {
        write(pod, `${round} ${line}`);
        expected.push(`${round} ${line}`);
      }
      await expect.poll(texts, SOON).toEqual(expected);
      if (round === 1) output.cut();
      else output.end();
      write(pod, `between ${round}`);
      expected.push(`between ${round}`);
      await expect.poll(() => fake.logs.open, SOON).toBe(1);
    }
    await expect.poll(texts, SOON).toEqual(expected);
  });

  it('is opened again soon after a restart of the container', async () => {
    const pod = put('a');
    const output = fake.logs.of(pod);
    const { texts } = follow();
    await expect.poll(() => fake.logs.open, SOON).toBe(1);
    const stop = fake.intercept(({ path }) => (path.endsWith('/log') ? { status: 400 } : undefined));
    output.end();
    // The pauses have become long.
    await expect.poll(() => logRequests().length, SOON).toBeGreaterThan(4);
    stop();
    put('a', { app: 1 });
    write(pod, 'after the restart');
    await expect.poll(texts, SOON).toEqual(['after the restart']);
  });

  it('is that of new pods, too, and is left with a pod', async () => {
    const [a, b] = [podPath('billing', 'a'), podPath('billing', 'b')];
    const { texts, state } = follow();
    await expect.poll(state, SOON).toEqual({ followed: 0, running: 0, fault: undefined });
    for (const pod of [a, b]) fake.logs.of(pod);
    put('a');
    await expect.poll(() => fake.logs.open, SOON).toBe(1);
    put('b');
    await expect.poll(() => fake.logs.open, SOON).toBe(2);
    write(b, 'of b');
    await expect.poll(texts, SOON).toEqual(['of b']);
    fake.objects.delete(a);
    await expect.poll(() => fake.logs.open, SOON).toBe(1);
    expect(state()).toMatchObject({ running: 1 });
  });

  it('is not that of a container that has not started, or of a pod that had ended', async () => {
    put('a', {});
    put('b', { app: 0 }, 'Succeeded');
    const { state } = follow();
    await expect.poll(state, SOON).toEqual({ followed: 0, running: 1, fault: undefined });
    expect(logRequests()).toEqual([]);
  });

  it('is read to the end of a pod that ends', async () => {
    const pod = put('a');
    const output = fake.logs.of(pod);
    const { texts, state } = follow();
    await expect.poll(() => fake.logs.open, SOON).toBe(1);
    put('a', { app: 0 }, 'Succeeded');
    await expect.poll(() => state()?.running, SOON).toBe(0);
    write(pod, 'the last line');
    await expect.poll(texts, SOON).toEqual(['the last line']);
    output.end();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(logRequests()).toHaveLength(1);
  });

  it('is that of 20 pods at most', async () => {
    for (let count = 0; count < 30; count += 1) fake.logs.of(put(`a-${count}`));
    const { state } = follow();
    await expect.poll(() => fake.logs.open, SOON).toBe(20);
    expect(state()).toEqual({ followed: 20, running: 30, fault: undefined });
  });

  it('is cut where a line has a megabyte, and goes on', async () => {
    const pod = put('a');
    fake.logs.of(pod);
    const { lines } = follow();
    await expect.poll(() => fake.logs.open, SOON).toBe(1);
    write(pod, `401 ${'x'.repeat(1_000_000)}`);
    write(pod, 'next');
    await expect.poll(() => lines.length, SOON).toBe(2);
    expect(lines[0]?.text.length).toBeLessThan(16 * 1024);
    expect(lines[1]?.text).toBe('next');
  });

  it('goes on after a line that a listener cannot read, and counts that line', async () => {
    const pod = put('a');
    fake.logs.of(pod);
    const logs = open();
    const failing = follow(logs, {
      read({ text }) {
        if (text === 'poison') throw new TypeError('Cannot convert object to primitive value');
      },
    });
    const other = follow(logs);
    await expect.poll(() => fake.logs.open, SOON).toBe(1);
    for (const text of ['before', 'poison', 'after']) write(pod, text);
    await expect.poll(failing.texts, SOON).toEqual(['before', 'after']);
    expect(other.texts()).toEqual(['before', 'poison', 'after']);
    expect([failing.counted, other.counted]).toEqual([
      { lines: 3, gaps: 1 },
      { lines: 3, gaps: 0 },
    ]);
    expect(logRequests()).toHaveLength(1);
  });

  it('leaves out what is too old, where more comes than can be read', async () => {
    const pod = put('a');
    fake.logs.of(pod);
    const { counted, texts } = follow(open(createSystemClock()), { needles: ['401'] });
    await expect.poll(() => fake.logs.open, SOON).toBe(1);
    const old = Date.now() - 30_000;
    for (let count = 0; count < 12; count += 1) write(pod, 'x'.repeat(500_000), 'app', old);
    await expect.poll(() => counted.gaps, SOON).toBe(1);
    await expect.poll(() => fake.logs.open, SOON).toBe(1);
    write(pod, '401');
    await expect.poll(texts, SOON).toEqual(['401']);
  });
});

describe('the logs of more client apps than can be followed', () => {
  const of = (name: string): Options => ({ log: { namespace: 'billing', selector: `app=${name}` } });
  const fault = ({ state }: Followed) => state()?.fault?.message;

  it('are shared fairly, and those of an app that needs few stay', async () => {
    putPairs('large', 6);
    putPairs('small', 1);
    const logs = open(undefined, 10);
    const large = follow(logs, of('large'));
    await expect.poll(() => fake.logs.open, SOON).toBe(10);
    expect(large.state()?.followed).toBe(5);
    const small = follow(logs, of('small'));
    await expect.poll(small.state, SOON).toEqual({ followed: 1, running: 1, fault: undefined });
    await expect.poll(() => fake.logs.open, SOON).toBe(10);
    const pods = ['small-0', 'large-0', 'large-1', 'large-2', 'large-3'].map((name) => podPath('billing', name));
    for (const pod of pods) for (const container of ['app', 'envoy']) write(pod, 'x', container);
    await expect.poll(() => [small.lines.length, large.lines.length], SOON).toEqual([2, 8]);
  });

  it('are reported as what they are, until there are places again', async () => {
    putPairs('one', 3);
    putPairs('other', 4);
    const logs = open(undefined, 6);
    const one = follow(logs, of('one'));
    await expect.poll(() => one.state()?.followed, SOON).toBe(3);
    const other = follow(logs, of('other'));
    const words = 'logs of the client app are followed, because token-acquirer follows 6 logs in all.';
    await expect
      .poll(() => [fault(one), fault(other)], SOON)
      .toEqual([
        `Only 3 of 6 ${words} Name the container in evidence.log.container, or use a selector that matches fewer pods in clientApp.selector.`,
        `Only 3 of 8 ${words} Name the container in evidence.log.container, or use a selector that matches fewer pods in clientApp.selector.`,
      ]);
    expect(one.state()?.fault?.reason).toBe('LogsExhausted');
    await expect.poll(() => other.state()?.followed, SOON).toBe(2);
    other.leave();
    await expect.poll(one.state, SOON).toEqual({ followed: 3, running: 3, fault: undefined });
    await expect.poll(() => fake.logs.open, SOON).toBe(6);
  });

  it('get the place of a pod that has gone', async () => {
    putPairs('one', 1);
    putPairs('other', 1);
    const logs = open(undefined, 1);
    const one = follow(logs, { log: { ...APP, selector: 'app=one', container: 'app' } });
    await expect.poll(() => one.state()?.followed, SOON).toBe(1);
    const other = follow(logs, { log: { ...APP, selector: 'app=other', container: 'app' } });
    await expect.poll(() => fault(other), SOON).toMatch(/^Only 0 of 1 logs .* in all\. Use a selector/);
    fake.objects.delete(podPath('billing', 'one-0'));
    await expect.poll(other.state, SOON).toEqual({ followed: 1, running: 1, fault: undefined });
  });
});

describe('a log that cannot be read', () => {
  it('is reported immediately where a Role is missing, and again where it is back', async () => {
    const allow = fake.deny({ verb: 'get', resource: 'pods/log' });
    const pod = put('a');
    fake.logs.of(pod);
    const { state, texts } = follow();
    await expect.poll(() => state()?.fault?.reason, SOON).toBe('LogForbidden');
    expect(state()?.fault?.message).toBe(
      'The logs of pods in the namespace billing cannot be read: system:serviceaccount:token-acquirer:token-acquirer may not get pods/log in the namespace billing (403). Allow it by a Role in the namespace billing (verb get, resource pods/log) and a RoleBinding. A namespace that is missing or being deleted looks the same.',
    );
    allow();
    await expect.poll(() => state()?.fault, SOON).toBeUndefined();
    write(pod, 'now');
    await expect.poll(texts, SOON).toEqual(['now']);
  });

  it('is reported where no pod has the container, until one has', async () => {
    put('a', { billing: 0, envoy: 0 });
    const { state } = follow(open(), { log: { ...APP, container: 'app' } });
    await expect
      .poll(() => state()?.fault, SOON)
      .toEqual({
        reason: 'ContainerMissing',
        message:
          'No pod in the namespace billing that the selector app=billing matches has the container app. The pod a has billing, envoy. Correct evidence.log.container in the configuration.',
      });
    fake.logs.of(put('b', { app: 0 }));
    await expect.poll(state, SOON).toEqual({ followed: 1, running: 2, fault: undefined });
  });

  it('is reported where the pods cannot be listed', async () => {
    fake.deny({ verb: 'list', resource: 'pods' });
    const { state } = follow();
    await expect.poll(() => state()?.fault?.reason, SOON).toBe('LogUnavailable');
    expect(state()?.fault?.message).toContain('may not list pods');
  });

  it('is reported where the API server fails for half a minute, not before', async () => {
    const pod = put('a');
    fake.logs.of(pod);
    const began = performance.now();
    fake.intercept(({ path }) => (path.endsWith('/log') ? { status: 500 } : undefined));
    const { state } = follow();
    await expect.poll(() => state()?.fault?.reason, SOON).toBe('LogUnavailable');
    expect(performance.now() - began).toBeGreaterThan(30_000 / FASTER);
    expect(state()?.fault?.message).toContain('the API server failed (500)');
  });

  it('is looked for twice a second for half a minute after a container was created, then less often', async () => {
    fake.intercept(({ path }) => (path.endsWith('/log') ? { status: 400 } : undefined));
    put('a');
    follow();
    await expect.poll(() => logRequests().length, SOON).toBeGreaterThan(10);
    await new Promise((resolve) => setTimeout(resolve, (2 * 30_000) / FASTER));
    const before = logRequests().length;
    await new Promise((resolve) => setTimeout(resolve, 30_000 / FASTER));
    expect(logRequests().length - before).toBeLessThan(5);
  });

  it('is no error while the container is being created', async () => {
    fake.intercept(({ path }) => (path.endsWith('/log') ? { status: 400 } : undefined));
    put('a');
    const { state } = follow();
    await expect.poll(() => logRequests().length, SOON).toBeGreaterThan(3);
    expect(state()?.fault).toBeUndefined();
  });
});
