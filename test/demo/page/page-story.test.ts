import { describe, expect, it } from 'vitest';
import type { DemoEvent } from '../../../src/demo/demo-event.ts';
import type { PageMessage } from '../../../src/demo/page/page-message.ts';
import { PageStory } from '../../../src/demo/page/page-story.ts';
import { at, callFailed, callsOk, issuedAndStored, START, token } from '../events.ts';

const app = 'billing-app';
const first = token(1, 0);

function messagesOf(...events: readonly (DemoEvent | readonly DemoEvent[])[]): PageMessage[] {
  const story = new PageStory();
  return events.flat().flatMap((event) => story.tell(event));
}

function ofKind(kind: PageMessage['kind'], messages: readonly PageMessage[]): PageMessage[] {
  return messages.filter((message) => message.kind === kind);
}

describe('what has a place on the time line', () => {
  it.each<[string, DemoEvent, PageMessage]>([
    [
      'a token that is issued',
      at(0, { kind: 'issued', app, token: first, trigger: 'reissue' }),
      { kind: 'issued', at: START, app, token: first, trigger: 'reissue' },
    ],
    [
      'a renewal that is moved',
      at(5, { kind: 'rescheduled', app, token: first }),
      { kind: 'rescheduled', at: START + 5, app, token: first },
    ],
    [
      'a revocation',
      at(5, { kind: 'act', text: 'revokes', deed: { kind: 'revocation', app, hash: first.hash } }),
      { kind: 'revoked', at: START + 5, app, hash: first.hash },
    ],
    [
      'an app that starts',
      at(5, { kind: 'started', who: app }),
      { kind: 'running', at: START + 5, app, running: true },
    ],
    [
      'an app that stops',
      at(5, { kind: 'stopped', who: app }),
      { kind: 'running', at: START + 5, app, running: false },
    ],
    [
      'a call that went well',
      at(5, { kind: 'call', app, ok: true, outcome: 'ok 200', requests: 1 }),
      { kind: 'call', at: START + 5, app, result: 'ok' },
    ],
    [
      'a call that was sent again',
      at(5, { kind: 'call', app, ok: true, outcome: 'ok 200', requests: 2 }),
      { kind: 'call', at: START + 5, app, result: 'retried' },
    ],
    [
      'a call that failed even so',
      at(5, { kind: 'call', app, ok: false, outcome: 'rejected 401', requests: 2 }),
      { kind: 'call', at: START + 5, app, result: 'failed' },
    ],
  ])('is %s', (_name, event, expected) => {
    expect(messagesOf(event)[0]).toEqual(expected);
  });

  it('is no other act', () => {
    const act = at(0, { kind: 'act', text: 'x', deed: { kind: 'gateway', state: 'normal' } });
    expect(ofKind('revoked', messagesOf(act))).toEqual([]);
  });
});

describe('the list of events in words', () => {
  it('has the lines of the terminal', () => {
    const [line] = ofKind('line', messagesOf(at(0, { kind: 'notice', who: 'gateway', message: 'Look.' })));
    expect(line).toEqual({ kind: 'line', at: START, who: 'gateway', text: 'Look.', mood: 'plain' });
  });

  it('leaves out successful calls, which are ticks', () => {
    const lines = ofKind('line', messagesOf(issuedAndStored(app, first), callsOk(app, first.hash, 0, 30_000)));
    expect(lines.map((line) => line.kind === 'line' && line.text)).toEqual([
      expect.stringContaining('issued'),
      'call ok',
    ]);
  });

  it('has the captions among them, and what moves along the arrows', () => {
    const messages = messagesOf(issuedAndStored(app, first), callFailed(app, 1000));
    expect(ofKind('caption', messages)).toHaveLength(2);
    expect(ofKind('flow', messages)).toHaveLength(3);
  });
});
