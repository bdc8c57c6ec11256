import { afterEach, describe, expect, it } from 'vitest';
import type { AccessTokenSpec } from '../../src/core/access-token.ts';
import type { Conditions } from '../../src/core/conditions.ts';
import type { ProcessEvent } from '../../src/core/events.ts';
import { identityText, type Token, type TokenIdentity } from '../../src/core/token.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { ResourceTokens } from '../../src/token-acquirer/resources/resource-tokens.ts';
import type { ObservedCycle } from '../../src/token-acquirer/resources/token-view.ts';
import type { Reissue } from '../../src/token-acquirer/token/reissues.ts';
import { FakeAccessTokens } from '../fakes/fake-access-tokens.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { FakeLeadership } from '../fakes/fake-leadership.ts';

const NOW = Date.UTC(2026, 0, 1);
const LIFETIME = 600_000;
const SPEC: AccessTokenSpec = { service: 'dynamics' };

function configuration({ namespaces = 'billing, crm', scopes = 'read', shards = 1, allowRevokeOnDelete = false } = {}) {
  const text = `authorizationServers: { corporate: { issuer: "https://login.example.com" } }
services:
  dynamics:
    authorizationServer: corporate
    credential: dynamics
    grant: client_credentials
    namespaces: [${namespaces}]
    scopes: [${scopes}]
    allowRevokeOnDelete: ${allowRevokeOnDelete}
shards: ${shards}
tokens: []
`;
  return parseConfiguration(text, '/etc/config.yaml').services;
}

const STOPPING: Reissue = { result: 'stopping', retryAfter: 1000 };

const STORED: Conditions = {
  Stored: { type: 'Stored', status: true, reason: 'Stored', message: 'Stored.', since: NOW },
};

const REJECTED = { code: 'invalid_client', message: 'The client is rejected.', at: NOW };

function cycle(held: Partial<ObservedCycle['held']>, given: Partial<ObservedCycle> = {}): ObservedCycle {
  return {
    held: { token: undefined, superseded: false, stored: false, ...held },
    requests: { isErrorOutdated: false },
    status: { conditions: STORED, lastError: undefined },
    ...given,
  };
}

describe('the tokens of AccessTokens', () => {
  let clock: FakeClock;
  let resources: FakeAccessTokens;
  let leadership: FakeLeadership;
  let tokens: ResourceTokens;
  let cycles: Map<string, ObservedCycle>;
  let woken: string[];
  let warnings: ProcessEvent[];
  /** How often a cycle was looked at for a status. */
  let looks: number;
  /** Answers to come, by the order in which new tokens are asked for. */
  let reissues: Reissue[];
  /** The tokens after each change. */
  let changes: string[][];

  afterEach(() => tokens.stop());

  interface Start {
    readonly role?: 'leading' | 'following';
    readonly isFirst?: boolean;
    readonly shard?: number;
    readonly shards?: number;
  }

  async function start({ role = 'leading', isFirst = true, shard = 0, shards = 1 }: Start = {}) {
    clock = createFakeClock({ now: NOW });
    resources = new FakeAccessTokens();
    leadership = new FakeLeadership(role);
    [cycles, woken, warnings, changes, reissues, looks] = [new Map(), [], [], [], [], 0];
    tokens = new ResourceTokens({
      resources,
      clock,
      leadership,
      isFirst,
      telemetry: { process: (event) => void warnings.push(event) },
      owns: (specification) => specification.shard === shard,
      find: (identity) => {
        looks += 1;
        return cycles.get(identityText(identity));
      },
      storeChanged: (identity) => void woken.push(identityText(identity)),
      reissue: (identity) => {
        if (!cycles.has(identityText(identity))) return undefined;
        const [next = STOPPING] = reissues.splice(0, 1);
        return Promise.resolve(next);
      },
      revoke: () => Promise.resolve(),
      changed: () => void changes.push(names()),
    });
    tokens.follow(configuration({ shards }));
    await clock.advance(200);
  }

  const names = (): string[] => tokens.specifications.map(({ identity }) => identityText(identity));
  const ready = (name = 'dynamics'): string | undefined => {
    const found = resources.statusOf(name).conditions?.find(({ type }) => type === 'Ready');
    return found && `${found.status} ${found.reason}`;
  };

  /** What a cycle does when its token is stored. */
  async function issued(identity: TokenIdentity): Promise<void> {
    const token = { expiresAt: clock.now() + LIFETIME, renewAt: clock.now() + LIFETIME / 2 } as Token;
    cycles.set(identityText(identity), cycle({ token, stored: true }));
    tokens.happened(identity);
    await clock.advance(100);
  }

  const DYNAMICS = { namespace: 'billing', secret: 'dynamics', name: 'dynamics' };

  it('begin when an AccessToken is applied, and end when it is deleted', async () => {
    await start();
    expect(names()).toEqual([]);
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    expect(names()).toEqual(['billing/dynamics/dynamics']);
    expect(changes).toHaveLength(1);
    resources.delete('dynamics');
    await clock.advance(200);
    expect(names()).toEqual([]);
    expect(changes).toHaveLength(2);
  });

  it('are reported as ready once they are stored, within 0.2 s', async () => {
    await start();
    resources.apply('dynamics', SPEC);
    await clock.advance(150);
    expect(ready()).toBe('Unknown Requesting');
    await issued(DYNAMICS);
    expect(ready()).toBe('True TokenValid');
    expect(resources.statusOf('dynamics')).toMatchObject({
      secretName: 'dynamics',
      expiresAt: new Date(NOW + 350 + LIFETIME).toISOString(),
    });
  });

  it('are reported once for each change', async () => {
    await start();
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    await issued(DYNAMICS);
    const before = resources.reports.length;
    for (let time = 0; time < 5; time += 1) tokens.happened(DYNAMICS);
    await clock.advance(60_000);
    expect(resources.reports.length).toBe(before);
    await issued(DYNAMICS);
    expect(resources.reports.length).toBe(before + 1);
  });

  it('are not looked at again because of a change of another one', async () => {
    await start();
    for (let index = 0; index < 100; index += 1) resources.apply(`token-${index}`, SPEC);
    resources.apply('rejected', { service: 'nothing' });
    await clock.advance(1000);
    looks = 0;
    resources.apply('dynamics', SPEC);
    await clock.advance(1000);
    expect(ready()).toBe('Unknown Requesting');
    expect(looks).toBeGreaterThan(0);
    expect(looks).toBeLessThan(10);
  });

  it('are reported although the status of another one cannot be written', async () => {
    await start();
    resources.apply('dynamics', SPEC, 'crm');
    await clock.advance(200);
    resources.unavailable.add('crm');
    cycles.set('crm/dynamics/dynamics', cycle({ token: undefined }));
    tokens.happened({ ...DYNAMICS, namespace: 'crm' });
    resources.apply('refused', { service: 'nothing' }, 'crm');
    await clock.advance(200);
    expect(warnings).not.toEqual([]);
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    await issued(DYNAMICS);
    expect(ready()).toBe('True TokenValid');
    resources.unavailable.delete('crm');
    await clock.advance(11_000);
    expect(resources.statusOf('refused', 'crm').conditions?.[0]?.reason).toBe('ServiceUnknown');
  });

  it('whose status cannot be written are tried again every ten seconds, whatever happens to their tokens', async () => {
    await start();
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    resources.unavailable.add('billing');
    const report = resources.report.bind(resources);
    let attempts = 0;
    resources.report = (...call) => {
      attempts += 1;
      return report(...call);
    };
    for (let time = 0; time < 5; time += 1) await issued(DYNAMICS);
    expect(attempts).toBe(1);
    await clock.advance(9800);
    expect(attempts).toBe(2);
    resources.unavailable.delete('billing');
    await clock.advance(10_100);
    expect(attempts).toBe(3);
    expect(ready()).toBe('True TokenValid');
  });

  it('whose status cannot be written are a warning once, until it was written', async () => {
    await start();
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    for (const count of [1, 2]) {
      resources.unavailable.add('billing');
      await issued(DYNAMICS);
      await clock.advance(60_000);
      expect(warnings).toHaveLength(count);
      resources.unavailable.delete('billing');
      await clock.advance(11_000);
    }
    expect(warnings).toHaveLength(2);
  });

  it('leave a Secret of somebody else as it is, until it is gone', async () => {
    await start();
    resources.owners.set('billing/dynamics', 'somebody else');
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    expect(names()).toEqual([]);
    expect(ready()).toBe('False SecretTaken');
    resources.owners.delete('billing/dynamics');
    await clock.advance(10_500);
    expect(names()).toEqual(['billing/dynamics/dynamics']);
  });

  it('do not wait for a namespace whose Secrets cannot be made', async () => {
    await start();
    resources.unavailable.add('crm');
    resources.apply('dynamics', SPEC, 'crm');
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    expect(names()).toEqual(['billing/dynamics/dynamics']);
    resources.unavailable.delete('crm');
    await clock.advance(11_000);
    expect(names()).toEqual(['crm/dynamics/dynamics', 'billing/dynamics/dynamics']);
    expect(warnings).not.toEqual([]);
  });

  describe('that a person asks to be replaced', () => {
    const GIVEN = { token: {} as Token, stored: true, remaining: LIFETIME };
    const answered = (): string => {
      const { request = '', result = '', message = '' } = resources.statusOf('dynamics').lastReissue ?? {};
      return `${request}: ${result}: ${message}`;
    };

    async function asked(value: string, ...answers: readonly Reissue[]): Promise<void> {
      reissues.push(...answers);
      resources.askReissue('dynamics', value);
      await clock.advance(500);
    }

    async function begin(): Promise<void> {
      await start();
      resources.apply('dynamics', SPEC);
      await clock.advance(200);
      await issued(DYNAMICS);
    }

    it.each<[Reissue, string]>([
      [{ result: 'reissued', ...GIVEN }, 'reissued: A new token is stored.'],
      [{ result: 'coalesced', ...GIVEN, stored: false }, 'coalesced: There is a new token, which is not stored yet.'],
      [{ result: 'newer', ...GIVEN }, 'newer: The token was replaced in the meantime.'],
      [
        { result: 'paused', retryAfter: 9000 },
        'paused: A new token was requested a moment ago. Try again in 9s, with another value.',
      ],
      [{ result: 'failed', error: undefined, retryAfter: 1000 }, 'failed: The authorization server gave no token.'],
    ])('say what became of it: %o', async (reissue, sentence) => {
      await begin();
      await asked('one', reissue);
      expect(answered()).toBe(`one: ${sentence}`);
    });

    it('are requested once for each value', async () => {
      await begin();
      await asked('one', { result: 'reissued', ...GIVEN }, { result: 'newer', ...GIVEN });
      tokens.happened(DYNAMICS);
      await clock.advance(60_000);
      expect(reissues).toHaveLength(1);
      await asked('two');
      expect(reissues).toHaveLength(0);
      expect(answered()).toContain('two: newer');
    });

    it('are left to the next leader where the process ends', async () => {
      await begin();
      await asked('one');
      expect(answered()).toBe(': : ');
      reissues.push({ result: 'reissued', ...GIVEN });
      tokens.happened(DYNAMICS);
      await clock.advance(200);
      expect(answered()).toContain('one: reissued');
    });
  });

  it('stay while a changed AccessToken is rejected, and say so', async () => {
    await start();
    resources.apply('dynamics', { ...SPEC, scope: 'read' });
    await clock.advance(200);
    await issued(DYNAMICS);
    resources.apply('dynamics', { ...SPEC, scope: 'admin' });
    await clock.advance(200);
    expect(ready()).toBe('False ScopeNotAllowed');
    expect(resources.statusOf('dynamics').conditions?.[0]?.message).toMatch(/keeps the token of before the change\.$/);
    expect(tokens.specifications.map(({ scope }) => scope)).toEqual(['read']);
    resources.apply('dynamics', { ...SPEC, scope: 'read' });
    await clock.advance(200);
    expect(ready()).toBe('True TokenValid');
  });

  it('stay where the service became narrower, and no change is reported that nobody made', async () => {
    await start();
    tokens.follow(configuration({ allowRevokeOnDelete: true }));
    resources.apply('dynamics', { ...SPEC, revokeOnDelete: true });
    await clock.advance(200);
    await issued(DYNAMICS);
    tokens.follow(configuration());
    await clock.advance(200);
    expect(ready()).toBe('False RevocationNotAllowed');
    expect(resources.statusOf('dynamics').conditions?.[0]?.message).toMatch(/\. The Secret keeps its token\.$/);
  });

  it('are left in their Secret by a process that starts while a change is rejected', async () => {
    await start();
    const before = resources.apply('dynamics', { ...SPEC, scope: 'admin' });
    resources.owners.set('billing/dynamics', before.uid);
    await resources.report(before, { secretName: 'dynamics' });
    await clock.advance(60_000);
    expect(ready()).toBe('False ScopeNotAllowed');
    // Only a token that was worked on can be removed from its Secret.
    expect(changes).toEqual([]);
    resources.apply('dynamics', { ...SPEC, scope: 'read' });
    await clock.advance(200);
    expect(names()).toEqual(['billing/dynamics/dynamics']);
  });

  it('are ready again after a change once the Secret has the token that is asked for now', async () => {
    await start();
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    await issued(DYNAMICS);
    const token = { expiresAt: NOW + LIFETIME, renewAt: NOW + LIFETIME / 2 } as Token;
    cycles.set('billing/dynamics/dynamics', cycle({ token, superseded: true, stored: true }));
    resources.apply('dynamics', { ...SPEC, scope: 'read' });
    await clock.advance(200);
    expect(ready()).toBe('Unknown Requesting');
    cycles.set('billing/dynamics/dynamics', cycle({ token, stored: false }));
    tokens.happened(DYNAMICS);
    await clock.advance(200);
    expect(ready()).toBe('Unknown Requesting');
    await issued(DYNAMICS);
    expect(ready()).toBe('True TokenValid');
  });

  it('are stalled by a rejected credential until a person may have corrected it', async () => {
    await start();
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    const types = (): (string | undefined)[] =>
      (resources.statusOf('dynamics').conditions ?? []).map(({ type }) => type);
    const status = { conditions: {}, lastError: REJECTED };
    cycles.set('billing/dynamics/dynamics', cycle({}, { status }));
    tokens.happened(DYNAMICS);
    await clock.advance(200);
    expect(types()).toEqual(['Ready', 'Stalled']);
    cycles.set('billing/dynamics/dynamics', cycle({}, { status, requests: { isErrorOutdated: true } }));
    resources.apply('dynamics', { ...SPEC, scope: 'read' });
    await clock.advance(200);
    expect(ready()).toBe('False InvalidClient');
    expect(types()).toEqual(['Ready', 'Reconciling']);
  });

  it('stay ready over a restart, and nothing is written before more is known', async () => {
    await start();
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    await issued(DYNAMICS);
    const before = resources.reports.length;
    cycles.set('billing/dynamics/dynamics', cycle({}, { status: { conditions: {}, lastError: undefined } }));
    tokens.happened(DYNAMICS);
    await clock.advance(200);
    expect(resources.reports).toHaveLength(before);
    expect(ready()).toBe('True TokenValid');
  });

  it('may be those of an earlier spec until the token of this one was reported as ready', async () => {
    await start();
    const may = (): boolean => tokens.mayBeFormer(DYNAMICS);
    expect(may()).toBe(false);
    resources.hold = true;
    resources.apply('dynamics', { ...SPEC, scope: 'read' });
    // Nothing was reported yet.
    await clock.advance(60);
    expect(may()).toBe(false);
    resources.hold = false;
    await clock.advance(20_000);
    await issued(DYNAMICS);
    expect(may()).toBe(false);
    resources.askReissue('dynamics', 'monday');
    await clock.advance(200);
    expect(may()).toBe(false);
    cycles.clear();
    resources.apply('dynamics', SPEC);
    await clock.advance(60);
    expect(may()).toBe(true);
    await clock.advance(200);
    expect(ready()).toBe('Unknown Requesting');
    expect(may()).toBe(true);
    await issued(DYNAMICS);
    expect(may()).toBe(false);
    // The spec in force goes on, and its token is the stored one.
    resources.apply('dynamics', { ...SPEC, scope: 'admin' });
    await clock.advance(200);
    expect(may()).toBe(false);
    cycles.clear();
    resources.apply('dynamics', { ...SPEC, scope: 'read' });
    await clock.advance(200);
    expect(may()).toBe(true);
  });

  it('end when the service no longer allows the namespace', async () => {
    await start();
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    tokens.follow(configuration({ namespaces: 'billing', scopes: 'write' }));
    await clock.advance(200);
    expect(names()).toEqual(['billing/dynamics/dynamics']);
    expect(tokens.leaves(DYNAMICS)).toBe(true);
    tokens.follow(configuration({ namespaces: 'crm' }));
    await clock.advance(200);
    expect(names()).toEqual([]);
    // It may exist still, but nobody looks there.
    expect(tokens.leaves(DYNAMICS)).toBe(true);
  });

  it('are removed from their Secret when their AccessToken is deleted, and stay there while no service allows them', async () => {
    await start();
    const { name } = resources.apply('dynamics', SPEC);
    await clock.advance(200);
    const rejected = { kind: 'rejected', reason: 'ServiceUnknown', message: 'There is none.' } as const;
    tokens.follow({ ...configuration(), judge: (found) => found.map(() => rejected) });
    await clock.advance(200);
    expect(names()).toEqual([]);
    expect(tokens.leaves(DYNAMICS)).toBe(true);
    resources.delete(name);
    await clock.advance(200);
    expect(tokens.leaves(DYNAMICS)).toBe(false);
  });

  it('get a Secret again that was deleted', async () => {
    await start();
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    await issued(DYNAMICS);
    resources.owners.delete('billing/dynamics');
    woken.length = 0;
    tokens.happened(DYNAMICS, { isLost: true });
    await clock.advance(200);
    expect(resources.owners.has('billing/dynamics')).toBe(true);
    expect(woken).toEqual(['billing/dynamics/dynamics']);
    expect(names()).toEqual(['billing/dynamics/dynamics']);
  });

  it('keep their Secret while the API server does not answer', async () => {
    await start();
    resources.apply('dynamics', SPEC);
    await clock.advance(200);
    resources.unavailable.add('billing');
    tokens.happened(DYNAMICS, { isLost: true });
    await clock.advance(30_000);
    expect(names()).toEqual(['billing/dynamics/dynamics']);
  });

  it('are those with a reported Secret where another replica leads, and it reports nothing', async () => {
    await start({ role: 'following' });
    const resource = resources.apply('dynamics', SPEC);
    await clock.advance(200);
    expect(names()).toEqual([]);
    await resources.report(resource, { secretName: 'dynamics' });
    await clock.advance(200);
    expect(names()).toEqual(['billing/dynamics/dynamics']);
    expect(resources.reports).toHaveLength(1);
    expect(resources.owners.size).toBe(0);
    leadership.become('leading');
    await clock.advance(200);
    expect(resources.owners.has('billing/dynamics')).toBe(true);
  });

  it.each<[string, 'leading' | 'following']>([
    ['a restart', 'leading'],
    ['a change of the leader', 'following'],
  ])('stay over %s, while it is not known yet whether the Secret is theirs', async (_, role) => {
    await start({ role });
    resources.hold = true;
    await resources.report(resources.apply('dynamics', SPEC), { secretName: 'dynamics' });
    await clock.advance(200);
    leadership.become('leading');
    await clock.advance(5000);
    resources.hold = false;
    await clock.advance(20_000);
    expect(changes).toEqual([['billing/dynamics/dynamics']]);
  });

  it.each([0, 1])('are reported by one shard only, whether it is accepted or not: shard %d', async (shard) => {
    await start({ shard, shards: 2, isFirst: shard === 0 });
    for (let index = 0; index < 8; index += 1) resources.apply(`token-${index}`, SPEC);
    resources.apply('rejected', { service: 'nothing' });
    await clock.advance(200);
    const reported = new Set(resources.reports.map(({ name }) => name));
    expect(reported.has('rejected')).toBe(shard === 0);
    expect(reported.size).toBe(tokens.specifications.length + (shard === 0 ? 1 : 0));
    expect(tokens.specifications.length).toBeGreaterThan(0);
    expect(tokens.specifications.length).toBeLessThan(8);
  });

  it('do nothing more after a stop', async () => {
    await start();
    tokens.stop();
    resources.apply('dynamics', SPEC);
    await clock.advance(60_000);
    expect(names()).toEqual([]);
    expect(resources.reports).toEqual([]);
  });
});
