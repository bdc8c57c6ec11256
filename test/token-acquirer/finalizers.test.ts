import { afterEach, describe, expect, it } from 'vitest';
import type { AccessTokenSpec } from '../../src/core/access-token.ts';
import { FINALIZER } from '../../src/core/access-token-end.ts';
import type { ProcessEvent } from '../../src/core/events.ts';
import { identityText } from '../../src/core/token.ts';
import type { VolumeData } from '../../src/core/token-volume.ts';
import type { Services } from '../../src/token-acquirer/configuration/offers.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { ResourceTokens } from '../../src/token-acquirer/resources/resource-tokens.ts';
import { FakeAccessTokens } from '../fakes/fake-access-tokens.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { FakeLeadership } from '../fakes/fake-leadership.ts';

const REVOKED: AccessTokenSpec = { service: 'dynamics', revokeOnDelete: true };
const KEPT: AccessTokenSpec = { service: 'dynamics' };
const CONTENT = { dynamics: 'not a token' };

function services({ namespaces = 'billing', allow = true } = {}): Services {
  const text = `authorizationServers: { corporate: { issuer: "https://login.example.com" } }
services:
  dynamics:
    authorizationServer: corporate
    credential: dynamics
    grant: client_credentials
    namespaces: [${namespaces}]
    scopes: [read]
    allowRevokeOnDelete: ${allow}
tokens: []
`;
  return parseConfiguration(text, '/etc/config.yaml').services;
}

describe('AccessTokens whose token is revoked at the end', () => {
  let clock: FakeClock;
  let resources: FakeAccessTokens;
  let leadership: FakeLeadership;
  let tokens: ResourceTokens;
  let warnings: ProcessEvent[];
  /** Each revocation that began: of which token, with what of its Secret. */
  let revocations: { readonly identity: string; readonly data: VolumeData }[];
  /** Whether revocations take until they are given up. */
  let isSlow: boolean;
  /** The tokens that were worked on at each revocation. */
  let during: string[][];

  afterEach(() => tokens.stop());

  function process(given: { readonly isFirst?: boolean; readonly owns?: boolean } = {}): ResourceTokens {
    const { isFirst = true, owns = true } = given;
    return new ResourceTokens({
      resources,
      clock,
      leadership,
      isFirst,
      telemetry: { process: (event) => void warnings.push(event) },
      owns: () => owns,
      find: () => undefined,
      storeChanged: () => undefined,
      reissue: () => undefined,
      async revoke({ identity }, data, signal) {
        revocations.push({ identity: identityText(identity), data: await data });
        during.push(names());
        if (isSlow) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      },
      changed: () => undefined,
    });
  }

  async function start(given: Parameters<typeof process>[0] & { readonly role?: 'leading' | 'following' } = {}) {
    clock = createFakeClock();
    resources = new FakeAccessTokens();
    leadership = new FakeLeadership(given.role ?? 'leading');
    [warnings, revocations, during, isSlow] = [[], [], [], false];
    tokens = process(given);
    tokens.follow(services());
    await clock.advance(200);
  }

  async function apply(spec: AccessTokenSpec): Promise<void> {
    resources.apply('dynamics', spec);
    await clock.advance(200);
  }

  async function remove(): Promise<void> {
    resources.delete('dynamics');
    await clock.advance(200);
  }

  const names = (): string[] => tokens.specifications.map(({ identity }) => identityText(identity));
  const finalizers = (): readonly string[] | undefined => resources.find('dynamics')?.finalizers;
  const sentences = (): string[] => warnings.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));

  it('have a finalizer, and others have none', async () => {
    await start();
    resources.apply('other', KEPT);
    await apply(REVOKED);
    expect(finalizers()).toEqual([FINALIZER]);
    expect(resources.find('other')?.finalizers).toBeUndefined();
    expect(resources.finalizerWrites).toEqual(['dynamics set']);
  });

  it('have it before their Secret is made', async () => {
    await start();
    const order: string[] = [];
    const { setFinalizer, claim } = resources;
    resources.setFinalizer = async (...call) => {
      await clock.wait(1000);
      order.push('finalizer');
      return setFinalizer.apply(resources, call);
    };
    resources.claim = async (...call) => {
      order.push('claim');
      return claim.apply(resources, call);
    };
    await apply(REVOKED);
    expect(order).toEqual([]);
    await clock.advance(1200);
    expect(order).toEqual(['finalizer', 'claim']);
    expect(names()).toEqual(['billing/dynamics/dynamics']);
  });

  it('get their token although the finalizer cannot be set, which is tried again', async () => {
    await start();
    const { setFinalizer } = resources;
    resources.setFinalizer = () => Promise.reject(new Error('The finalizer cannot be written.'));
    await apply(REVOKED);
    expect(names()).toEqual(['billing/dynamics/dynamics']);
    await clock.advance(60_000);
    expect(sentences()).toEqual(['The finalizer cannot be written.']);
    resources.setFinalizer = setFinalizer;
    await clock.advance(11_000);
    expect(finalizers()).toEqual([FINALIZER]);
  });

  it('lose the finalizer when they no longer ask for the revocation, but not that of somebody else', async () => {
    await start();
    await apply(REVOKED);
    resources.changeFinalizers('dynamics', (all) => [...all, 'example.com/backup']);
    await apply({ ...REVOKED, revokeOnDelete: false });
    expect(finalizers()).toEqual(['example.com/backup']);
    await remove();
    expect(revocations).toEqual([]);
    expect(names()).toEqual([]);
  });

  it('are gone once their token was revoked, which nobody works on any more', async () => {
    await start();
    await apply(REVOKED);
    resources.contents.set('billing/dynamics', CONTENT);
    await remove();
    expect(revocations).toEqual([{ identity: 'billing/dynamics/dynamics', data: CONTENT }]);
    expect(during).toEqual([[]]);
    expect(resources.find('dynamics')).toBeUndefined();
    expect(resources.finalizerWrites).toEqual(['dynamics set', 'dynamics removed']);
  });

  it('are gone after 10 s, where the token cannot be revoked', async () => {
    await start();
    await apply(REVOKED);
    isSlow = true;
    await remove();
    await clock.advance(9000);
    expect(resources.find('dynamics')?.isDeleting).toBe(true);
    await clock.advance(1200);
    expect(resources.find('dynamics')).toBeUndefined();
    expect(revocations).toHaveLength(1);
  });

  it('are gone also where the API server did not take the removal at first', async () => {
    await start();
    await apply(REVOKED);
    resources.unavailable.add('billing');
    await remove();
    expect(revocations).toEqual([{ identity: 'billing/dynamics/dynamics', data: {} }]);
    expect(resources.find('dynamics')?.isDeleting).toBe(true);
    resources.unavailable.delete('billing');
    await clock.advance(11_000);
    expect(resources.find('dynamics')).toBeUndefined();
    expect(revocations).toHaveLength(1);
  });

  it('are gone also where somebody else changed the finalizers during the removal', async () => {
    await start();
    await apply(REVOKED);
    const { setFinalizer } = resources;
    resources.setFinalizer = async (...call) => {
      resources.setFinalizer = setFinalizer;
      resources.changeFinalizers('dynamics', (all) => [...all, 'example.com/backup']);
      // The event comes before the answer.
      await clock.wait(500);
      return setFinalizer.apply(resources, call);
    };
    await remove();
    await clock.advance(800);
    expect(finalizers()).toEqual(['example.com/backup']);
    expect(resources.finalizerWrites).toEqual(['dynamics set', 'dynamics removed', 'dynamics removed']);
    expect(revocations).toHaveLength(1);
  });

  it('get their finalizer after a while, where nothing shows why it was not set', async () => {
    await start();
    const { setFinalizer } = resources;
    let attempts = 0;
    resources.setFinalizer = () => {
      attempts += 1;
      return Promise.resolve('changed');
    };
    await apply(REVOKED);
    resources.apply('other', KEPT);
    await clock.advance(5000);
    expect(attempts).toBe(1);
    resources.setFinalizer = setFinalizer;
    await clock.advance(6000);
    expect(finalizers()).toEqual([FINALIZER]);
  });

  it('never touch the token of a Secret that belongs to something else', async () => {
    await start();
    resources.owners.set('billing/dynamics', 'somebody else');
    resources.contents.set('billing/dynamics', CONTENT);
    await apply(REVOKED);
    await remove();
    expect(revocations.map(({ data }) => data)).toEqual([{}]);
    expect(resources.find('dynamics')).toBeUndefined();
  });

  it('have it revoked also if the last change was rejected', async () => {
    await start();
    await apply(REVOKED);
    await apply({ ...REVOKED, scope: 'admin' });
    expect(finalizers()).toEqual([FINALIZER]);
    expect(names()).toEqual(['billing/dynamics/dynamics']);
    await remove();
    expect(revocations).toHaveLength(1);
    expect(resources.find('dynamics')).toBeUndefined();
  });

  it('have it revoked by a process that started while a change was rejected', async () => {
    await start();
    await apply(REVOKED);
    tokens.stop();
    resources.apply('dynamics', { ...REVOKED, scope: 'admin' });
    tokens = process();
    tokens.follow(services());
    await clock.advance(200);
    expect(finalizers()).toEqual([FINALIZER]);
    await remove();
    expect(revocations).toHaveLength(1);
  });

  it('have it revoked by a process that starts while they are deleted', async () => {
    await start();
    await apply(REVOKED);
    tokens.stop();
    await remove();
    expect(revocations).toEqual([]);
    tokens = process();
    tokens.follow(services());
    await clock.advance(200);
    expect(revocations).toHaveLength(1);
    expect(resources.find('dynamics')).toBeUndefined();
  });

  it('are left to the next process by one that ends', async () => {
    await start();
    await apply(REVOKED);
    isSlow = true;
    await remove();
    tokens.stop();
    await clock.advance(20_000);
    expect(resources.find('dynamics')?.isDeleting).toBe(true);
    isSlow = false;
    tokens = process();
    tokens.follow(services());
    await clock.advance(200);
    expect(revocations).toHaveLength(2);
    expect(resources.find('dynamics')).toBeUndefined();
  });

  it('are gone where their service is no longer open to the namespace, with a warning', async () => {
    await start();
    await apply(REVOKED);
    tokens.follow(services({ namespaces: 'crm' }));
    resources.apply('dynamics', { service: 'dynamics' });
    tokens.follow({ ...services({ namespaces: 'crm' }), namespaces: ['billing'] });
    await clock.advance(200);
    expect(names()).toEqual([]);
    await remove();
    expect(revocations).toEqual([]);
    expect(resources.find('dynamics')).toBeUndefined();
    expect(sentences().join()).toContain(
      'The AccessToken billing/dynamics was deleted while the configuration allowed no',
    );
  });

  it('keep their token, and its revocation, where the service no longer allows that', async () => {
    await start();
    await apply(REVOKED);
    tokens.follow(services({ allow: false }));
    await clock.advance(200);
    expect(resources.statusOf('dynamics').conditions?.[0]?.reason).toBe('RevocationNotAllowed');
    expect(names()).toEqual(['billing/dynamics/dynamics']);
    await remove();
    expect(revocations).toHaveLength(1);
    expect(resources.find('dynamics')).toBeUndefined();
  });

  it('keep them in a process that starts after the service no longer allows the revocation', async () => {
    await start();
    await apply(REVOKED);
    tokens.stop();
    tokens = process();
    tokens.follow(services({ allow: false }));
    await clock.advance(200);
    expect(resources.statusOf('dynamics').conditions?.[0]?.reason).toBe('RevocationNotAllowed');
    expect(names()).toEqual(['billing/dynamics/dynamics']);
    expect(finalizers()).toEqual([FINALIZER]);
    await remove();
    expect(revocations).toHaveLength(1);
    expect(resources.find('dynamics')).toBeUndefined();
  });

  it('have no token after a start, where the service never allowed the revocation', async () => {
    await start();
    await apply(KEPT);
    tokens.stop();
    resources.apply('dynamics', REVOKED);
    tokens = process();
    tokens.follow(services({ allow: false }));
    await clock.advance(200);
    expect(names()).toEqual([]);
    expect(finalizers()).toBeUndefined();
  });

  it.each([
    ['the leader', { role: 'following' as const }],
    ['the shard that owns the token', { owns: false }],
  ])('are left to %s', async (_, given) => {
    await start(given);
    await apply(REVOKED);
    resources.changeFinalizers('dynamics', (all) => [...all, FINALIZER]);
    await remove();
    await clock.advance(20_000);
    expect(revocations).toEqual([]);
    expect(resources.finalizerWrites).toEqual([]);
    expect(resources.find('dynamics')?.isDeleting).toBe(true);
  });

  it('get no token any more while they are deleted, whatever they wait for', async () => {
    await start();
    await apply(KEPT);
    resources.changeFinalizers('dynamics', (all) => [...all, 'foregroundDeletion']);
    await remove();
    expect(resources.find('dynamics')?.isDeleting).toBe(true);
    expect(names()).toEqual([]);
    expect(revocations).toEqual([]);
  });
});
