import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AUTHORITY_LIFETIME,
  type AuthorityFacts,
  type AuthorityReason,
  authoritiesKept,
  authorityTimes,
  CERTIFICATE_LIFETIME,
  CLOCK_SKEW,
  certificateTimes,
  isRenewalDue,
  NOTICE,
  reasonForAuthority,
  signerAmong,
} from '../../src/core/certificate-plan.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 0, 1);

interface Named extends AuthorityFacts {
  readonly name: string;
}

/** Makes a CA of this age. */
function aged(age: number, parts: Partial<Named> = {}): Named {
  return { name: `${age / DAY} d`, suits: true, ...authorityTimes(NOW - age), ...parts };
}

const foreign = (age: number): Named => aged(age, { suits: false });

describe('a CA is made', () => {
  it.each<[when: string, authorities: readonly AuthorityFacts[], reason: AuthorityReason | undefined]>([
    ['immediately when none exists', [], 'none'],
    ['not while a new one exists', [aged(0)], undefined],
    ['not while one of half a year exists', [aged(180 * DAY)], undefined],
    ['not a minute before its last 30 days', [aged(335 * DAY - 60_000)], undefined],
    ['with notice when the last 30 days begin', [aged(335 * DAY)], 'succession'],
    ['not twice, because the successor exists', [aged(335 * DAY), aged(0)], undefined],
    ['with notice when the only one has two hours left', [aged(AUTHORITY_LIFETIME - 2 * HOUR)], 'succession'],
    ['immediately when the only one has less than an hour', [aged(AUTHORITY_LIFETIME - HOUR)], 'not-valid'],
    ['immediately when all have expired', [aged(800 * DAY), aged(400 * DAY)], 'not-valid'],
    ['immediately when the only one is of the day after tomorrow', [aged(-2 * DAY)], 'not-valid'],
    ['not when the only one was made by a clock that is most of an hour ahead', [aged(-0.9 * HOUR)], undefined],
    ['immediately when the only one is for other names', [foreign(DAY)], 'other-names'],
    ['immediately when those for these names have expired', [foreign(DAY), aged(400 * DAY)], 'not-valid'],
    ['not when one of two is for these names', [foreign(DAY), aged(0)], undefined],
  ])('%s', (_when, authorities, reason) => {
    expect(reasonForAuthority(authorities, NOW)).toBe(reason);
  });
});

describe('of the CAs', () => {
  it.each<[what: string, authorities: readonly Named[], kept: readonly string[]]>([
    ['both stay while the older has not expired', [aged(364 * DAY), aged(29 * DAY)], ['364 d', '29 d']],
    ['the expired one goes', [aged(365 * DAY), aged(30 * DAY)], ['30 d']],
    ['none stays when all have expired', [aged(800 * DAY), aged(365 * DAY)], []],
    ['the successor stays that is younger than it can be', [aged(0), aged(-10 * DAY)], ['0 d', '-10 d']],
    ['one for other names stays while none exists for these', [foreign(100 * DAY)], ['100 d']],
    ['one for other names stays for a day next to a new one', [foreign(100 * DAY), aged(DAY)], ['100 d', '1 d']],
    ['one for other names goes after two days', [foreign(100 * DAY), aged(2 * DAY)], ['2 d']],
    ['a new one for other names stays next to an old one', [foreign(DAY), aged(100 * DAY)], ['1 d', '100 d']],
    ['a new one for other names goes after two days, too', [foreign(2 * DAY), aged(100 * DAY)], ['100 d']],
    [
      'one for other names stays when those for these cannot sign',
      [foreign(100 * DAY), aged(-9 * DAY)],
      ['100 d', '-9 d'],
    ],
  ])('%s', (_what, authorities, kept) => {
    expect(authoritiesKept(authorities, NOW).map(({ name }) => name)).toEqual(kept);
  });
});

describe('the signer', () => {
  it.each<[what: string, authorities: readonly Named[], signer: string | undefined]>([
    ['is missing without a CA', [], undefined],
    ['is the only CA, even without notice', [aged(0)], '0 d'],
    ['is the older of two', [aged(10 * DAY), aged(340 * DAY)], '340 d'],
    ['is the older of two without notice', [aged(0.1 * DAY), aged(0.2 * DAY)], '0.2 d'],
    ['is the older one until its last two days', [aged(363 * DAY - 2 * HOUR), aged(28 * DAY)], `${363 - 2 / 24} d`],
    ['is the successor in the last day', [aged(364 * DAY), aged(29 * DAY)], '29 d'],
    ['is the older one in its last day, before a day of notice is over', [aged(364 * DAY), aged(DAY)], '364 d'],
    ['is the successor when a day of notice is over', [aged(364 * DAY), aged(NOTICE)], `${NOTICE / DAY} d`],
    ['is the successor without notice when the older one has an hour left', [aged(365 * DAY - HOUR), aged(0)], '0 d'],
    ['is never an expired CA', [aged(400 * DAY)], undefined],
    ['is never a CA for other names', [foreign(10 * DAY)], undefined],
    ['is never a CA that is not valid yet', [aged(-DAY)], undefined],
    ['is a CA for these names, though one for others is older', [foreign(300 * DAY), aged(0)], '0 d'],
  ])('%s', (_what, authorities, signer) => {
    expect(signerAmong(authorities, NOW)?.name).toBe(signer);
  });
});

describe('a certificate', () => {
  it('lasts a day, is backdated by an hour and renewed after 16 hours', () => {
    expect(certificateTimes(aged(10 * DAY), NOW)).toEqual({
      notBefore: NOW - HOUR,
      notAfter: NOW + DAY,
      renewAt: NOW + 16 * HOUR,
    });
  });

  it('is never valid outside the times of its CA', () => {
    const young = certificateTimes(aged(-0.5 * HOUR), NOW);
    expect(young.notBefore).toBe(NOW - 0.5 * HOUR);
    const old = certificateTimes(aged(AUTHORITY_LIFETIME - 9 * HOUR), NOW);
    expect([old.notAfter, old.renewAt]).toEqual([NOW + 9 * HOUR, NOW + 6 * HOUR]);
  });

  it('is renewed an hour before the end at the latest', () => {
    const { notAfter, renewAt } = certificateTimes(aged(AUTHORITY_LIFETIME - 2 * HOUR), NOW);
    expect(notAfter - renewAt).toBe(CLOCK_SKEW);
  });

  it.each<[when: string, after: number, due: boolean]>([
    ['immediately', 0, false],
    ['a minute before two thirds', 16 * HOUR - 60_000, false],
    ['at two thirds', 16 * HOUR, true],
    ['long after its end', 40 * DAY, true],
    ['when the clock was set back by less than an hour', -HOUR, false],
    ['when the clock was set back by more', -HOUR - 1, true],
  ])('has a correct renewal time %s', (_when, after, due) => {
    expect(isRenewalDue(certificateTimes(aged(10 * DAY), NOW), NOW + after)).toBe(due);
  });
});

describe('for any CAs and time', () => {
  const age = fc.integer({ min: -500 * DAY, max: 500 * DAY });
  const authority = fc.record({ age, suits: fc.boolean() }).map(({ age: by, suits }) => aged(by, { suits }));
  const authorities = fc.array(authority, { maxLength: 5 });

  it('one signs, or one is made immediately', () => {
    fc.assert(
      fc.property(authorities, (all) => {
        const reason = reasonForAuthority(all, NOW);
        const isUrgent = reason !== undefined && reason !== 'succession';
        expect(signerAmong(all, NOW) === undefined).toBe(isUrgent);
      }),
    );
  });

  it('the one that signs stays, and what it signs is valid for clocks that are an hour off', () => {
    fc.assert(
      fc.property(authorities, (all) => {
        const signer = signerAmong(all, NOW);
        if (signer === undefined) return;
        expect(authoritiesKept(all, NOW)).toContain(signer);
        const times = certificateTimes(signer, NOW);
        expect(times.notBefore).toBeGreaterThanOrEqual(signer.notBefore);
        expect(times.notAfter).toBeLessThanOrEqual(signer.notAfter);
        expect(times.notAfter).toBeLessThanOrEqual(NOW + CERTIFICATE_LIFETIME);
        expect(times.renewAt).toBeGreaterThan(NOW);
        expect(times.renewAt).toBeLessThanOrEqual(times.notAfter - CLOCK_SKEW);
      }),
    );
  });

  it('no other is made right after one', () => {
    fc.assert(
      fc.property(authorities, (all) => {
        expect(reasonForAuthority([...authoritiesKept(all, NOW), aged(0)], NOW)).toBeUndefined();
      }),
    );
  });
});
