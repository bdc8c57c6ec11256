import { describe, expect, it } from 'vitest';
import { decideMark, type MarkDecision, type MarkedToken } from '../../src/core/refresh-mark.ts';

const NOW = Date.UTC(2026, 0, 1);
const ago = (seconds: number): Partial<MarkedToken> => ({ inUse: true, inUseSince: NOW - seconds * 1000 });
const GRACE = 30_000;
const SEND: MarkDecision = { kind: 'send' };
const SPENT: MarkDecision = { kind: 'spent' };
const busyFor = (retryAfter: number): MarkDecision => ({ kind: 'busy', retryAfter });

describe('a saved refresh token', () => {
  it.each<[string, Partial<MarkedToken>, MarkDecision]>([
    ['that is not marked is sent', { inUse: false }, SEND],
    ['that the server keeps is sent', { ...ago(1), rotates: false }, SEND],
    ['that was marked just now is busy', ago(0), busyFor(15_000)],
    ['that was marked 14 s ago is busy', ago(14), busyFor(1000)],
    ['that was marked 15 s ago may be spent', ago(15), SPENT],
    ['that was marked without a time may be spent', { inUse: true }, SPENT],
    ['that was marked by a clock a little ahead is busy', ago(-10), busyFor(15_000)],
    ['that was marked in the future may be spent', ago(-3600), SPENT],
    ['whose own answer was lost may be spent, without waiting', { ...ago(1), isLost: true }, SPENT],
    ['is sent again within the time that the server allows', { ...ago(26), reuse: GRACE }, SEND],
    ['is sent again immediately where the server allows it', { ...ago(1), reuse: GRACE }, SEND],
    ['whose own answer was lost is sent again within it', { ...ago(11), isLost: true, reuse: GRACE }, SEND],
    ['is not sent again so late that a slow request would miss it', { ...ago(28), reuse: GRACE }, SPENT],
    ['is busy after a short time that the server allows', { ...ago(10), reuse: 5000 }, busyFor(5000)],
    ['without a time is not sent again within a time', { inUse: true, reuse: GRACE }, SPENT],
    ['is sent again at any time where the server allows that', { ...ago(86_400), reuse: Infinity }, SEND],
    ['without a time is sent again where any time will do', { inUse: true, reuse: Infinity }, SEND],
  ])('%s', (_sentence, given, decision) => {
    expect(decideMark({ inUse: false, rotates: true, isLost: false, reuse: 0, now: NOW, ...given })).toEqual(decision);
  });
});
