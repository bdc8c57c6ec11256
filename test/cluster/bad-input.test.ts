import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { TokenReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { until } from '../support/until.ts';
import type { Passed } from './bad-input/counting-proxy.ts';
import { HEALTHY, ILLNESSES, type Illness } from './bad-input/illnesses.ts';
import { emptySecret, podOf } from './bad-input/objects.ts';
import { CALLER, Place, type Running, type Wanted } from './bad-input/place.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

// Most of the time passes in waiting, and side by side.
vi.setConfig({ maxConcurrency: 30 });

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** Everything is looked at again after 30 s; the rest is for a busy machine. */
const SOON = 50 * SECOND;
/** From issue to storage, on a busy machine. */
const LONGEST_STORE = 2 * SECOND;
const MOVED_CLOCK = join(import.meta.dirname, '../fixtures/moved-clock.ts');

const isWell = ({ state, stored, conditions }: TokenReport): boolean =>
  state === 'Valid' && stored && isTrue(conditions, 'ExecutionStateKnown') && isTrue(conditions, 'PodsFollow');

/** Or was issued a moment ago, and is just being stored. */
const isUndisturbed = (report: TokenReport): boolean =>
  isWell({ ...report, stored: report.stored || Date.now() - Date.parse(report.issued_at ?? '') < LONGEST_STORE });

/** Or nothing is said of it. */
function isTrue(conditions: TokenReport['conditions'], type: string): boolean {
  return conditions.find((condition) => condition.type === type)?.status !== 'False';
}

describeInCluster('Bad input', (cluster) => {
  let place: Place;
  let running: Running;
  const places = new Map<string, Wanted>();
  const healthy: Wanted[] = [];
  /** What was wrong with a healthy token at any time. */
  const disturbances: string[] = [];
  let observing = true;
  let observed: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    place = await Place.open(cluster());
    await Promise.all(ILLNESSES.map(locate));
    for (const { secret, selector } of HEALTHY)
      healthy.push(wantedAs({ secret, selector, namespace: place.apps.name }));
    const shared = [...places.values(), ...healthy].filter(({ namespace }) => namespace === place.apps.name);
    const skewed = ['ahead', 'behind'];
    await place.grant(place.apps.name, ...shared.map(({ secret }) => secret), ...skewed);
    await Promise.all(
      [...healthy.map(({ secret }) => secret), ...skewed].map((secret) =>
        place.apply(emptySecret(place.apps.name, secret)),
      ),
    );
    for (const wanted of healthy) if (wanted.selector !== undefined) await place.apply(podOf(wanted, 'volume'));
    await Promise.all(ILLNESSES.map(async (illness) => illness.prepare?.(place, wantedOf(illness))));
    running = await place.run([...places.values(), ...healthy]);
    for (const wanted of healthy)
      await until('a healthy token', async () => isWell(await running.report(wanted)), SOON);
    observed = observe();
  }, CLUSTER_TIMEOUT);

  afterAll(async () => {
    observing = false;
    await observed;
    await place?.close();
  }, MINUTE);

  async function locate({ secret, selector, where }: Illness): Promise<void> {
    const namespaces = {
      shared: () => place.apps.name,
      own: () => place.namespace(),
      absent: () => place.absentNamespace(),
    };
    const wanted = wantedAs({ secret, selector, namespace: await namespaces[where]() });
    places.set(secret, wanted);
    if (where === 'own') await place.grant(wanted.namespace, secret);
  }

  function wantedOf({ secret }: Illness): Wanted {
    const wanted = places.get(secret);
    if (wanted === undefined) throw new Error(`There is no Secret ${secret}.`);
    return wanted;
  }

  function requestsOf({ namespace, secret }: Wanted): readonly Passed[] {
    const secrets = running.proxy.since(0, `/${namespace}/secrets/`);
    return secrets.filter(({ path }) => path.endsWith(`/${secret}`));
  }

  async function observe(): Promise<void> {
    while (observing) {
      for (const wanted of healthy) {
        const report = await running.report(wanted);
        if (!isUndisturbed(report)) disturbances.push(JSON.stringify(report));
      }
      await pause(SECOND / 2);
    }
  }

  it.concurrent.for(ILLNESSES)(
    'reports a Secret that $sentence, and its token is healthy soon after it is fixed',
    async (illness, { expect: expected }) => {
      const { type, reason } = illness.condition;
      const wanted = wantedOf(illness);
      const isHealthy = async (): Promise<boolean> => isWell(await running.report(wanted));
      if (illness.spoil !== undefined) {
        await until('The first token', isHealthy, SOON);
        await illness.spoil(place, wanted);
      }
      const sentences = illness.says(wanted);
      const message = async (): Promise<string> => {
        const condition = await running.condition(wanted, type);
        return condition?.status === 'False' ? condition.message : '';
      };
      await expected.poll(message, { timeout: SOON, interval: SECOND / 2 }).toContain(sentences[0]);
      for (const words of sentences) expected(await message()).toContain(words);
      expected((await running.condition(wanted, type))?.reason).toBe(reason);
      expected((await running.report(wanted)).state).toBe(illness.state);
      if (illness.event !== undefined) {
        const events = async () => (await place.events(wanted)).filter((event) => event.reason === illness.event);
        const one = { type: 'Warning', message: expected.stringContaining(sentences[0] ?? '') as unknown };
        await expected.poll(events, { timeout: SOON, interval: SECOND }).toEqual([expected.objectContaining(one)]);
      }
      if (illness.logged !== undefined) {
        const said = (): boolean =>
          running.warnings().some((line) => line.includes(wanted.namespace) && line.includes(illness.logged ?? ''));
        await until('The warning in the log', said, SOON);
      }
      if (illness.fix === undefined) return;
      await illness.fix(place, wanted);
      if (illness.reselected === true) {
        places.set(illness.secret, { ...wanted, selector: `app=${illness.secret}` });
        running.configure([...places.values(), ...healthy]);
      }
      await until(`The end of it (${illness.sentence})`, isHealthy, SOON);
    },
  );

  it.concurrent.each([
    ['ahead', 60 * MINUTE, 'It has expired.', 'ahead of'],
    ['behind', -60 * MINUTE, 'It is not valid yet.', 'behind'],
  ])('reports a clock that is an hour %s, and asks for nothing in a loop', async (secret, off, refusal, words) => {
    const wanted = { namespace: place.apps.name, secret };
    const options = { node: ['--import', MOVED_CLOCK], env: { MOVED_CLOCK: String(off) } };
    const moved = await place.run([wanted], options);
    await until('The token', async () => isWell(await moved.report(wanted)), SOON);
    const requests = moved.process.count('token-issued');
    await until(
      'The warning',
      () => moved.warnings().some((line) => line.includes(`${words} that of the API server`)),
      SOON,
    );
    const token = await place.serviceAccountToken(CALLER, '--audience=token-acquirer');
    const path = `/v1/namespaces/${wanted.namespace}/secrets/${secret}/tokens/dynamics/reissue`;
    const body = { rejected_sha256: '0'.repeat(64), error: 'invalid_token' };
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const url = new URL(path, await moved.process.url('reissue'));
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(answer.status).toBe(401);
    const rejection = `A call of the reissue endpoint was rejected. ${refusal}`;
    await until('The warning of it', () => moved.warnings().some((line) => line.includes(rejection)), SOON);
    const from = performance.now();
    await pause(15 * SECOND);
    expect(moved.process.count('token-issued') - requests).toBeLessThanOrEqual(1);
    expect(moved.proxy.since(from).length).toBeLessThanOrEqual(10);
    expect((await moved.report(wanted)).state).toBe('Valid');
    expect(moved.process.lines.filter(({ event }) => event === 'cycle-failed')).toEqual([]);
  });

  it('leaves healthy tokens as they were', async () => {
    const times = ({ namespace, secret }: Wanted, kind: string): number[] =>
      running.process.lines
        .filter((line) => line['event'] === kind && line['token'] === `${namespace}/${secret}/dynamics`)
        .map((line) => Date.parse(String(line['time'])));
    const isRenewed = (wanted: Wanted): boolean => times(wanted, 'token-stored').length >= 2;
    await until('Their renewal', () => healthy.every(isRenewed), SOON);
    for (const wanted of healthy) {
      const [issued, stored] = [times(wanted, 'token-issued'), times(wanted, 'token-stored')];
      expect(Math.max(...stored.map((at, index) => at - (issued[index] ?? 0)))).toBeLessThan(LONGEST_STORE);
      // One write for each token after the first, one look each half minute, and a few at the beginning.
      const minutes = (performance.now() - running.startedAt) / MINUTE;
      expect(requestsOf(wanted).length).toBeLessThanOrEqual(4 + 4 * minutes);
    }
    expect(disturbances).toEqual([]);
  });

  it('asks little of the API server while a Secret is wrong', () => {
    const minutes = (performance.now() - running.startedAt) / MINUTE;
    expect(minutes).toBeGreaterThan(0.5);
    const busy: string[] = [];
    for (const illness of ILLNESSES.filter(({ fix }) => fix === undefined)) {
      const { namespace } = wantedOf(illness);
      const ofSecret = requestsOf(wantedOf(illness));
      if (ofSecret.length > 4 + 8 * minutes) busy.push(`${illness.sentence}: ${ofSecret.length}`);
      if (illness.where !== 'shared') {
        const ofPods = running.proxy.since(0, `/${namespace}/pods`);
        if (ofPods.length > 8 + 3 * minutes) busy.push(`${illness.sentence}: ${ofPods.length} of pods`);
      }
    }
    expect(busy).toEqual([]);
    expect(running.proxy.passed.length).toBeLessThanOrEqual((20 + 15 * minutes) * (ILLNESSES.length + HEALTHY.length));
  });

  it('logs no token in any of it', async () => {
    const status = JSON.stringify(await running.process.status());
    const log = JSON.stringify(running.process.lines);
    const events = JSON.stringify(await Promise.all([...places.values()].map((wanted) => place.events(wanted))));
    expect(place.issued.length).toBeGreaterThan(ILLNESSES.length);
    for (const token of place.issued) {
      for (const text of [status, log, events, await running.process.metrics()])
        expect(text.includes(token)).toBe(false);
    }
  });
});

/** Without a selector that is `undefined`. */
function wantedAs({
  namespace,
  secret,
  selector,
}: {
  namespace: string;
  secret: string;
  selector: string | undefined;
}): Wanted {
  return { namespace, secret, ...(selector !== undefined && { selector }) };
}
