import { describe, expect, it } from 'vitest';
import { Feed } from '../../../src/demo/page/feed.ts';
import type { PageMessage, PageState } from '../../../src/demo/page/page-message.ts';
import type { AppSample } from '../../../src/demo/page/standing.ts';
import { at, issuedAndStored, START, token } from '../events.ts';

const APP = 'billing-app';

function open() {
  const sample = { name: APP, credentials: [], interval: '', memory: 1, file: { keys: [], token: undefined } };
  const looks = { count: 0, memory: 1 };
  const feed = new Feed((): AppSample[] => {
    looks.count += 1;
    return [{ ...sample, memory: looks.memory }];
  });
  return { feed, looks };
}

function listen(feed: Feed) {
  const heard = { messages: [] as PageMessage[], states: [] as PageState[] };
  const end = feed.subscribe({
    messages: (messages) => heard.messages.push(...messages),
    state: (state) => heard.states.push(state),
  });
  return { heard, end };
}

const notice = (after: number) => at(after, { kind: 'notice', who: 'demo', message: `after ${after}` });

describe('a page that opens', () => {
  it('receives what happened lately, without what moved', () => {
    const { feed } = open();
    for (const event of issuedAndStored(APP, token(1, 0))) feed.enter(event);
    const { messages, now, state } = feed.snapshot(START + 5);
    expect(now).toBe(START + 5);
    expect(messages.map(({ kind }) => kind)).toEqual(['issued', 'caption', 'line']);
    expect(state.apps.map(({ name }) => name)).toEqual([APP]);
  });

  it('receives nothing from long ago', () => {
    const { feed } = open();
    feed.enter(notice(0));
    feed.enter(notice(100_000));
    feed.enter(notice(180_001));
    expect(feed.snapshot(START).messages.map(({ at: when }) => when - START)).toEqual([100_000, 180_001]);
  });

  it('receives a limited number of events, however much happens', () => {
    const { feed } = open();
    for (let count = 0; count < 3000; count += 1) feed.enter(notice(count));
    const { messages } = feed.snapshot(START);
    expect(messages).toHaveLength(2000);
    expect(messages.at(-1)?.at).toBe(START + 2999);
  });
});

describe('a page that is open', () => {
  it('receives what happens, with what moves', () => {
    const { feed } = open();
    const { heard } = listen(feed);
    feed.enter(at(0, { kind: 'token-requested', app: APP, letThrough: true }));
    expect(heard.messages.map(({ kind }) => kind)).toEqual(['flow']);
  });

  it('receives how everything stands when that changes, and only then', () => {
    const { feed, looks } = open();
    const { heard } = listen(feed);
    feed.look();
    feed.look();
    looks.memory = 2;
    feed.look();
    feed.setButtons('on');
    feed.enter(at(0, { kind: 'started', who: APP }));
    expect(heard.states.map(({ buttons, apps }) => [buttons, apps[0]?.memory, apps[0]?.running])).toEqual([
      ['starting', 1, false],
      ['starting', 2, false],
      ['on', 2, false],
      ['on', 2, true],
    ]);
  });

  it('costs no look at every request', () => {
    const { feed, looks } = open();
    listen(feed);
    feed.enter(at(0, { kind: 'token-requested', app: APP, letThrough: true }));
    expect(looks.count).toBe(0);
  });

  it('receives nothing more once it is closed', () => {
    const { feed } = open();
    const { heard, end } = listen(feed);
    end();
    feed.enter(notice(0));
    expect(heard).toEqual({ messages: [], states: [] });
  });

  it('shows nothing of what is of no interest', () => {
    const { feed } = open();
    const { heard } = listen(feed);
    feed.enter(at(0, { kind: 'verdict', hash: 'ffffffff', status: 200 }));
    expect(heard.messages).toEqual([]);
  });
});

it('nothing is looked up while no page is open', () => {
  const { feed, looks } = open();
  feed.enter(notice(0));
  feed.look();
  feed.setButtons('off');
  expect(looks.count).toBe(0);
  expect(feed.snapshot(START).state.buttons).toBe('off');
});
