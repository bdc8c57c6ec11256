import { describe, expect, it } from 'vitest';
import type { DemoEvent } from '../../../src/demo/demo-event.ts';
import { type AppSample, Standing } from '../../../src/demo/page/standing.ts';
import { at, callFailed } from '../events.ts';

const APP = 'billing-app';
const SAMPLE: AppSample = {
  name: APP,
  credentials: ['client_id'],
  interval: '',
  memory: 1,
  file: { keys: [], token: undefined },
};

function after(...events: readonly DemoEvent[]) {
  const standing = new Standing();
  for (const event of events) standing.enter(event);
  return standing.state([SAMPLE], 'on');
}

const started = at(0, { kind: 'started', who: APP });
const call = (hash: string): DemoEvent => at(1, { kind: 'call', app: APP, ok: true, outcome: 'ok 200', hash });

describe('how everything stands', () => {
  it('is healthy and still at first', () => {
    expect(after()).toEqual({
      buttons: 'on',
      up: {},
      authorizationServer: 'normal',
      gateway: 'normal',
      apps: [{ ...SAMPLE, running: false, suspended: false, calls: { ok: 0, failed: 0 }, hash: undefined }],
    });
  });

  it.each<[string, DemoEvent[], object]>([
    ['an app that starts runs', [started], { running: true }],
    ['an app that stops does not', [started, at(1, { kind: 'stopped', who: APP })], { running: false }],
    ['an app without calls is suspended', [started, at(1, { kind: 'suspended', app: APP })], { suspended: true }],
    [
      'and looked after again',
      [at(0, { kind: 'suspended', app: APP }), at(1, { kind: 'resumed', app: APP })],
      { suspended: false },
    ],
    ['calls are counted', [call('1'), callFailed(APP, 2), call('1')], { calls: { ok: 2, failed: 1 } }],
    ['an app has the token of its last call in memory', [call('1'), call('2')], { hash: '2' }],
    ['an app has none when it could not get one', [call('1'), callFailed(APP, 2)], { hash: undefined }],
    ['an app that stopped has forgotten it', [call('1'), at(2, { kind: 'stopped', who: APP })], { hash: undefined }],
    ['what others do is not its doing', [call('1'), at(2, { kind: 'stopped', who: 'report-app' })], { hash: '1' }],
  ])('%s', (_name, events, expected) => {
    expect(after(...events).apps[0]).toMatchObject(expected);
  });

  it('knows which parts are up', () => {
    const { up } = after(at(0, { kind: 'listening', who: 'gateway', what: 'url', url: 'http://127.0.0.1:1' }));
    expect(up).toEqual({ gateway: true });
  });

  it('knows what the authorization server and the gateway are made to do', () => {
    const { authorizationServer, gateway } = after(
      at(0, { kind: 'act', text: 'x', deed: { kind: 'authorization-server', state: 'slow' } }),
      at(1, { kind: 'act', text: 'x', deed: { kind: 'gateway', state: 'rejecting' } }),
      at(2, { kind: 'act', text: 'x' }),
    );
    expect([authorizationServer, gateway]).toEqual(['slow', 'rejecting']);
  });
});
