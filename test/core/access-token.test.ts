import { describe, expect, it } from 'vitest';
import {
  type AccessToken,
  holdersOf,
  identityOf,
  type ResourceObservation,
  resourceStatus,
  type TokenView,
} from '../../src/core/access-token.ts';
import type { Condition, Conditions } from '../../src/core/conditions.ts';

const NOW = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

function accessToken(given: Partial<AccessToken> = {}): AccessToken {
  return {
    namespace: 'billing',
    name: 'dynamics',
    uid: 'uid-1',
    generation: 3,
    createdAt: NOW - MINUTE,
    spec: { service: 'dynamics' },
    status: {},
    ...given,
  };
}

function conditions(...list: [Condition['type'], boolean, Condition['reason'], string?][]): Conditions {
  return Object.fromEntries(
    list.map(([type, status, reason, message = 'Why.']) => [type, { type, status, reason, message, since: NOW }]),
  );
}

const STORED = conditions(['Stored', true, 'Stored']);
const SUSPENDED = conditions(['Stored', true, 'Stored'], ['Suspended', true, 'ClientAppNotRunning', 'No pod runs.']);

function view(given: Partial<TokenView> = {}): TokenView {
  return {
    conditions: STORED,
    isSuperseded: false,
    isStored: true,
    error: undefined,
    expiresAt: NOW + 10 * MINUTE,
    renewsAt: NOW + 6 * MINUTE,
    ...given,
  };
}

function observation(given: Partial<ResourceObservation> = {}): ResourceObservation {
  return {
    resource: accessToken(),
    rejection: undefined,
    token: view(),
    isClaimed: true,
    obstacle: undefined,
    now: NOW,
    ...given,
  };
}

const REFUSED = { reason: 'InvalidClient', message: 'The server rejects the client.', permanent: true };
const DOWN = { reason: 'Unreachable', message: 'No connection.', permanent: false };
const NONE = { expiresAt: undefined, renewsAt: undefined, conditions: {} };

describe('the conditions of an AccessToken', () => {
  it.each<[string, Partial<ResourceObservation>, string[]]>([
    ['say that a valid, stored token is ready', {}, ['Ready=True TokenValid']],
    [
      'say that nothing is known yet',
      { token: undefined },
      ['Ready=Unknown Requesting', 'Reconciling=True Requesting'],
    ],
    [
      'say that the first token is requested',
      { token: view(NONE) },
      ['Ready=Unknown Requesting', 'Reconciling=True Requesting'],
    ],
    [
      'say that a token is not ready before it is stored',
      { token: view({ conditions: {} }) },
      ['Ready=Unknown Requesting', 'Reconciling=True Requesting'],
    ],
    [
      'say that a person must act on a rejected credential',
      { token: view({ ...NONE, error: REFUSED }) },
      ['Ready=False InvalidClient', 'Stalled=True InvalidClient'],
    ],
    [
      'say that it goes on while the server is down',
      { token: view({ ...NONE, error: DOWN }) },
      ['Ready=False Unreachable', 'Reconciling=True Unreachable'],
    ],
    [
      'say that a token whose renewal fails for now still works',
      { token: view({ error: DOWN }) },
      ['Ready=True RenewalFailing'],
    ],
    [
      'say that a working token is ready, although a person must act before it expires',
      { token: view({ error: REFUSED }) },
      ['Ready=True RenewalFailing'],
    ],
    [
      'say that a valid token is not the one that a changed AccessToken asks for',
      { token: view({ isSuperseded: true }) },
      ['Ready=Unknown Requesting', 'Reconciling=True Requesting'],
    ],
    [
      'say that the server rejects what a changed AccessToken asks for',
      { token: view({ isSuperseded: true, error: REFUSED }) },
      ['Ready=False InvalidClient', 'Stalled=True InvalidClient'],
    ],
    [
      'say that a suspended one waits for its client app after a change, whatever token it has',
      { token: view({ isSuperseded: true, conditions: SUSPENDED }) },
      ['Ready=False Suspended'],
    ],
    [
      'say that a token is not ready while the Secret may only have the one before',
      { token: view({ isStored: false }) },
      ['Ready=Unknown Requesting', 'Reconciling=True Requesting'],
    ],
    [
      'say that it goes on after a correction of what was rejected',
      { token: view({ ...NONE, error: { ...REFUSED, permanent: false } }) },
      ['Ready=False InvalidClient', 'Reconciling=True InvalidClient'],
    ],
    [
      'say that an expired token is not ready',
      { token: view({ expiresAt: NOW, error: DOWN }) },
      ['Ready=False Unreachable', 'Reconciling=True Unreachable'],
    ],
    [
      'say that a suspended one with a valid token is ready',
      { token: view({ conditions: SUSPENDED }) },
      ['Ready=True Suspended'],
    ],
    [
      'say that a suspended one without a token is not ready, and nothing is done about it',
      { token: view({ conditions: SUSPENDED, expiresAt: NOW }) },
      ['Ready=False Suspended'],
    ],
    [
      'say that the store is unavailable for now',
      { token: view({ conditions: conditions(['Stored', false, 'StoreUnavailable']) }) },
      ['Ready=False StoreUnavailable', 'Reconciling=True StoreUnavailable'],
    ],
    [
      'say that the store rejects the write',
      { token: view({ conditions: conditions(['Stored', false, 'StoreRefused']) }) },
      ['Ready=False StoreRefused', 'Stalled=True StoreRefused'],
    ],
    [
      'say that the Secret cannot be made for now',
      { obstacle: 'The API server is down.', token: undefined },
      ['Ready=False SecretUnavailable', 'Reconciling=True SecretUnavailable'],
    ],
    [
      'say why it is rejected, whatever token there is',
      { rejection: { reason: 'ScopeNotAllowed', message: 'Not this scope.' } },
      ['Ready=False ScopeNotAllowed', 'Stalled=True ScopeNotAllowed'],
    ],
  ])('%s', (_, given, expected) => {
    const found = resourceStatus(observation(given)).conditions ?? [];
    expect(found.map(({ type, status, reason }) => `${type}=${status} ${reason}`)).toEqual(expected);
    expect(found.every(({ message }) => message.endsWith('.'))).toBe(true);
  });

  it.each<[string, Partial<ResourceObservation>]>([
    [
      'a change that is rejected',
      { rejection: { reason: 'ScopeNotAllowed', message: 'Not this scope.' }, isChanged: true },
    ],
    ['a change that the server rejects', { token: view({ isSuperseded: true, error: REFUSED }) }],
    ['a change whose token is requested', { token: view({ isSuperseded: true }) }],
  ])('say that the Secret keeps the token of before %s', (_, given) => {
    const messageIn = (observed: ResourceObservation): string =>
      resourceStatus(observed).conditions?.find(({ type }) => type === 'Ready')?.message ?? '';
    expect(messageIn(observation(given))).toMatch(/\. The Secret keeps the token of before the change\.$/);
    expect(messageIn(observation({ ...given, now: NOW + 11 * MINUTE }))).not.toContain('keeps');
  });

  it.each<[string, Partial<ResourceObservation>, string]>([
    [
      'the service no longer allows it',
      { rejection: { reason: 'ScopeNotAllowed', message: 'Not this scope.' } },
      'Not this scope. The Secret keeps its token.',
    ],
    ['its token is being written', { token: view({ isStored: false }) }, 'The token is being requested.'],
  ])('say nothing of a change where nobody changed the AccessToken and %s', (_, given, message) => {
    expect(resourceStatus(observation(given)).conditions?.[0]?.message).toBe(message);
  });

  describe('that were reported before', () => {
    const ready = resourceStatus(observation());
    const unknown = view({ ...NONE });

    it.each<[string, Partial<ResourceObservation>]>([
      ['nobody works on the token yet', { token: undefined }],
      ['nothing is known of the token yet', { token: unknown }],
    ])('stay while %s, as after a restart', (_, given) => {
      const resource = accessToken({ status: ready });
      expect(resourceStatus(observation({ ...given, resource }))).toEqual(ready);
    });

    it.each<[string, Partial<AccessToken>, Partial<ResourceObservation>, string]>([
      ['the AccessToken was changed', { generation: 4 }, { token: unknown }, 'Unknown Requesting'],
      ['the API server fails', {}, { token: unknown, obstacle: 'No answer.' }, 'False SecretUnavailable'],
      ['a request failed', {}, { token: view({ ...NONE, error: DOWN }) }, 'False Unreachable'],
      [
        'the service is gone',
        {},
        { token: undefined, rejection: { reason: 'ServiceUnknown', message: 'There is none.' } },
        'False ServiceUnknown',
      ],
      [
        'they were not ready',
        { status: resourceStatus(observation({ token: view({ ...NONE, error: DOWN }) })) },
        { token: unknown },
        'Unknown Requesting',
      ],
    ])('are replaced where %s', (_, changed, given, expected) => {
      const resource = accessToken({ status: ready, ...changed });
      const [found] = resourceStatus(observation({ ...given, resource })).conditions ?? [];
      expect(`${found?.status} ${found?.reason}`).toBe(expected);
    });

    it('stay while a renewed token is being written', () => {
      const resource = accessToken({ status: ready });
      const [found] = resourceStatus(observation({ resource, token: view({ isStored: false }) })).conditions ?? [];
      expect(`${found?.status} ${found?.reason}`).toBe('True TokenValid');
    });
  });

  it('carry the generation that they are about', () => {
    const { observedGeneration, conditions: found = [] } = resourceStatus(observation());
    expect([observedGeneration, ...found.map((one) => one.observedGeneration)]).toEqual([3, 3]);
  });

  it('keep the time of the last transition while the status stays', () => {
    const before = resourceStatus(observation());
    const resource = accessToken({ status: before, generation: 4 });
    const later = observation({ resource, now: NOW + MINUTE, token: view({ conditions: SUSPENDED }) });
    expect(resourceStatus(later).conditions?.[0]).toMatchObject({
      reason: 'Suspended',
      observedGeneration: 4,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
    const failed = resourceStatus({ ...later, token: view({ ...NONE, error: DOWN }) });
    expect(failed.conditions?.[0]?.lastTransitionTime).toBe('2026-01-01T00:01:00Z');
  });
});

describe('the status of an AccessToken', () => {
  it('names the Secret, and when the token expires and is renewed', () => {
    expect(resourceStatus(observation())).toMatchObject({
      secretName: 'dynamics',
      expiresAt: '2026-01-01T00:10:00Z',
      renewsAt: '2026-01-01T00:06:00Z',
    });
  });

  it('names no Secret before it is known to be its own', () => {
    expect(resourceStatus(observation({ isClaimed: false }))).not.toHaveProperty('secretName');
    expect(resourceStatus(observation({ token: undefined }))).toHaveProperty('secretName', 'dynamics');
  });

  it('is the same text for the same state, so that nothing is written twice', () => {
    const status = resourceStatus(observation());
    const again = resourceStatus(observation({ resource: accessToken({ status }), now: NOW + 1 }));
    expect(JSON.stringify(again)).toBe(JSON.stringify(status));
  });
});

describe('the Secret of an AccessToken', () => {
  it('has its name, or the one that it asks for', () => {
    expect(identityOf(accessToken())).toEqual({ namespace: 'billing', secret: 'dynamics', name: 'dynamics' });
    const spec = { service: 'dynamics', secretName: 'billing-tokens' };
    expect(identityOf(accessToken({ spec })).secret).toBe('billing-tokens');
  });

  it('goes to the oldest of those that ask for it, and then to the first by name', () => {
    const spec = { service: 'dynamics', secretName: 'shared' };
    const young = accessToken({ name: 'young', uid: 'young', spec, createdAt: NOW });
    const second = accessToken({ name: 'second', uid: 'second', spec });
    const first = accessToken({ name: 'first', uid: 'first', spec });
    const elsewhere = accessToken({ namespace: 'crm', uid: 'elsewhere', spec, createdAt: NOW + 1 });
    const holders = holdersOf([young, second, elsewhere, first]);
    expect(holders.get('billing/shared')?.uid).toBe('first');
    expect(holders.get('crm/shared')?.uid).toBe('elsewhere');
  });
});
