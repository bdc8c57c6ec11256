import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError } from '../../src/core/errors.ts';
import type { SelectedPods } from '../../src/ports/execution-state.ts';
import { statusOf } from '../../src/token-acquirer/endpoints/status-report.ts';
import { RequestInputs } from '../../src/token-acquirer/token/request-inputs.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { FakeCredentialSource } from '../fakes/fake-credential-source.ts';
import { FakeExecutionState } from '../fakes/fake-execution-state.ts';
import { FakeTokenEndpoint } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, specification, start, type World } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const PODS: SelectedPods = { namespace: 'billing', selector: 'app=billing' };
const CA_MISSING = 'The CA file /ca.crt of the authorization server corporate cannot be read (ENOENT).';
const VALUES = { client_id: 'billing', client_secret: secret('client-secret') };

/** A client app that does not run, as before it is installed. */
const suspendedWorld = (): World => createWorld({ execution: new FakeExecutionState('stopped') });
const startSuspended = (world: World): Promise<Started> =>
  start(world, { specifications: [specification({ clientApp: PODS })] });

const messages = ({ events }: Started, kind: string): string[] =>
  events.flatMap(({ event }) => (event.kind === kind && 'message' in event ? [event.message] : []));

describe('a suspended token', () => {
  it('reports its missing credential by a condition and one event, and requests nothing', async () => {
    const world = suspendedWorld();
    world.credentials.remove('dynamics');
    const started = await startSuspended(world);
    expect(started.only().cycle.status.get('CredentialUsable')).toMatchObject({
      status: false,
      reason: 'CredentialUnusable',
      message: 'There is no credential folder dynamics.',
    });
    await started.clock.advance(minutes(10));
    expect(messages(started, 'credential-unusable')).toEqual(['There is no credential folder dynamics.']);
    expect(started.endpoint.requests).toEqual([]);
  });

  it('reports the key that its grant lacks', async () => {
    const world = suspendedWorld();
    const needsPassword = specification({ clientApp: PODS, neededKeys: ['client_id', 'password'] });
    const started = await start(world, { specifications: [needsPassword] });
    expect(started.only().cycle.status.get('CredentialUsable')?.message).toContain('has no password');
  });

  it('reports an unusable value of its credential', async () => {
    const world = suspendedWorld();
    world.endpoint.credentialFaults.set('dynamics', 'The private_key of the credential dynamics cannot be used.');
    const started = await startSuspended(world);
    expect(messages(started, 'credential-unusable')).toEqual([
      'The private_key of the credential dynamics cannot be used.',
    ]);
  });

  it('reports an unusable CA file of its authorization server', async () => {
    const world = suspendedWorld();
    world.endpoint.caFaults.set('corporate', CA_MISSING);
    const started = await startSuspended(world);
    expect(started.only().cycle.status.get('CaUsable')).toMatchObject({ status: false, reason: 'CaFileUnusable' });
    await started.clock.advance(minutes(10));
    expect(messages(started, 'ca-unusable')).toEqual([CA_MISSING]);
  });

  it('is healthy within a minute of the correction, while it is still suspended', async () => {
    const world = suspendedWorld();
    world.credentials.remove('dynamics');
    world.endpoint.caFaults.set('corporate', CA_MISSING);
    const started = await startSuspended(world);
    await started.clock.advance(seconds(100));
    started.endpoint.caFaults.clear();
    started.credentials.set('dynamics', VALUES);
    await started.clock.settle();
    const { status } = started.only().cycle;
    expect(status.get('CredentialUsable')?.status).toBe(true);
    await started.clock.advance(minutes(1));
    expect(status.get('CaUsable')?.status).toBe(true);
    expect(status.get('Suspended')?.status).toBe(true);
    expect(started.endpoint.requests).toEqual([]);
  });

  it('reports errors that began while it was suspended', async () => {
    const started = await startSuspended(suspendedWorld());
    expect(started.only().cycle.status.get('CredentialUsable')?.status).toBe(true);
    started.endpoint.caFaults.set('corporate', CA_MISSING);
    started.credentials.remove('dynamics');
    await started.clock.advance(minutes(1));
    expect(messages(started, 'credential-unusable')).toHaveLength(1);
    expect(messages(started, 'ca-unusable')).toHaveLength(1);
  });

  it('keeps its finding if the credential cannot be read at the moment', async () => {
    const world = suspendedWorld();
    world.credentials.remove('dynamics');
    const started = await startSuspended(world);
    const before = started.only().cycle.status.get('CredentialUsable');
    started.credentials.fail('dynamics', new StoreError('Too many files are open.'));
    await started.clock.advance(minutes(2));
    expect(started.only().cycle.status.get('CredentialUsable')).toBe(before);
  });
});

describe('the authorization server of a suspended token', () => {
  const UNKNOWN = 'The authorization server corporate gave no usable answer. The host is not known (ENOTFOUND).';
  const reachable = ({ only }: Started) => only().cycle.status.get('ServerReachable');

  it('is connected to once an hour while it answers, and no token is requested', async () => {
    const started = await startSuspended(suspendedWorld());
    await started.clock.advance(minutes(59));
    expect(started.endpoint.reached).toEqual(['corporate']);
    await started.clock.advance(minutes(2));
    expect(started.endpoint.reached).toHaveLength(2);
    expect(reachable(started)).toBeUndefined();
    expect(started.endpoint.requests).toEqual([]);
  });

  it('is reported within a minute if it cannot be reached, by a condition and one event', async () => {
    const world = suspendedWorld();
    world.endpoint.unreachable.set('corporate', UNKNOWN);
    const started = await startSuspended(world);
    await started.clock.advance(minutes(1));
    expect(reachable(started)).toMatchObject({ status: false, reason: 'ServerUnreachable', message: UNKNOWN });
    await started.clock.advance(minutes(10));
    expect(messages(started, 'server-unreachable')).toEqual([UNKNOWN]);
    expect(started.endpoint.reached.length).toBeLessThanOrEqual(23);
  });

  it('is healthy within a minute of the correction', async () => {
    const world = suspendedWorld();
    world.endpoint.unreachable.set('corporate', UNKNOWN);
    const started = await startSuspended(world);
    await started.clock.advance(minutes(1));
    started.endpoint.unreachable.clear();
    await started.clock.advance(minutes(1));
    expect(reachable(started)).toMatchObject({ status: true, reason: 'ServerAnswered' });
  });

  it('is no longer reported once the client app runs, because its requests show it', async () => {
    const world = suspendedWorld();
    world.endpoint.unreachable.set('corporate', UNKNOWN);
    const started = await startSuspended(world);
    await started.clock.advance(minutes(1));
    world.execution.set('running');
    await started.clock.advance(minutes(1));
    expect(reachable(started)).toBeUndefined();
  });

  it('is connected to once for all its tokens', async () => {
    const specifications = Array.from({ length: 200 }, (_, index) => {
      const identity = { namespace: 'billing', secret: 'billing-tokens', name: `token-${index}` };
      return specification({ clientApp: PODS, identity, key: identity.name });
    });
    const started = await start(suspendedWorld(), { specifications });
    await started.clock.advance(minutes(5));
    expect(started.endpoint.reached).toEqual(['corporate']);
  });

  it('is not connected to while its CA file cannot be used, nor for a token that is not suspended', async () => {
    const world = suspendedWorld();
    world.endpoint.caFaults.set('corporate', CA_MISSING);
    const suspended = await startSuspended(world);
    await suspended.clock.advance(minutes(5));
    const running = await start(createWorld(), { specifications: [specification({ clientApp: PODS })] });
    await running.clock.advance(minutes(5));
    expect([...suspended.endpoint.reached, ...running.endpoint.reached]).toEqual([]);
  });

  it('is connected to again for another configuration', async () => {
    const started = await startSuspended(suspendedWorld());
    started.acquirer.apply([specification({ clientApp: PODS, parameters: { scope: 'other' } })]);
    await started.clock.advance(minutes(1));
    expect(started.endpoint.reached).toHaveLength(2);
  });
});

describe('the last error of a token that was suspended after it', () => {
  const refused = (): TokenRequestError =>
    new TokenRequestError('invalid_client', 'The server rejected it.', { progress: 'answered' });

  async function failThenSuspend(world: World): Promise<Started> {
    const started = await startSuspended(world);
    world.execution.set('stopped');
    await started.clock.advance(seconds(5));
    expect(started.only().cycle.status.get('Suspended')?.status).toBe(true);
    return started;
  }

  const lastError = ({ acquirer, clock }: Started) => statusOf(acquirer, true, clock.now()).tokens[0]?.last_error?.code;

  it('stays if nothing shows its end', async () => {
    const world = createWorld();
    world.endpoint.script(refused());
    const started = await failThenSuspend(world);
    await started.clock.advance(minutes(60));
    expect(lastError(started)).toBe('invalid_client');
  });

  it('goes with the credential that it was about', async () => {
    const world = createWorld();
    world.endpoint.script(refused());
    const started = await failThenSuspend(world);
    started.credentials.set('dynamics', { ...VALUES, client_secret: secret('another') });
    await started.clock.settle();
    expect(lastError(started)).toBeUndefined();
    expect(started.only().cycle.status.get('Renewed')).toBeUndefined();
  });

  it('goes with the configuration that it was about', async () => {
    const world = createWorld();
    world.endpoint.script(refused());
    const started = await failThenSuspend(world);
    const scope = { scope: 'other' };
    started.acquirer.apply([specification({ clientApp: PODS, parameters: scope, requestFingerprint: 'other' })]);
    await started.clock.settle();
    expect(lastError(started)).toBeUndefined();
  });

  it('goes when the missing credential comes', async () => {
    const world = createWorld();
    world.credentials.remove('dynamics');
    const started = await failThenSuspend(world);
    expect(lastError(started)).toBe('credential_unreadable');
    started.credentials.set('dynamics', VALUES);
    await started.clock.settle();
    expect(lastError(started)).toBeUndefined();
  });

  it('goes when the missing CA file comes', async () => {
    const world = createWorld();
    world.endpoint.caFaults.set('corporate', CA_MISSING);
    world.endpoint.script(new TokenRequestError('unreachable', CA_MISSING, { progress: 'not-sent' }));
    const started = await failThenSuspend(world);
    expect(lastError(started)).toBe('unreachable');
    started.endpoint.caFaults.clear();
    await started.clock.advance(minutes(1));
    expect(lastError(started)).toBeUndefined();
  });
});

describe('a token that is not suspended', () => {
  it('has the same condition, and no event except that of its failed request', async () => {
    const world = createWorld();
    world.credentials.remove('dynamics');
    const started = await start(world);
    await started.clock.advance(minutes(5));
    expect(started.only().cycle.status.get('CredentialUsable')?.status).toBe(false);
    expect(started.kinds()).toContain('token-request-failed');
    expect(started.kinds()).not.toContain('credential-unusable');
  });

  it('is requested within 45 s of the file that was missing, though the pause is longer', async () => {
    const fault = 'The subjectTokenFile /run/token does not exist.';
    const missing = (): TokenRequestError =>
      new TokenRequestError('credential_unreadable', fault, { progress: 'not-sent' });
    const world = createWorld();
    world.endpoint.credentialFaults.set('dynamics', fault);
    world.endpoint.script(missing(), missing(), missing(), missing());
    const { clock, endpoint, stored } = await start(world);
    // The fourth attempt is after 30, 60 and 120 s, and the next one would be 240 s later.
    await clock.advance(seconds(215));
    expect(endpoint.requests).toHaveLength(4);
    endpoint.credentialFaults.delete('dynamics');
    await clock.advance(seconds(45));
    expect(endpoint.requests).toHaveLength(5);
    expect(stored()).toBeDefined();
  });

  it('reports its removed credential before the next renewal is due', async () => {
    const started = await start(createWorld());
    await started.clock.advance(seconds(2));
    started.credentials.remove('dynamics');
    await started.clock.settle();
    expect(messages(started, 'credential-unusable')).toHaveLength(1);
    expect(started.endpoint.requests).toHaveLength(1);
  });
});

describe('the checks of inputs', () => {
  const looking = (credentials = new FakeCredentialSource({ dynamics: VALUES })) => {
    const [clock, endpoint] = [createFakeClock(), new FakeTokenEndpoint()];
    return {
      clock,
      credentials,
      endpoint,
      inputs: new RequestInputs({ clock, credentials, endpoint, abandon: new AbortController().signal }),
    };
  };

  it('are shared by all tokens of a credential and a server', async () => {
    const { inputs, credentials, endpoint } = looking();
    const tokens = Array.from({ length: 1000 }, (_, index) =>
      specification({ identity: { namespace: 'billing', secret: 'billing-tokens', name: `token-${index}` } }),
    );
    await Promise.all(tokens.map((token) => inputs.look(token, 'requeue')));
    for (const token of tokens) await inputs.look(token, 'requeue');
    expect(credentials.reads).toBe(1);
    expect(endpoint.looks).toBe(2);
  });

  it('are separate for another server and another grant', async () => {
    const { inputs, credentials, endpoint } = looking();
    endpoint.caFaults.set('other', CA_MISSING);
    expect(await inputs.look(specification(), 'requeue')).toMatchObject({ CaUsable: { fault: undefined } });
    const other = specification({ authorizationServer: 'other', neededKeys: ['username'] });
    expect(await inputs.look(other, 'requeue')).toMatchObject({
      CaUsable: { fault: CA_MISSING },
      CredentialUsable: { fault: 'The credential dynamics has no username.' },
    });
    expect(credentials.reads).toBe(2);
  });

  it('are repeated after a while, after a change, and for another configuration', async () => {
    const { inputs, credentials, clock } = looking();
    const look = async (): Promise<number> => {
      await inputs.look(specification(), 'requeue');
      return credentials.reads;
    };
    expect(await look()).toBe(1);
    await clock.advance(seconds(20));
    expect(await look()).toBe(2);
    inputs.changed('dynamics');
    expect(await look()).toBe(3);
    inputs.forget();
    expect(await look()).toBe(4);
    inputs.changed('another');
    expect(await look()).toBe(4);
  });

  it('need one read per credential in 15 s in an idle process with many tokens', async () => {
    const world = suspendedWorld();
    const specifications = Array.from({ length: 200 }, (_, index) =>
      specification({
        clientApp: PODS,
        identity: { namespace: 'billing', secret: 'billing-tokens', name: `token-${index}` },
      }),
    );
    const started = await start(world, { specifications });
    const before = started.credentials.reads;
    await started.clock.advance(minutes(5));
    expect(started.credentials.reads - before).toBeLessThanOrEqual(20);
  });
});
