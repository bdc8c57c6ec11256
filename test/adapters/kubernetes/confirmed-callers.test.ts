import { describe, expect, it, vi } from 'vitest';
import {
  type ConfirmedCallers,
  createConfirmedCallers,
} from '../../../src/adapters/kubernetes/callers/confirmed-callers.ts';
import type { Caller } from '../../../src/ports/caller-authenticator.ts';
import { createFakeClock, type FakeClock } from '../../fakes/fake-clock.ts';

const BILLING: Caller = { name: 'system:serviceaccount:billing:billing-app', instance: 'pod-1' };
const MINUTE = 60_000;

function create(): {
  callers: ConfirmedCallers;
  clock: FakeClock;
  onUnreachable: () => void;
  confirm(c: Caller): void;
} {
  const clock = createFakeClock();
  const onUnreachable = vi.fn<() => void>();
  const callers = createConfirmedCallers({ clock, onUnreachable });
  const confirm = (caller: Caller): void =>
    callers.confirm(caller, { wall: clock.now(), monotonic: clock.monotonic() });
  return { callers, clock, onUnreachable, confirm };
}

describe('callers that a review confirmed', () => {
  it('are known for ten minutes, each pod separately', async () => {
    const { callers, clock, confirm } = create();
    confirm(BILLING);
    expect(callers.has({ ...BILLING })).toBe(true);
    expect(callers.has({ ...BILLING, instance: 'pod-2' })).toBe(false);
    expect(callers.has({ name: BILLING.name })).toBe(false);
    await clock.advance(10 * MINUTE - 1);
    expect(callers.has(BILLING)).toBe(true);
    await clock.advance(1);
    expect(callers.has(BILLING)).toBe(false);
  });

  it('are forgotten when a review denies them', () => {
    const { callers, confirm } = create();
    confirm(BILLING);
    callers.remove(BILLING);
    expect(callers.has(BILLING)).toBe(false);
  });

  it('are at most a thousand, and a new one replaces the oldest', () => {
    const { callers, confirm } = create();
    const pods = Array.from({ length: 1001 }, (_, index): Caller => ({ ...BILLING, instance: `pod-${index}` }));
    for (const pod of pods) confirm(pod);
    expect(pods.filter((pod) => callers.has(pod))).toEqual(pods.slice(1));
  });

  it('get the answer of the review if one exists, whatever it is', async () => {
    const { callers, clock, onUnreachable } = create();
    expect(await callers.answerOf(BILLING, () => Promise.resolve(BILLING))).toBe(BILLING);
    expect(await callers.answerOf(BILLING, () => Promise.resolve(undefined))).toBeUndefined();
    const failing = callers.answerOf(BILLING, () => Promise.reject(new Error('unusable')));
    await expect(failing).rejects.toThrow('unusable');
    expect(onUnreachable).not.toHaveBeenCalled();
    expect(clock.waiting()).toBe(0);
  });

  it('are admitted without a review for two seconds after an unanswered one', async () => {
    const { callers, clock, onUnreachable } = create();
    const hung = callers.answerOf(BILLING, () => new Promise(() => {}));
    await clock.advance(2000);
    expect(await hung).toBe(BILLING);
    const review = vi.fn<() => Promise<undefined>>(() => Promise.resolve(undefined));
    expect(await callers.answerOf(BILLING, review)).toBe(BILLING);
    expect(review).not.toHaveBeenCalled();
    expect(onUnreachable).toHaveBeenCalledTimes(2);
    await clock.advance(2000);
    expect(await callers.answerOf(BILLING, review)).toBeUndefined();
  });
});
