import { afterEach, describe, expect, it } from 'vitest';
import type { AccessToken, AccessTokenSpec, AccessTokenStatus } from '../../src/core/access-token.ts';
import { FINALIZER } from '../../src/core/access-token-end.ts';
import type { AccessTokens, FollowedAccessTokens } from '../../src/ports/access-tokens.ts';

export interface AccessTokensUnderTest {
  readonly resources: AccessTokens;
  /** Where there is no AccessToken yet. */
  readonly namespace: string;
  /** As an application team does. */
  apply(name: string, spec: AccessTokenSpec): Promise<void>;
  delete(name: string): Promise<void>;
  /** Sets the annotation that asks for a new token. */
  askReissue(name: string, value: string): Promise<void>;
  /** Makes a Secret that belongs to nobody. */
  makeSecret(name: string): Promise<void>;
  /** Sets a finalizer of somebody else. */
  addFinalizer(name: string, finalizer: string): Promise<void>;
  removeFinalizers(name: string): Promise<void>;
  /** Puts something into a Secret that exists. */
  fill(secret: string, key: string, value: string): Promise<void>;
  stop(): Promise<void>;
}

const SOON = { timeout: 10_000, interval: 20 };

const VALID: AccessTokenStatus = {
  observedGeneration: 1,
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      reason: 'TokenValid',
      message: 'The stored token is valid.',
      observedGeneration: 1,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ],
  secretName: 'dynamics',
  expiresAt: '2026-01-01T00:10:00Z',
  renewsAt: '2026-01-01T00:06:00Z',
};

/** What everything that has AccessTokens does. */
export function describeAccessTokens(name: string, make: () => Promise<AccessTokensUnderTest>): void {
  describe(`${name}, as AccessTokens`, () => {
    let parts: AccessTokensUnderTest;
    let followed: FollowedAccessTokens;
    let changes: number;

    afterEach(async () => {
      followed.stop();
      await parts.stop();
    });

    async function start(): Promise<AccessTokensUnderTest> {
      parts = await make();
      changes = 0;
      followed = parts.resources.follow([parts.namespace], () => (changes += 1));
      await expect.poll(() => followed.current(), SOON).toEqual([]);
      return parts;
    }

    async function applied(spec: AccessTokenSpec = { service: 'dynamics' }): Promise<AccessToken> {
      await parts.apply('dynamics', spec);
      await expect.poll(() => followed.current()?.length, SOON).toBe(1);
      return followed.current()?.[0] as AccessToken;
    }

    it('calls back after the first look, even if there is nothing', async () => {
      await start();
      expect(changes).toBeGreaterThanOrEqual(1);
    });

    it('gives what was applied, changed and deleted', async () => {
      const { namespace } = await start();
      const spec = { service: 'dynamics', secretName: 'billing-tokens', serviceAccounts: ['billing-app'] };
      expect(await applied(spec)).toMatchObject({ namespace, name: 'dynamics', generation: 1, spec, status: {} });
      await parts.apply('dynamics', { ...spec, scope: 'read' });
      await expect.poll(() => followed.current()?.[0], SOON).toMatchObject({ generation: 2, spec: { scope: 'read' } });
      await parts.delete('dynamics');
      await expect.poll(() => followed.current(), SOON).toEqual([]);
    });

    it('reports a status, which replaces the one before and changes no generation', async () => {
      await start();
      const resource = await applied();
      await parts.resources.report(resource, VALID);
      await expect.poll(() => followed.current()?.[0]?.status, SOON).toEqual(VALID);
      const { expiresAt: _, ...shorter } = VALID;
      await parts.resources.report(resource, shorter);
      await expect.poll(() => followed.current()?.[0]?.status, SOON).toEqual(shorter);
      expect(followed.current()?.[0]?.generation).toBe(1);
    });

    it('gives the request for a new token, and keeps what became of it', async () => {
      await start();
      await applied();
      await parts.askReissue('dynamics', 'monday');
      await expect.poll(() => followed.current()?.[0], SOON).toMatchObject({ reissue: 'monday', generation: 1 });
      const lastReissue = {
        request: 'monday',
        at: '2026-01-01T00:00:00Z',
        result: 'reissued',
        message: 'A new token is stored.',
      };
      const resource = followed.current()?.[0] as AccessToken;
      await parts.resources.report(resource, { ...VALID, lastReissue });
      await expect.poll(() => followed.current()?.[0]?.status.lastReissue, SOON).toEqual(lastReissue);
    });

    it('passes over an AccessToken that is gone, also if there is another one of its name', async () => {
      await start();
      const resource = await applied();
      await parts.delete('dynamics');
      await expect.poll(() => followed.current(), SOON).toEqual([]);
      await parts.resources.report(resource, VALID);
      const next = await applied();
      await parts.resources.report(resource, VALID);
      expect(next.uid).not.toBe(resource.uid);
      await expect.poll(() => followed.current()?.[0]?.status, SOON).toEqual({});
    });

    it('makes the Secret once, and knows it again', async () => {
      await start();
      const resource = await applied();
      expect(await parts.resources.claim(resource)).toBe('claimed');
      expect(await parts.resources.claim(resource)).toBe('claimed');
    });

    it('leaves a Secret that existed before', async () => {
      await start();
      await parts.makeSecret('dynamics');
      expect(await parts.resources.claim(await applied())).toBe('taken');
    });

    it('gives what its own Secret holds, and nothing of other Secrets', async () => {
      await start();
      const resource = await applied();
      expect(await parts.resources.stored(resource)).toBeUndefined();
      await parts.resources.claim(resource);
      await parts.fill('dynamics', 'dynamics', 'A');
      expect(await parts.resources.stored(resource)).toEqual({ dynamics: 'A' });
      expect(await parts.resources.stored({ ...resource, uid: 'another' })).toBeUndefined();
    });

    it('stays with a finalizer when it is deleted, until that is removed', async () => {
      await start();
      await parts.resources.setFinalizer(await applied(), true);
      await expect.poll(() => followed.current()?.[0]?.finalizers, SOON).toEqual([FINALIZER]);
      await parts.delete('dynamics');
      await expect.poll(() => followed.current()?.[0], SOON).toMatchObject({ isDeleting: true, generation: 2 });
      await parts.resources.setFinalizer(followed.current()?.[0] as AccessToken, false);
      await expect.poll(() => followed.current(), SOON).toEqual([]);
    });

    it('keeps the finalizers of others, also those that it has not seen', async () => {
      await start();
      const unseen = await applied();
      await parts.addFinalizer('dynamics', 'example.com/backup');
      expect(await parts.resources.setFinalizer(unseen, true)).toBe('changed');
      await expect.poll(() => followed.current()?.[0]?.finalizers, SOON).toEqual(['example.com/backup']);
      expect(await parts.resources.setFinalizer(followed.current()?.[0] as AccessToken, true)).toBe('written');
      await expect.poll(() => followed.current()?.[0]?.finalizers, SOON).toEqual(['example.com/backup', FINALIZER]);
      await parts.resources.setFinalizer(followed.current()?.[0] as AccessToken, false);
      await expect.poll(() => followed.current()?.[0]?.finalizers, SOON).toEqual(['example.com/backup']);
      await parts.removeFinalizers('dynamics');
    });

    it('gives those of other namespaces once those are followed instead', async () => {
      const { namespace } = await start();
      await applied();
      followed.change([]);
      expect(followed.current()).toEqual([]);
      followed.change([namespace]);
      await expect.poll(() => followed.current()?.length, SOON).toBe(1);
    });

    it('does not call back after it was stopped', async () => {
      await start();
      followed.stop();
      const before = changes;
      await parts.apply('dynamics', { service: 'dynamics' });
      expect(changes).toBe(before);
    });
  });
}
