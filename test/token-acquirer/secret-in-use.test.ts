import { describe, expect, it } from 'vitest';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, seconds, start } from '../support/acquirer.ts';

const byNext = () => tokenResponse({ nextSecret: true });

describe('a second secret in use', () => {
  it('is reported once, in a condition and an event, and the token is renewed as ever', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse(), byNext(), byNext(), byNext());
    const { clock, kinds, only, endpoint, events } = await start(world);
    expect(only().cycle.status.get('SecretCurrent')).toBeUndefined();
    await clock.advance(minutes(2));
    expect(endpoint.requests).toHaveLength(3);
    expect(kinds()).not.toContain('token-request-failed');
    const reported = events.filter(({ event }) => event.kind === 'next-secret-in-use');
    expect(reported).toHaveLength(1);
    const message =
      'The authorization server corporate rejected client_secret of the credential dynamics and accepted client_secret_next, which is in use now. Put the value of client_secret_next into client_secret before the next rotation.';
    expect(reported[0]?.event).toEqual({ kind: 'next-secret-in-use', message });
    expect(only().cycle.status.get('SecretCurrent')).toMatchObject({
      status: false,
      reason: 'NextSecretInUse',
      message,
    });
  });

  it('is over when the first secret is accepted again', async () => {
    const world = createWorld();
    world.endpoint.script(byNext(), tokenResponse(), byNext());
    const { clock, kinds, only } = await start(world);
    await clock.advance(seconds(45));
    expect(only().cycle.status.get('SecretCurrent')).toMatchObject({ status: true, reason: 'FirstSecretInUse' });
    await clock.advance(seconds(45));
    expect(kinds().filter((kind) => kind === 'next-secret-in-use')).toHaveLength(2);
  });
});
