import { describe, expect, it } from 'vitest';
import type { DemoEvent } from '../../../src/demo/demo-event.ts';
import { Flows } from '../../../src/demo/page/flows.ts';
import { at, issuedAndStored, token } from '../events.ts';

const APP = 'billing-app';
const first = token(1, 0);
const second = token(2, 5000);

/** `call →token`, `call ←bad`: the edge, the direction and the load. */
function legs(...events: readonly (DemoEvent | readonly DemoEvent[])[]): string[] {
  const flows = new Flows();
  return events
    .flat()
    .flatMap((event) => flows.of(event).map(({ edge, back, load }) => `${edge} ${back ? '←' : '→'}${load}`));
}

/** Of the last event only. */
function lastLegs(...events: readonly (DemoEvent | readonly DemoEvent[])[]): string[] {
  const all = events.flat();
  return legs(...all).slice(legs(...all.slice(0, -1)).length);
}

const accepted = (after: number, hash = first.hash): DemoEvent => at(after, { kind: 'verdict', hash, status: 200 });
const rejected = (after: number, hash = first.hash): DemoEvent => at(after, { kind: 'verdict', hash, status: 401 });
const reissue = (after: number, result: string): DemoEvent => at(after, { kind: 'reissue', app: APP, result });
const requested = (after: number): DemoEvent => at(after, { kind: 'token-requested', app: APP, letThrough: true });

describe('what goes along the arrows', () => {
  it('is a request and a token for each token that is issued, and a token that is stored', () => {
    expect(legs(issuedAndStored(APP, first))).toEqual(['request →plain', 'request ←token', 'store →token']);
  });

  it('is a rejection where a token request fails', () => {
    const failed = at(0, { kind: 'request-failed', app: APP, message: 'No.', retryIn: 1000 });
    expect(legs(failed)).toEqual(['request ←bad']);
  });

  it('is a token read from the volume before the first call with it', () => {
    expect(lastLegs(issuedAndStored(APP, first), accepted(1000))).toEqual([
      'read →token',
      'call →token',
      'check →plain',
      'pass →plain',
    ]);
  });

  it('is nothing but the call at the next one', () => {
    expect(lastLegs(issuedAndStored(APP, first), accepted(1000), accepted(2000))).toEqual([
      'call →token',
      'check →plain',
      'pass →plain',
    ]);
  });

  it('is read again after a renewal', () => {
    const events = [...issuedAndStored(APP, first), accepted(1000), ...issuedAndStored(APP, second)];
    expect(lastLegs(...events, accepted(6000, second.hash))[0]).toBe('read →token');
  });

  it('goes no further than the gateway where that rejects the token', () => {
    const legsOfIt = lastLegs(issuedAndStored(APP, first), accepted(1000), rejected(2000));
    expect(legsOfIt).toEqual(['call →token', 'check →plain', 'call ←bad']);
  });

  it.each<[string, DemoEvent]>([
    ['a token that nobody was seen to get', accepted(0, 'ffffffff')],
    ['a request without a token', at(0, { kind: 'verdict', hash: undefined, status: 401 })],
    ['a part that listens', at(0, { kind: 'listening', who: 'gateway', what: 'url', url: 'http://127.0.0.1:1' })],
    ['a call', at(0, { kind: 'call', app: APP, ok: true, outcome: 'ok 200' })],
  ])('is nothing for %s', (_name, event) => {
    expect(legs(event)).toEqual([]);
  });
});

describe('a recovery', () => {
  const before = [...issuedAndStored(APP, first), accepted(1000), rejected(5000)];
  const asked = ['reissue →plain', 'request →plain', 'request ←token', 'store →token', 'reissue ←token'];
  const calls = ['call →token', 'check →plain', 'pass →plain'];

  function after(...events: DemoEvent[]): string[] {
    return legs(...before, ...events).slice(legs(...before).length);
  }

  it('is asked for, requested, stored, answered and used, in this order', () => {
    const recovery = [
      ...issuedAndStored(APP, second, 'reissue'),
      reissue(5100, 'reissued'),
      accepted(5200, second.hash),
    ];
    expect(after(...recovery)).toEqual([...asked, ...calls]);
  });

  it('is the same where the answer is heard of late', () => {
    const recovery = [
      ...issuedAndStored(APP, second, 'reissue'),
      accepted(5200, second.hash),
      reissue(5300, 'reissued'),
    ];
    expect(after(...recovery)).toEqual([...asked, ...calls]);
  });

  it('leaves nothing behind: the next token is read again', () => {
    const third = token(3, 9000);
    const recovery = [
      ...issuedAndStored(APP, second, 'reissue'),
      accepted(5200, second.hash),
      reissue(5300, 'reissued'),
    ];
    const later = after(...recovery, ...issuedAndStored(APP, third), accepted(9500, third.hash));
    expect(later.slice(-4)).toEqual(['read →token', ...calls]);
  });

  it('is a mere read where the volume already held another token', () => {
    const events = [...issuedAndStored(APP, first), accepted(1000), ...issuedAndStored(APP, second), rejected(5000)];
    expect(lastLegs(...events, accepted(5100, second.hash))[0]).toBe('read →token');
  });

  it('asks without a token request where the token-acquirer pauses, and is rejected', () => {
    expect(after(reissue(5100, 'paused'))).toEqual(['reissue →plain', 'reissue ←bad']);
  });

  it('may be asked for again after that, at the next rejection', () => {
    const again = after(reissue(5100, 'paused'), rejected(6000), requested(6100));
    expect(again.slice(-2)).toEqual(['reissue →plain', 'request →plain']);
  });

  it('is not asked for by a renewal that happens after a rejection', () => {
    expect(after(reissue(5100, 'paused'), requested(5500)).at(-1)).toBe('request →plain');
    expect(after(reissue(5100, 'paused'), requested(5500))).toHaveLength(3);
  });

  it('concerns only one app', () => {
    const flows = new Flows();
    const apps = [...before, requested(5100)].flatMap((event) => flows.of(event).map(({ app }) => app));
    expect(new Set(apps)).toEqual(new Set([APP]));
  });
});
