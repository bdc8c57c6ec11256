import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import { CredentialReadings } from '../../src/token-acquirer/token/credential-readings.ts';
import { Intervals } from '../../src/token-acquirer/token/intervals.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { FakeCredentialSource } from '../fakes/fake-credential-source.ts';
import { createWorld, minutes, seconds, specification, start } from '../support/acquirer.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';

function readings() {
  const [first, second] = [secret('first'), secret('second')];
  const source = new FakeCredentialSource({ dynamics: { client_id: 'billing', client_secret: first } });
  const shared = new CredentialReadings(source);
  const begin = (name = 'dynamics') => {
    const reader = shared.begin(name);
    return {
      end: () => reader.end(),
      secret: async (of = name) => (await reader.read(of, ['client_id'])).values.client_secret?.reveal(),
    };
  };
  return { source, shared, begin, first, second };
}

describe('a reading of a credential', () => {
  it('serves every request that began before it', async () => {
    const { source, begin, first } = readings();
    const requests = Array.from({ length: 1000 }, () => begin());
    const read = await Promise.all(requests.map((request) => request.secret()));
    expect(new Set(read)).toEqual(new Set([first]));
    expect(source.reads).toBe(1);
  });

  it('serves those that read later, if they began before it', async () => {
    const { source, begin } = readings();
    const [early, late] = [begin(), begin()];
    await early.secret();
    early.end();
    await late.secret();
    expect(source.reads).toBe(1);
  });

  it('does not serve a request that began after it', async () => {
    const { source, begin, first, second } = readings();
    const early = begin();
    expect(await early.secret()).toBe(first);
    // Without a call to the watchers, as if the watch had missed it.
    source.set('dynamics', { client_id: 'billing', client_secret: second });
    expect(await begin().secret()).toBe(second);
  });

  it('serves nobody beyond a change that was noticed', async () => {
    const { source, shared, begin, first, second } = readings();
    const [early, waiting] = [begin(), begin()];
    expect(await early.secret()).toBe(first);
    source.set('dynamics', { client_id: 'billing', client_secret: second });
    shared.changed('dynamics');
    expect(await waiting.secret()).toBe(second);
  });

  it('is not shared where it failed', async () => {
    const { source, begin, first } = readings();
    const [one, other] = [begin(), begin()];
    source.fail('dynamics', new StoreError('Too many files are open.'));
    expect(await failure(one.secret())).toBeInstanceOf(StoreError);
    source.set('dynamics', { client_id: 'billing', client_secret: first });
    expect(await other.secret()).toBe(first);
  });

  it('is forgotten when the last of its requests has ended', async () => {
    const { source, begin } = readings();
    const one = begin();
    await one.secret();
    one.end();
    await begin().secret();
    expect(source.reads).toBe(2);
  });

  it('is of the credential that the configuration names by now', async () => {
    const { source, begin } = readings();
    const other = secret('other');
    const request = begin();
    source.set('graph', { client_id: 'graph', client_secret: other });
    expect(await request.secret('graph')).toBe(other);
  });
});

describe('tokens of one credential that are due together', () => {
  it('read it once for all of their requests', async () => {
    const world = createWorld();
    const specifications = Array.from({ length: 1000 }, (_, index) =>
      specification({ identity: { namespace: 'billing', secret: `tokens-${index}`, name: 'dynamics' } }),
    );
    const { kinds } = await start(world, { specifications });
    await world.clock.advance(seconds(5));
    expect(kinds().filter((kind) => kind === 'token-issued')).toHaveLength(1000);
    // One of them looks at the credential, whether or not a request is due.
    expect(world.credentials.reads).toBeLessThanOrEqual(2);
  });
});

describe('the interval of a credential', () => {
  function intervals() {
    const clock = createFakeClock();
    let looks = 0;
    const source = new FakeCredentialSource();
    const kept = new Intervals({
      clock,
      credentials: {
        interval: (name) => {
          looks += 1;
          return source.interval(name);
        },
      },
    });
    return { clock, source, kept, looks: () => looks };
  }

  it('is read once for all tokens within 15 s', async () => {
    const { clock, kept, looks } = intervals();
    for (let turn = 0; turn < 100; turn += 1) await kept.of('dynamics');
    expect(looks()).toBe(1);
    await clock.advance(seconds(15));
    await kept.of('dynamics');
    expect(looks()).toBe(2);
  });

  it('is looked at again after a change', async () => {
    const { source, kept } = intervals();
    expect(await kept.of('dynamics')).toBeUndefined();
    source.setInterval('dynamics', minutes(10));
    kept.changed('dynamics');
    expect(await kept.of('dynamics')).toBe(minutes(10));
  });

  it('is looked at again after a failure of the volume', async () => {
    const clock = createFakeClock();
    let fails = true;
    const interval = async (): Promise<number> => {
      if (fails) throw new StoreError('Too many files are open.');
      return minutes(10);
    };
    const kept = new Intervals({ clock, credentials: { interval } });
    expect(await failure(kept.of('dynamics'))).toBeInstanceOf(StoreError);
    fails = false;
    expect(await kept.of('dynamics')).toBe(minutes(10));
  });
});
