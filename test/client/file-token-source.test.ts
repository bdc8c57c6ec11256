import { afterEach, describe, expect, it } from 'vitest';
import { openFileTokenSource } from '../../src/client/file-token-source.ts';
import { ReissueError } from '../../src/core/errors.ts';
import { TokenVolumeError } from '../../src/core/token-volume.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { FakeTokenVolume } from '../fakes/fake-token-volume.ts';
import { failure } from '../support/failure.ts';
import {
  answered,
  type ClientWorld,
  type ClientWorldOptions,
  fileWorld,
  MINUTE,
  successorOf,
  unreachable,
} from '../support/token-source.ts';
import { buildToken } from '../support/tokens.ts';

const SECOND = 1000;
let world: ClientWorld | undefined;
afterEach(() => world?.source.close());

function start(options?: ClientWorldOptions): ClientWorld {
  world = fileWorld(options);
  return world;
}

describe('current()', () => {
  it('returns the token of the volume from the start, without a wait', () => {
    const { source, first } = start();
    const { accessToken, issuedAt, expiresAt, generation, sha256, scope } = source.current();
    expect({ issuedAt, expiresAt, generation, sha256, scope }).toMatchObject({ sha256: first.sha256, scope: 'api' });
    expect(accessToken.reveal() === first.accessToken.reveal()).toBe(true);
  });

  it('follows the volume', () => {
    const { source, volume, first } = start();
    const second = successorOf(first);
    volume.put('dynamics', second);
    expect(source.current().sha256).toBe(second.sha256);
  });

  it('returns the newer token if the volume changes just before the watch begins', () => {
    const second = successorOf(buildToken());
    class ChangesThen extends FakeTokenVolume {
      override watch(changed: () => void): () => void {
        this.putUnheard('dynamics', second);
        return super.watch(changed);
      }
    }
    const volume = new ChangesThen();
    volume.put('dynamics', buildToken());
    const clock = createFakeClock({ now: second.issuedAt });
    const parts = { clock, random: fakeRandom(0), rereadFor: 0, reissuer: undefined, onFault: () => undefined };
    const source = openFileTokenSource({ name: 'dynamics', key: 'dynamics', volume, ...parts });
    expect(source.current().sha256).toBe(second.sha256);
    source.close();
  });

  it('does not read the volume', () => {
    const { source, volume } = start();
    const { reads } = volume;
    for (let call = 0; call < 1000; call += 1) source.current();
    expect(volume.reads).toBe(reads);
  });

  it('never returns an expired token', async () => {
    const { source, clock } = start();
    await clock.advance(60 * MINUTE - 1);
    expect(source.current()).toBeDefined();
    await clock.advance(1);
    expect(() => source.current()).toThrow(
      'The token dynamics expired at 2026-01-01T13:00:00.000Z and no other has come: await ready().',
    );
  });

  it('reports that no token exists yet', () => {
    const { source } = start({ inVolume: undefined });
    expect(() => source.current()).toThrow(
      'There is no token dynamics yet: await ready(). The volume has no dynamics.json yet.',
    );
  });

  it('reports why no token exists', () => {
    const { source } = start({ inVolume: new TokenVolumeError('The key dynamics.json is not JSON.') });
    expect(() => source.current()).toThrow('There is no token dynamics yet: await ready(). The key dynamics.json is');
  });
});

describe('ready()', () => {
  it('returns the token of the volume', async () => {
    const { source, first } = start();
    expect((await source.ready()).sha256).toBe(first.sha256);
  });

  it('waits for the first token for all callers, without a call to the token-acquirer', async () => {
    const { source, volume, clock, first, acquirer } = start({ inVolume: undefined });
    const waiting = Promise.all([source.ready(), source.ready()]);
    await clock.advance(5 * MINUTE);
    volume.put('dynamics', first);
    expect((await waiting).map(({ sha256 }) => sha256)).toEqual([first.sha256, first.sha256]);
    expect(acquirer.reissues).toEqual([]);
  });

  it('finds a first token that no watch reported', async () => {
    const { source, volume, clock, first } = start({ inVolume: undefined });
    const waiting = source.ready();
    volume.putUnheard('dynamics', first);
    await clock.advance(SECOND);
    expect((await waiting).sha256).toBe(first.sha256);
  });

  it('re-reads before it has an expired token reissued', async () => {
    const { source, volume, clock, first, acquirer } = start();
    await clock.advance(60 * MINUTE);
    const second = successorOf(first);
    volume.putUnheard('dynamics', second);
    expect((await source.ready()).sha256).toBe(second.sha256);
    expect(acquirer.reissues).toEqual([]);
  });

  it('has an expired token reissued once for all callers', async () => {
    const { source, clock, first, acquirer, current } = start();
    await clock.advance(60 * MINUTE);
    const tokens = await Promise.all([source.ready(), source.ready(), source.ready()]);
    expect(new Set(tokens.map(({ sha256 }) => sha256))).toEqual(new Set([current().sha256]));
    expect(acquirer.reissues).toEqual([{ name: 'dynamics', rejected: first.sha256 }]);
  });

  it('repeats the reissue call, less and less often, until it succeeds', async () => {
    const { source, clock, acquirer, current } = start();
    acquirer.failure = answered(502);
    await clock.advance(60 * MINUTE);
    const waiting = source.ready();
    await clock.advance(5 * MINUTE);
    expect(acquirer.reissues.length).toBeGreaterThan(5);
    expect(acquirer.reissues.length).toBeLessThan(400);
    acquirer.failure = undefined;
    await clock.advance(MINUTE);
    expect((await waiting).sha256).toBe(current().sha256);
  });

  it('ends with the reason of its signal', async () => {
    const { source } = start({ inVolume: undefined });
    const stop = new AbortController();
    const waiting = failure(source.ready({ signal: stop.signal }));
    stop.abort(new Error('Enough.'));
    expect(await waiting).toMatchObject({ message: 'Enough.' });
    expect(await failure(source.ready({ signal: AbortSignal.abort(new Error('Before.')) }))).toMatchObject({
      message: 'Before.',
    });
  });

  it('ends when the source is closed, and leaves no timer or watch', async () => {
    const { source, volume, clock } = start({ inVolume: undefined });
    const waiting = failure(source.ready());
    source.close();
    expect(await waiting).toMatchObject({ name: 'TokenNotYetAvailable' });
    await clock.settle();
    expect([volume.watching, clock.waiting()]).toEqual([0, 0]);
  });
});

describe('replace()', () => {
  it('returns the newer token that is held, without a read or a call', async () => {
    const { source, volume, first, acquirer } = start();
    const second = successorOf(first);
    volume.put('dynamics', second);
    const { reads } = volume;
    expect((await source.replace(first.sha256)).sha256).toBe(second.sha256);
    expect([volume.reads, acquirer.reissues.length]).toEqual([reads, 0]);
  });

  it('re-reads the volume before it calls the token-acquirer', async () => {
    const { source, volume, first, acquirer } = start();
    const second = successorOf(first);
    volume.putUnheard('dynamics', second);
    expect((await source.replace(first.sha256)).sha256).toBe(second.sha256);
    expect(acquirer.reissues).toEqual([]);
  });

  it('makes one call for a thousand concurrent callers, and current() returns the new token', async () => {
    const { source, first, acquirer, current } = start();
    const tokens = await Promise.all(Array.from({ length: 1000 }, async () => source.replace(first.sha256)));
    expect(acquirer.reissues).toHaveLength(1);
    expect(new Set(tokens.map(({ sha256 }) => sha256))).toEqual(new Set([current().sha256]));
    expect(source.current()).toMatchObject({ sha256: current().sha256, scope: 'api' });
  });

  it('makes another call if the new token is rejected too', async () => {
    const { source, first, acquirer } = start();
    const second = await source.replace(first.sha256);
    const third = await source.replace(second.sha256);
    expect(third.sha256).not.toBe(second.sha256);
    expect(acquirer.reissues.map(({ rejected }) => rejected)).toEqual([first.sha256, second.sha256]);
  });

  it('keeps the new token when the volume shows the rejected one again', async () => {
    const { source, volume, first, current } = start();
    await source.replace(first.sha256);
    volume.put('dynamics', first);
    expect(source.current().sha256).toBe(current().sha256);
  });

  it('returns the token that the volume brings while the token-acquirer does not answer', async () => {
    const { source, volume, first, acquirer, clock } = start();
    acquirer.hold = new Promise(() => {});
    const replacing = source.replace(first.sha256);
    await clock.settle();
    const second = successorOf(first);
    volume.put('dynamics', second);
    expect((await replacing).sha256).toBe(second.sha256);
  });

  it('does not accept the rejected token a second time', async () => {
    const { source, first, acquirer } = start();
    acquirer.reissue = async () => ({
      outcome: 'reissued',
      stored: true,
      generation: 2,
      issuedAt: first.issuedAt + 1,
      expiresAt: first.expiresAt,
      accessToken: first.accessToken,
    });
    expect(await failure(source.replace(first.sha256))).toMatchObject({
      message: 'The token-acquirer gave the rejected token again.',
    });
    expect(source.current().issuedAt).toBe(first.issuedAt);
  });
});

describe('the arrival of a new token in the volume', () => {
  it('is reported with the next reissue call once, except for the first token, whose arrival nobody saw', async () => {
    const { source, volume, first, acquirer, clock, current } = start();
    await source.replace(first.sha256);
    await clock.advance(30 * SECOND);
    const seen = { generation: current().generation, at: clock.now() };
    volume.put('dynamics', current());
    await clock.advance(30 * SECOND);
    await source.replace(current().sha256);
    await source.replace(current().sha256);
    expect(acquirer.sightings).toEqual([undefined, seen, undefined]);
  });

  it('is reported again after a failed call', async () => {
    const { source, volume, first, acquirer, clock, current } = start();
    await source.replace(first.sha256);
    volume.put('dynamics', current());
    const seen = { generation: current().generation, at: clock.now() };
    acquirer.failure = new ReissueError('The token-acquirer answered 502.', { status: 502 });
    await failure(source.replace(current().sha256));
    acquirer.failure = undefined;
    await clock.advance(60 * SECOND);
    await source.replace(current().sha256);
    expect(acquirer.sightings).toEqual([undefined, seen, seen]);
  });
});

describe('a closed source', () => {
  it('requests no reissue', async () => {
    const { source, first, acquirer } = start();
    source.close();
    expect(await failure(source.replace(first.sha256))).toMatchObject({ name: 'TokenNotYetAvailable' });
    expect(acquirer.reissues).toEqual([]);
  });
});

describe('replace() after an answer without a token', () => {
  it('waits for the volume', async () => {
    const { source, volume, first, clock, current, acquirer } = start({ respondWith: 'generation' });
    const replacing = source.replace(first.sha256);
    await clock.advance(9 * SECOND);
    volume.put('dynamics', current());
    expect((await replacing).sha256).toBe(current().sha256);
    expect(acquirer.reissues).toHaveLength(1);
  });

  it('reads the volume once more at the end of the wait, in case the watch missed a change', async () => {
    const { source, volume, first, clock, current } = start({ respondWith: 'generation' });
    const replacing = source.replace(first.sha256);
    await clock.settle();
    volume.putUnheard('dynamics', current());
    await clock.advance(10 * SECOND);
    expect((await replacing).sha256).toBe(current().sha256);
  });

  it('fails after its time', async () => {
    const { source, first, clock } = start({ respondWith: 'generation', rereadFor: 90 * SECOND });
    const replacing = failure(source.replace(first.sha256));
    await clock.advance(90 * SECOND);
    expect(await replacing).toMatchObject({
      name: 'TokenNotYetAvailable',
      message: 'No token dynamics came within 1m30s in place of the one that was rejected or has expired.',
    });
  });
});

describe('replace() without help of the token-acquirer', () => {
  it.each([403, 429, 500, 502, 503])('fails immediately after its answer %d', async (status) => {
    const { source, first, acquirer, faults } = start();
    acquirer.failure = answered(status);
    expect(await failure(source.replace(first.sha256))).toMatchObject({ name: 'ReissueError', status });
    expect(faults.map(({ message }) => message)).toEqual([`The token-acquirer answered ${status}.`]);
    expect(source.current().sha256).toBe(first.sha256);
  });

  it('makes no call before the time in the answer', async () => {
    const { source, first, acquirer, clock } = start();
    acquirer.failure = answered(429, 30 * SECOND);
    await failure(source.replace(first.sha256));
    acquirer.failure = undefined;
    await clock.advance(27 * SECOND);
    expect(await failure(source.replace(first.sha256))).toMatchObject({ status: 429, retryAfter: 3 * SECOND });
    expect(acquirer.reissues).toHaveLength(1);
    await clock.advance(3 * SECOND);
    expect(await source.replace(first.sha256)).toBeDefined();
    expect(acquirer.reissues).toHaveLength(2);
  });

  it('re-reads the volume while the token-acquirer cannot be reached', async () => {
    const { source, volume, first, acquirer, clock } = start();
    acquirer.failure = unreachable();
    const replacing = source.replace(first.sha256);
    await clock.advance(7 * SECOND);
    const second = successorOf(first);
    volume.put('dynamics', second);
    expect((await replacing).sha256).toBe(second.sha256);
  });

  it('repeats the call in the meantime, and succeeds when the token-acquirer is back', async () => {
    const { source, first, acquirer, clock, current } = start();
    acquirer.failure = unreachable();
    const replacing = source.replace(first.sha256);
    await clock.advance(3 * SECOND);
    acquirer.failure = undefined;
    await clock.advance(5 * SECOND);
    expect((await replacing).sha256).toBe(current().sha256);
  });

  it('fails after its time, and immediately from then on', async () => {
    const { source, first, acquirer, clock } = start();
    acquirer.failure = unreachable();
    const replacing = failure(source.replace(first.sha256));
    await clock.advance(10 * SECOND - 1);
    await clock.advance(1);
    expect(await replacing).toMatchObject({ name: 'ReissueError', status: undefined });
    const calls = acquirer.reissues.length;
    expect(await failure(source.replace(first.sha256))).toMatchObject({ status: undefined });
    expect(calls).toBeGreaterThan(2);
    expect(acquirer.reissues.length).toBeLessThan(20);
  });
});

describe('replace() after an answer with a short Retry-After', () => {
  it.each([429, 502, 503])('waits for the Retry-After of a %d, once for all callers', async (status) => {
    const { source, first, acquirer, clock, current } = start();
    acquirer.failure = answered(status, 2 * SECOND);
    const replacing = Promise.all([source.replace(first.sha256), source.replace(first.sha256)]);
    await clock.settle();
    acquirer.failure = undefined;
    await clock.advance(2 * SECOND - 1);
    expect(acquirer.reissues).toHaveLength(1);
    await clock.advance(2 * SECOND);
    expect((await replacing).map(({ sha256 }) => sha256)).toEqual([current().sha256, current().sha256]);
    expect(acquirer.reissues).toHaveLength(2);
  });

  it('waits once for each rejected token', async () => {
    const { source, first, acquirer, clock } = start();
    acquirer.failure = answered(429, SECOND);
    const replacing = failure(source.replace(first.sha256));
    await clock.advance(2 * SECOND);
    expect(await replacing).toMatchObject({ status: 429 });
    expect(acquirer.reissues).toHaveLength(2);
    expect(await failure(source.replace(first.sha256))).toMatchObject({ status: 429 });
  });

  it('does not wait longer than 2 s', async () => {
    const { source, first, acquirer } = start();
    acquirer.failure = answered(429, 2 * SECOND + 1);
    expect(await failure(source.replace(first.sha256))).toMatchObject({ status: 429 });
  });

  it('waits for the rest of a longer pause', async () => {
    const { source, first, acquirer, clock, current } = start();
    acquirer.failure = answered(429, 30 * SECOND);
    await failure(source.replace(first.sha256));
    acquirer.failure = undefined;
    await clock.advance(28 * SECOND);
    const replacing = source.replace(first.sha256);
    await clock.advance(3 * SECOND);
    expect((await replacing).sha256).toBe(current().sha256);
  });

  it('takes a token that the volume brings in the meantime, and ends with the source', async () => {
    const { source, volume, first, acquirer } = start();
    acquirer.failure = answered(429, SECOND);
    const replacing = source.replace(first.sha256);
    const second = successorOf(first);
    volume.put('dynamics', second);
    expect((await replacing).sha256).toBe(second.sha256);
    const again = failure(source.replace(second.sha256));
    source.close();
    expect(await again).toMatchObject({ name: 'TokenNotYetAvailable' });
  });
});

describe('replace() after a clock was set back', () => {
  it('returns the token of the volume, whose time of issue is earlier', async () => {
    const { source, volume, first } = start({ withoutReissue: true });
    const newer = successorOf(first, { issuedAt: first.issuedAt - 60 * MINUTE, expiresAt: first.issuedAt + MINUTE });
    volume.putUnheard('dynamics', newer);
    expect((await source.replace(first.sha256)).sha256).toBe(newer.sha256);
  });

  it('returns it also if its generation is lower, and reports the token that was rejected last', async () => {
    const { source, volume, first, acquirer, current } = start();
    await source.replace(first.sha256);
    const [reissued, lower] = [current(), buildToken({ ...first, ...buildToken({ generation: 0 }) })];
    volume.putUnheard('dynamics', lower);
    expect((await source.replace(reissued.sha256)).sha256).toBe(lower.sha256);
    // The token-acquirer still holds the other one, which was rejected before.
    expect((await source.replace(lower.sha256)).sha256).toBe(current().sha256);
    expect(acquirer.reissues.slice(1).map(({ rejected }) => rejected)).toEqual([lower.sha256, reissued.sha256]);
  });
});

describe('a token that the gateway does not accept yet', () => {
  it('is replaced by the previous token for a second, without a reissue', async () => {
    const { source, volume, first, acquirer, clock } = start();
    source.accepted?.(first.sha256);
    const second = successorOf(first);
    volume.put('dynamics', second);
    expect((await source.replace(second.sha256, { standIn: true })).sha256).toBe(first.sha256);
    expect(source.current().sha256).toBe(first.sha256);
    await clock.advance(SECOND);
    expect(source.current().sha256).toBe(second.sha256);
    expect(acquirer.reissues).toEqual([]);
  });

  it('is reissued together with the previous token if that is rejected, too', async () => {
    const { source, volume, first, acquirer } = start();
    source.accepted?.(first.sha256);
    const second = successorOf(first);
    volume.put('dynamics', second);
    await acquirer.reissue('dynamics', first.sha256);
    await source.replace(second.sha256, { standIn: true });
    await source.replace(first.sha256, { standIn: true });
    expect(acquirer.reissues.at(-1)).toMatchObject({ rejected: second.sha256 });
  });
});

describe('the reason of a reissue call', () => {
  it('is a revocation, a token that was never accepted, or an expired token', async () => {
    const { source, first, acquirer, clock } = start();
    source.accepted?.(first.sha256);
    const second = await source.replace(first.sha256);
    const third = await source.replace(second.sha256);
    source.accepted?.(third.sha256);
    source.replayRejected?.(third.sha256);
    const fourth = await source.replace(third.sha256);
    await clock.advance(fourth.expiresAt - clock.now());
    await source.ready();
    expect(acquirer.causes).toEqual(['revoked', 'never_accepted', 'never_accepted', 'expired']);
  });
});

describe('a clock that is ahead by more than a lifetime', () => {
  const AHEAD = 120 * MINUTE;

  it.each(['token', 'generation'] as const)(
    'does not end calls if the token-acquirer answers with %s',
    async (respondWith) => {
      const { source, clock, acquirer, first, faults } = start({ respondWith, expiresIn: 50 * MINUTE, ahead: AHEAD });
      expect(() => source.current()).toThrow('expired at');
      expect((await source.ready()).sha256).toBe(first.sha256);
      expect(acquirer.causes).toEqual(['expired']);
      await clock.advance(50 * MINUTE - 1);
      expect(source.current().sha256).toBe(first.sha256);
      expect(faults.map(({ message }) => message)).toEqual([
        "The clock of this machine is about 1h50m ahead of the token-acquirer's. Check both clocks.",
      ]);
      await clock.advance(1);
      expect(() => source.current()).toThrow('Check both clocks.');
    },
  );

  it('is reported if an older token-acquirer cannot help', async () => {
    const { source, clock, acquirer, first } = start({ ahead: AHEAD });
    acquirer.respondWith = 'generation';
    const replacing = failure(source.replace(first.sha256));
    await clock.advance(10 * SECOND);
    expect(await replacing).toMatchObject({
      message: expect.stringMatching(/ has expired\. The clock of this machine/),
    });
  });
});

describe('replace() without a reissue endpoint', () => {
  it('returns the token that the volume brings in time', async () => {
    const { source, volume, first, clock } = start({ withoutReissue: true });
    const replacing = source.replace(first.sha256);
    await clock.advance(9 * SECOND);
    const second = successorOf(first);
    volume.put('dynamics', second);
    expect((await replacing).sha256).toBe(second.sha256);
  });

  it('waits once for each rejected token, so that callers are not blocked indefinitely', async () => {
    const { source, volume, first, clock } = start({ withoutReissue: true });
    const waiting = failure(source.replace(first.sha256));
    await clock.advance(10 * SECOND);
    expect(await waiting).toMatchObject({ name: 'TokenNotYetAvailable' });
    expect(await failure(source.replace(first.sha256))).toMatchObject({ name: 'TokenNotYetAvailable' });
    const second = successorOf(first);
    volume.put('dynamics', second);
    const again = source.replace(second.sha256);
    await clock.advance(5 * SECOND);
    volume.put('dynamics', successorOf(second));
    expect(await again).toBeDefined();
  });
});

describe('a volume that holds no token', () => {
  const broken = new TokenVolumeError('The key dynamics.json is empty.');

  it('leaves the last good token in use until it expires', async () => {
    const { source, volume, first, clock } = start();
    volume.put('dynamics', broken);
    await clock.advance(60 * MINUTE - 1);
    expect(source.current().sha256).toBe(first.sha256);
    await clock.advance(1);
    expect(() => source.current()).toThrow('expired');
  });

  it('is reported once, after a second, however often it is read', async () => {
    const { volume, clock, faults } = start();
    volume.put('dynamics', broken);
    await clock.advance(SECOND - 1);
    expect(faults).toEqual([]);
    await clock.advance(1);
    expect(faults).toEqual([broken]);
    volume.put('dynamics', broken);
    await clock.advance(10 * SECOND);
    expect(faults).toEqual([broken]);
  });

  it('is not reported if a write was in progress', async () => {
    const { source, volume, clock, faults, first } = start();
    volume.put('dynamics', broken);
    await clock.advance(SECOND / 2);
    const second = successorOf(first);
    volume.putUnheard('dynamics', second);
    await clock.advance(10 * SECOND);
    expect(faults).toEqual([]);
    expect(source.current().sha256).toBe(second.sha256);
  });

  it('is reported again after it was healthy', async () => {
    const { volume, clock, faults, first } = start();
    for (const content of [broken, first, broken]) {
      volume.put('dynamics', content);
      await clock.advance(2 * SECOND);
    }
    expect(faults).toEqual([broken, broken]);
  });

  it('is reported if a token was removed, and not if none ever existed', async () => {
    const { volume, clock, faults, first } = start({ inVolume: undefined });
    await clock.advance(2 * SECOND);
    expect(faults).toEqual([]);
    volume.put('dynamics', first);
    volume.put('dynamics', undefined);
    await clock.advance(2 * SECOND);
    expect(faults.map(({ message }) => message)).toEqual(['The volume no longer has dynamics.json.']);
  });
});
