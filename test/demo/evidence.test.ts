import { describe, expect, it } from 'vitest';
import {
  callsOf,
  callsText,
  currentToken,
  during,
  of,
  ofKind,
  secondsText,
  verdictsOn,
} from '../../src/demo/evidence.ts';
import { at, callFailed, callsOk, inOrder, issuedAndStored, START, token } from './events.ts';

const APP = 'billing-app';
const OTHER = 'report-app';
const first = token(1, 0);
const second = token(2, 13_000);

const EVENTS = inOrder(
  issuedAndStored(APP, first),
  issuedAndStored(OTHER, token(3, 500)),
  issuedAndStored(APP, second),
  callsOk(APP, first.hash, 1000, 4000),
  callFailed(APP, 3500),
  callsOk(OTHER, '00000003', 1000, 2000),
);

describe('the evidence finds', () => {
  it('the events of a kind, in order', () => {
    expect(ofKind(EVENTS, 'issued').map(({ app, token: { hash } }) => [app, hash])).toEqual([
      [APP, '00000001'],
      [OTHER, '00000003'],
      [APP, '00000002'],
    ]);
  });

  it('the events of a kind and an app', () => {
    expect(of(EVENTS, 'stored', APP).map(({ token: { hash } }) => hash)).toEqual(['00000001', '00000002']);
    expect(of(EVENTS, 'suspended', APP)).toEqual([]);
  });

  it('the newest token of an app', () => {
    expect(currentToken(EVENTS, APP)).toBe(second);
    expect(currentToken(EVENTS, 'nobody')).toBeUndefined();
  });

  it('what the gateway thought of one token', () => {
    expect(verdictsOn(EVENTS, first.hash)).toHaveLength(3);
    expect(verdictsOn(EVENTS, second.hash)).toEqual([]);
  });

  it.each([
    ['all', 0, 10_000, { ok: 3, failed: 1 }],
    ['those up to an end, which counts', 0, 2000, { ok: 2, failed: 0 }],
    ['those after a beginning, which does not count', 1000, 10_000, { ok: 2, failed: 1 }],
    ['none', 5000, 10_000, { ok: 0, failed: 0 }],
  ])('how calls of an app ended: %s', (_name, from, to, expected) => {
    expect(callsOf(EVENTS, APP, { from: START + from, to: START + to })).toEqual(expected);
  });

  it('nothing in a span that ends before it begins', () => {
    expect(during([at(0, { kind: 'started', who: APP })], { from: START + 1, to: START })).toEqual([]);
  });
});

describe('the evidence in words', () => {
  it.each([
    [{ ok: 0, failed: 0 }, '0 calls ok, none failed'],
    [{ ok: 1, failed: 0 }, '1 call ok, none failed'],
    [{ ok: 12, failed: 3 }, '12 calls ok, 3 failed'],
  ])('%o', (calls, text) => {
    expect(callsText(calls)).toBe(text);
  });

  it.each([
    [0, '0.00 s'],
    [212, '0.21 s'],
    [1000, '1.0 s'],
    [12_345, '12.3 s'],
    [-212, '-0.21 s'],
  ])('%i ms are %s', (duration, text) => {
    expect(secondsText(duration)).toBe(text);
  });
});
