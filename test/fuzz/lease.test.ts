import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseReplicaAddress } from '../../src/adapters/http/replica-address.ts';
import { forwardedBy, forwardedTo } from '../../src/core/forwarded-call.ts';
import type { Instant } from '../../src/core/instant.ts';
import { changeIn, decideLease, leaderAt, roleAt } from '../../src/core/leadership.ts';
import {
  asking,
  claimed,
  claimOf,
  doubted,
  endOf,
  failed,
  isHeld,
  LEASE_DURATION,
  type LeaseRecord,
  type LeaseView,
  observed,
  podOf,
  RENEW_DEADLINE,
  suspected,
  unknownLease,
} from '../../src/core/lease.ts';
import { expectLinear, expectTime, fuzz } from '../support/fuzz.ts';
import { damaged, hostileText } from '../support/hostile.ts';

const START = Date.UTC(2026, 10, 30);
const SELF = {
  identity: 'token-acquirer-7d4f-abcde_01234567',
  isPod: true,
  address: '10.0.0.7:8443',
  assignment: '1',
  deployment: 'token-acquirer',
};

/** A record that anyone may have written who may edit the Lease. */
const records: fc.Arbitrary<LeaseRecord> = fc.record({
  version: fc.constantFrom('1', '2', '3'),
  holder: fc.oneof(
    fc.constantFrom(
      undefined,
      SELF.identity,
      'token-acquirer-7d4f-fghij_89abcdef',
      'token-acquirer-7d4f-abcde_ffffffff',
    ),
    hostileText,
  ),
  address: fc.constantFrom(undefined, '10.0.0.8:8443', 'evil.example:443'),
  assignment: fc.oneof(fc.constantFrom(undefined, '1', '2'), hostileText),
  duration: fc.constantFrom(undefined, 0, -1, 1000, 60_000, 2 ** 31 * 1000),
  acquiredAt: fc.constantFrom(undefined, 0, START, 8.64e15),
  renewedAt: fc.constantFrom(undefined, 0, START, START + 1),
  transitions: fc.constantFrom(0, 1, 2 ** 31 - 1),
});

type Step =
  | { readonly kind: 'read' | 'claimed'; readonly record: LeaseRecord }
  | { readonly kind: 'failed'; readonly permanent: boolean }
  | { readonly kind: 'asking' | 'suspected' | 'doubted' };

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('read' as const, 'claimed' as const), record: records }),
  fc.record({ kind: fc.constant('failed' as const), permanent: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('asking' as const, 'suspected' as const, 'doubted' as const) }),
);
/** Both clocks go on, the wall clock also back, and either may jump. */
const paces = fc.record({
  monotonic: fc.constantFrom(0, 1, 5000, 21_000, 41_000, 61_000),
  wall: fc.constantFrom(-3_600_000, 0, 1, 5000, 21_000, 41_000, 3_600_000),
});

function after(view: LeaseView, step: Step, now: Instant): LeaseView {
  switch (step.kind) {
    case 'read':
      return observed(view, step.record, now);
    case 'claimed':
      return claimed(view, { ...step.record, holder: SELF.identity }, { begun: now, now });
    case 'failed':
      return failed(view, { permanent: step.permanent, missing: false, message: 'It failed.' }, now);
    case 'asking':
      return asking(view);
    case 'suspected':
      return suspected(view);
    case 'doubted':
      return doubted(view);
  }
}

function expectView(view: LeaseView, now: Instant, claimedAt: number | undefined): void {
  const role = roleAt(view, now);
  // Nobody leads by an edited record, but only by a write of its own that was recent.
  if (role === 'leading') {
    expect(isHeld(view)).toBe(true);
    expect(now.monotonic - (claimedAt ?? Number.NEGATIVE_INFINITY)).toBeLessThan(RENEW_DEADLINE);
  }
  // An edited duration keeps the others away no longer than usual.
  expect(endOf(view) - view.seenAt).toBeLessThanOrEqual(LEASE_DURATION);
  const decision = decideLease(view, now);
  if (decision.kind === 'wait') {
    expect(decision.after).toBeGreaterThan(0);
    expect(decision.after).toBeLessThanOrEqual(LEASE_DURATION);
  }
  const claim = claimOf(view, now);
  expectTime(claim.acquiredAt);
  expect(claim.transitions).toBeLessThanOrEqual(2 ** 31 - 1);
  expect(changeIn(view, now)).toBeGreaterThan(0);
  const leader = leaderAt(view, now);
  if (leader !== undefined) expect(leader.pod).toMatch(/^[A-Za-z0-9.-]{1,253}$/);
}

describe('a Lease that anyone may have edited', () => {
  it('makes nobody lead without a write of its own, and keeps nobody away for longer than usual', () => {
    fuzz(
      fc.array(fc.tuple(steps, paces), { maxLength: 12 }),
      (all) => {
        let now: Instant = { wall: START, monotonic: 1000 };
        let view = unknownLease(SELF);
        let claimedAt: number | undefined;
        for (const [step, pace] of all) {
          now = { wall: now.wall + pace.wall, monotonic: now.monotonic + pace.monotonic };
          view = after(view, step, now);
          if (step.kind === 'claimed') claimedAt = now.monotonic;
          expectView(view, now, claimedAt);
        }
      },
      1500,
    );
  });

  it('names a pod that a message can show', () => {
    fuzz(hostileText, (text) => expect(podOf(text)).toMatch(/^[A-Za-z0-9.-]{1,253}$/));
    expectLinear(podOf, ['a', '_', '-', '.', '\n']);
  });

  it('leads a call to an address of a pod, or nowhere', () => {
    const hosts = fc.oneof(
      fc.ipV4(),
      fc.ipV6().map((host) => `[${host}]`),
      fc.constantFrom(
        '169.254.169.254',
        '[::ffff:a9fe:a9fe]',
        '127.0.0.1',
        '[::1]',
        '0.0.0.0',
        '224.0.0.1',
        'localhost',
      ),
    );
    const addresses = fc.oneof(
      fc.tuple(hosts, fc.nat(70_000)).map(([host, port]) => `${host}:${port}`),
      damaged('10.0.0.8:8443'),
      hostileText,
    );
    fuzz(
      addresses,
      (text) => {
        const place = parseReplicaAddress(text, { loopback: false });
        if (place === undefined) return;
        expect(place.host).toMatch(/^[0-9a-fA-F:.]+$/);
        expect(place.host).not.toMatch(/^(?:127\.|0\.|169\.254\.|2(?:2[4-9]|[345]\d)\.|::1$|fe80:)/i);
        expect(place.port).toBeGreaterThan(0);
        expect(place.port).toBeLessThanOrEqual(65_535);
      },
      1000,
    );
    expectLinear((text) => parseReplicaAddress(text, { loopback: false }), ['1', '.', ':', '[', ']', 'f']);
  });
});

describe('the headers of a forwarded call', () => {
  it('are a step and the name of a pod, or nothing', () => {
    const values = fc.oneof(
      fc.constantFrom(undefined, 'leader', 'shard'),
      hostileText,
      fc.array(hostileText, { maxLength: 2 }),
    );
    fuzz(fc.tuple(values, values), ([to, by]) => {
      const headers = { 'token-acquirer-forwarded-to': to, 'token-acquirer-forwarded-by': by };
      expect([undefined, 'leader', 'shard']).toContain(forwardedTo(headers));
      expect(forwardedBy(headers) ?? 'a').toMatch(/^[-.a-z0-9]{1,253}$/);
    });
  });
});
