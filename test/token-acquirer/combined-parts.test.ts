import { describe, expect, it } from 'vitest';
import { Redacted } from '../../src/core/redacted.ts';
import type { ClientApp, Execution } from '../../src/ports/execution-state.ts';
import { callerNames, firstToKnow } from '../../src/token-acquirer/endpoints/caller-authenticators.ts';
import { executionStates } from '../../src/token-acquirer/token/execution-states.ts';
import { FakeCallerAuthenticator } from '../fakes/fake-caller-authenticator.ts';
import { FakeExecutionState } from '../fakes/fake-execution-state.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';

const PODS: ClientApp = { namespace: 'billing', selector: 'app=billing' };
const PROCESS: ClientApp = { pidFile: 'billing.pid' };
const URL_: ClientApp = { healthUrl: 'http://127.0.0.1:1/' };
const TOKENS = { namespace: 'billing', secret: 'billing-tokens' };

it('contains the names of the clients of every token, each once', () => {
  expect([...callerNames([{ clients: ['a', 'b'] }, { clients: [] }, { clients: ['b', 'c'] }])]).toEqual([
    'a',
    'b',
    'c',
  ]);
});

describe('the execution state of a client app', () => {
  it.each<[string, ClientApp, Execution]>([
    ['comes from the cluster for pods', PODS, 'running'],
    ['comes from the machine for a process', PROCESS, 'stopped'],
    ['comes from the machine for a URL', URL_, 'stopped'],
  ])('%s', (_sentence, app, expected) => {
    const [local, pods] = [new FakeExecutionState('stopped'), new FakeExecutionState('running')];
    pods.sentences = ['A pod is left behind.'];
    const states = executionStates(local, pods);
    expect(states.observe(app)).toBe(expected);
    const reports = states.findings(app, TOKENS).map(({ message }) => message);
    expect(reports).toEqual(app === PODS ? pods.sentences : []);
    let changes = 0;
    const stop = states.watch(app, () => {
      changes += 1;
    });
    local.set('running');
    pods.set('stopped');
    expect(changes).toBe(1);
    stop();
    expect([local.watching, pods.watching]).toEqual([0, 0]);
  });

  it('is unknown for pods without a cluster', () => {
    const states = executionStates(new FakeExecutionState('running'), undefined);
    expect(states.observe(PODS)).toBe('unknown');
    expect(states.findings(PODS, TOKENS)).toEqual([]);
    states.watch(PODS, () => undefined)();
  });
});

describe('several authenticators', () => {
  const bearers = { file: secret('by-file'), account: secret('by-account') };

  function start() {
    const [files, accounts] = [new FakeCallerAuthenticator(), new FakeCallerAuthenticator()];
    files.allow(bearers.file, 'billing');
    accounts.allow(bearers.account, 'system:serviceaccount:billing:billing-app');
    return { files, accounts, both: firstToKnow([files, accounts]) };
  }

  it.each([
    ['the first if it knows the bearer, without a call to the others', bearers.file, 'billing', 0],
    ['the next if it does not', bearers.account, 'system:serviceaccount:billing:billing-app', 1],
    ['none if no authenticator does', secret('by-nobody'), undefined, 1],
  ])('use %s', async (_sentence, bearer, name, asked) => {
    const { both, accounts } = start();
    expect((await both.authenticate(new Redacted(bearer)))?.name).toBe(name);
    expect(accounts.calls).toBe(asked);
  });

  it('admit no caller if one of them cannot decide', async () => {
    const { both, files } = start();
    files.fail(new Error('It is unavailable.'));
    expect(await failure(both.authenticate(new Redacted(bearers.account)))).toMatchObject({
      message: 'It is unavailable.',
    });
  });
});
