import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError, UsageError } from '../../src/core/errors.ts';
import type { ClientApp } from '../../src/ports/execution-state.ts';
import type { TokenResponse } from '../../src/ports/token-endpoint.ts';
import { statusTable } from '../../src/token-acquirer/cli/status-table.ts';
import { statusOf } from '../../src/token-acquirer/endpoints/status-report.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, specification, start, type World } from '../support/acquirer.ts';

const LIFETIME = 3600;
const PODS: ClientApp = { namespace: 'billing', selector: 'app=billing' };
const REFUSED = new TokenRequestError('invalid_client', 'The server rejected the client.', { progress: 'answered' });
const AWAY = new StoreError('The store is unavailable.');

const issued = () => tokenResponse({ expiresIn: LIFETIME });
const refusals = () => Array.from({ length: 1000 }, () => REFUSED);

function stateOf({ acquirer, clock }: Started): string | undefined {
  return statusOf(acquirer, true, clock.now()).tokens[0]?.state;
}

function worldWith(...answers: (TokenResponse | TokenRequestError)[]): World {
  const world = createWorld();
  world.endpoint.script(...answers);
  return world;
}

describe('the state of a token', () => {
  it('is Valid if a live token is stored and its last request succeeded', async () => {
    expect(stateOf(await start(worldWith(issued())))).toBe('Valid');
  });

  it('is RenewalFailing, then Expired, and never Failing, if renewals fail', async () => {
    const started = await start(worldWith(issued(), ...refusals()));
    await started.clock.advance(minutes(45));
    expect(stateOf(started)).toBe('RenewalFailing');
    await started.clock.advance(minutes(16));
    expect(stateOf(started)).toBe('Expired');
  });

  it('is NotStored if the store fails, whether renewals fail or not', async () => {
    const world = worldWith(issued(), ...refusals());
    const started = await start(world);
    world.store.fail(AWAY);
    await started.clock.advance(minutes(1));
    expect(stateOf(started)).toBe('NotStored');
    await started.clock.advance(minutes(44));
    expect(stateOf(started)).toBe('NotStored');
    world.store.heal();
    await started.clock.advance(minutes(1));
    expect(stateOf(started)).toBe('RenewalFailing');
  });

  it('is NotStored, with its cause, as soon as a read of the Secret fails', async () => {
    const world = worldWith(issued());
    const started = await start(world);
    world.store.fail(new StoreError('There is no Secret billing/billing-tokens.', { permanent: true }));
    await started.clock.advance(seconds(31));
    const [, row] = statusTable(statusOf(started.acquirer, true, started.clock.now())).split('\n');
    expect(row).toMatch(/ NotStored .* StoreRefused: There is no Secret billing\/billing-tokens\.$/);
  });

  it('is Failing if no token exists and its requests fail', async () => {
    const started = await start(worldWith(...refusals()));
    await started.clock.advance(seconds(1));
    expect(stateOf(started)).toBe('Failing');
  });

  it('is Failing, without a token request, if the credential lacks a required key', async () => {
    const started = await start(createWorld(), { specifications: [specification({ neededKeys: ['certificate'] })] });
    expect(stateOf(started)).toBe('Failing');
    expect(started.only().cycle.status.lastError).toMatchObject({ code: 'credential_unreadable' });
    expect(started.endpoint.requests).toHaveLength(0);
  });

  it('is Suspended if the client app does not run', async () => {
    const world = worldWith(issued());
    world.execution.set('stopped');
    expect(stateOf(await start(world, { specifications: [specification({ clientApp: PODS })] }))).toBe('Suspended');
  });
});

describe('a token', () => {
  function healthOf({ acquirer, clock }: Started): boolean | undefined {
    return statusOf(acquirer, true, clock.now()).tokens[0]?.healthy;
  }

  it('is healthy if it is valid and nothing is wrong', async () => {
    expect(healthOf(await start(worldWith(issued())))).toBe(true);
  });

  it('is unhealthy if it is valid and a condition is false', async () => {
    const world = worldWith(issued());
    const started = await start(world, { specifications: [specification({ clientApp: PODS })] });
    expect(healthOf(started)).toBe(true);
    world.execution.sentences = ['The container app mounts it with subPath.'];
    await started.clock.advance(seconds(30));
    expect([stateOf(started), healthOf(started)]).toEqual(['Valid', false]);
  });

  it('is healthy while it is suspended, unless something else is wrong', async () => {
    const world = worldWith(issued());
    world.execution.set('stopped');
    const started = await start(world, { specifications: [specification({ clientApp: PODS })] });
    expect([stateOf(started), healthOf(started)]).toEqual(['Suspended', true]);
    world.credentials.setInterval('dynamics', new UsageError('The interval soon is not a duration.'));
    await started.clock.advance(seconds(30));
    expect([stateOf(started), healthOf(started)]).toEqual(['Suspended', false]);
  });

  it('is healthy while it is suspended, also after it expired and its keys were removed', async () => {
    const world = worldWith(issued());
    const started = await start(world, { specifications: [specification({ clientApp: PODS })] });
    world.execution.set('stopped');
    await started.clock.advance(minutes(61));
    expect(started.only().cycle.status.get('Stored')?.reason).toBe('Withdrawn');
    expect([stateOf(started), healthOf(started)]).toEqual(['Suspended', true]);
    expect(statusTable(statusOf(started.acquirer, true, started.clock.now()))).not.toContain('Withdrawn');
  });

  it.each(['RenewalFailing', 'Failing', 'Expired'] as const)('is unhealthy while it is %s', async (state) => {
    const first = state === 'Failing' ? [] : [issued()];
    const started = await start(worldWith(...first, ...refusals()));
    await started.clock.advance(state === 'Expired' ? minutes(61) : minutes(45));
    expect([stateOf(started), healthOf(started)]).toEqual([state, false]);
  });
});
