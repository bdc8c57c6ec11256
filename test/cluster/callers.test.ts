import { createPublicKey, randomUUID } from 'node:crypto';
import { AuthenticationV1Api, OpenidApi, RbacAuthorizationV1Api } from '@kubernetes/client-node';
import { SignJWT } from 'jose';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { createJwksAuthenticator } from '../../src/adapters/kubernetes/callers/jwks-authenticator.ts';
import { createTokenReviewAuthenticator } from '../../src/adapters/kubernetes/callers/token-review-authenticator.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { StoreError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { Ms } from '../../src/core/token.ts';
import type { CallerAuthenticator } from '../../src/ports/caller-authenticator.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type CallerAuthenticatorUnderTest, describeCallerAuthenticator } from '../contract/caller-authenticator.ts';
import { failure } from '../support/failure.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { segment, TokenIssuer, tampered } from '../support/token-issuer.ts';
import { apiServerAs, ServiceAccounts } from './caller-accounts.ts';
import type { TestNamespace } from './cluster.ts';
import { describeInCluster } from './in-cluster.ts';

const AUDIENCE = 'token-acquirer';
const audiences = [AUDIENCE];
/** How long the authenticator may keep an answer; and the API server keeps its own as long. */
const KEPT: Ms = 10_000;

type Kind = 'token-review' | 'jwks';
let api: ApiServer;
let accounts: ServiceAccounts;

interface MovedClock extends Clock {
  move(by: Ms): void;
}

/** The machine's time and more, so that nobody waits for the end of a token. */
function movedClock(): MovedClock {
  const system = createSystemClock();
  let moved = 0;
  return {
    now: () => system.now() + moved,
    monotonic: () => system.monotonic() + moved,
    wait: (delay, signal) => system.wait(delay, signal),
    move: (by) => {
      moved += by;
    },
  };
}

function make(kind: Kind, { server, clock = movedClock() }: { server?: ApiServer; clock?: Clock } = {}) {
  const refusals: string[] = [];
  const create = kind === 'jwks' ? createJwksAuthenticator : createTokenReviewAuthenticator;
  const onRefused = (because: string): void => void refusals.push(because);
  const settings = { audience: AUDIENCE, isClient: () => true, maxLifetime: 24 * 3_600_000 };
  const authenticator: CallerAuthenticator = create(server ?? api, { ...settings, clock, onRefused });
  const who = async (bearer: string): Promise<string | undefined> =>
    (await authenticator.authenticate(new Redacted(bearer)))?.name;
  return { authenticator, refusals, who };
}

/** Until the API server itself no longer takes the token: it keeps its answers for a while. */
async function untilRefused(token: string): Promise<void> {
  const reviews = new AuthenticationV1Api(api.configuration);
  const refused = async (): Promise<boolean> => {
    const { status } = await reviews.createTokenReview({ body: { spec: { token, audiences } } });
    return status?.authenticated !== true;
  };
  await expect.poll(refused, { interval: 250, timeout: 10 * KEPT }).toBe(true);
}

async function underTest(kind: Kind): Promise<CallerAuthenticatorUnderTest> {
  const clock = movedClock();
  const { authenticator } = make(kind, { clock });
  const held = new Map<string, string>();
  const deleted: string[] = [];
  const suffix = randomUUID().slice(0, 8);
  const [first, second] = [`first-${suffix}`, `second-${suffix}`];

  async function revoke(name: string): Promise<void> {
    const account = name.split(':').at(-1) ?? '';
    const token = held.get(account);
    held.delete(account);
    if (token === undefined) return;
    // Only a review sees that the ServiceAccount is gone; the signature is good until the token's end.
    await accounts.remove(account);
    deleted.push(token);
    if (kind === 'jwks') clock.move(600_000);
  }

  return {
    authenticator,
    names: [accounts.nameOf(first), accounts.nameOf(second)],
    async issue(name) {
      await revoke(name);
      const account = name.split(':').at(-1) ?? '';
      await accounts.create(account);
      const age = Math.ceil((clock.now() - Date.now()) / 1000);
      const seconds = 600 + age + (account === first ? 0 : 3000);
      const token = await accounts.token(account, { audiences, seconds });
      held.set(account, token);
      return token;
    },
    revoke,
    async settle() {
      if (kind === 'jwks') return;
      await Promise.all(deleted.splice(0).map(untilRefused));
      clock.move(KEPT);
    },
    async stop() {
      await Promise.all([...held.keys()].map((account) => accounts.remove(account)));
    },
  };
}

/** What the cluster says of its key. */
async function publicKey(): Promise<{ kid: string; alg: string; pem: string }> {
  const answer: unknown = await new OpenidApi(api.configuration).getServiceAccountIssuerOpenIDKeyset();
  const { keys } = (typeof answer === 'string' ? JSON.parse(answer) : answer) as { keys: Record<string, string>[] };
  const [key] = keys;
  if (key === undefined) throw new Error('The cluster has no key.');
  const pem = createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
  return { kid: key['kid'] ?? '', alg: key['alg'] ?? '', pem };
}

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
}

const good = (): Promise<string> => accounts.token('billing', { audiences });

const ATTACKS: readonly { name: string; make: () => Promise<string> | string; moved?: Ms; because: string }[] = [
  { name: 'garbage', make: () => secret('garbage'), because: 'no ServiceAccount token' },
  { name: 'a megabyte', make: () => 'x'.repeat(1024 * 1024), because: 'no ServiceAccount token' },
  { name: 'only the name', make: () => accounts.nameOf('billing'), because: 'no ServiceAccount token' },
  { name: 'a token out of a Secret', make: () => accounts.legacyToken('billing'), because: 'no ServiceAccount token' },
  { name: "a token for the API server's own audience", make: () => accounts.token('billing'), because: 'audience' },
  {
    name: 'a token for another audience',
    make: () => accounts.token('billing', { audiences: ['vault'] }),
    because: 'audience',
  },
  {
    name: 'a token whose audience was changed',
    make: async () =>
      tampered(await accounts.token('billing', { audiences: ['vault'] }), (claims) => ({ ...claims, aud: audiences })),
    because: 'signature',
  },
  {
    name: 'a token whose ServiceAccount was changed',
    make: async () => {
      const kubernetes = { namespace: 'kube-system', serviceaccount: { name: 'default', uid: 'x' } };
      const sub = 'system:serviceaccount:kube-system:default';
      return tampered(await good(), (claims) => ({ ...claims, sub, 'kubernetes.io': kubernetes }));
    },
    because: 'signature',
  },
  { name: 'an expired token', make: good, moved: 600_000, because: 'expired' },
  { name: 'a token not yet valid', make: good, moved: -300_000, because: 'not valid yet' },
  {
    name: 'alg none',
    make: async () => {
      const { kid } = await publicKey();
      const [, body = ''] = (await good()).split('.');
      return registerSecret([segment({ alg: 'none', kid }), body, segment('x')].join('.'));
    },
    because: 'signature',
  },
  {
    name: 'HS256 with the public key as the secret',
    make: async () => {
      const { kid, pem } = await publicKey();
      const sign = new SignJWT(claimsOf(await good())).setProtectedHeader({ alg: 'HS256', kid });
      return registerSecret(await sign.sign(new TextEncoder().encode(pem)));
    },
    because: 'signature',
  },
  {
    name: "a stranger's signature by the name of the cluster's key",
    make: async () => {
      const { kid, alg } = await publicKey();
      const stranger = await TokenIssuer.start({ alg });
      return stranger.mint({ now: Date.now(), claims: claimsOf(await good()), header: { kid } });
    },
    because: 'signature',
  },
  {
    name: 'a token of another cluster',
    make: async () => (await TokenIssuer.start({ issuer: 'https://other.example' })).mint({ now: Date.now() }),
    because: 'another issuer',
  },
];

describeInCluster('callers', (cluster) => {
  let namespace: TestNamespace | undefined;

  let prepared: Promise<void> | undefined;

  async function prepare(): Promise<void> {
    api = kubeconfigApiServer(cluster().kubeconfig);
    namespace = await cluster().namespace('callers');
    accounts = new ServiceAccounts(api, namespace.name);
    await accounts.create('billing');
  }

  // Not before all of them: where there is no cluster they are skipped one by one.
  beforeEach(() => {
    prepared ??= prepare();
    return prepared;
  });

  afterAll(async () => {
    await namespace?.remove();
    if (prepared !== undefined) await api.close();
  });

  describeCallerAuthenticator("The API server's TokenReview", () => underTest('token-review'));
  describeCallerAuthenticator("The API server's public keys", () => underTest('jwks'));

  describe.each<{ kind: Kind }>([{ kind: 'token-review' }, { kind: 'jwks' }])('with callers: $kind', ({ kind }) => {
    it('knows a caller and its pod', async () => {
      const uid = await accounts.createPod(`caller-${kind}`, 'billing');
      const token = await accounts.token('billing', { audiences, pod: `caller-${kind}` });
      const { authenticator } = make(kind);
      expect(await authenticator.authenticate(new Redacted(token))).toEqual({
        name: accounts.nameOf('billing'),
        instance: uid,
      });
      await accounts.removePod(`caller-${kind}`);
    });

    it.each(ATTACKS)('rejects $name', async ({ make: attack, moved = 0, because }) => {
      const clock = movedClock();
      clock.move(moved);
      const { who, refusals } = make(kind, { clock });
      expect(await who(await attack())).toBeUndefined();
      expect(refusals).toEqual([expect.stringContaining(because)]);
    });
  });

  describe('what has been deleted', () => {
    it.concurrent.each<{ what: string; remove: (name: string) => Promise<void> }>([
      { what: 'pod', remove: (name) => accounts.removePod(name) },
      { what: 'ServiceAccount', remove: (name) => accounts.remove(name) },
    ])(
      'is seen by a review, and not by the signature only: a $what',
      async ({ what, remove }) => {
        const name = `deleted-${what.toLowerCase()}`;
        await accounts.create(name);
        await accounts.createPod(name, name);
        const token = await accounts.token(name, { audiences, pod: name });
        const [clock, jwksClock] = [movedClock(), movedClock()];
        const [review, jwks] = [make('token-review', { clock }), make('jwks', { clock: jwksClock })];
        expect([await review.who(token), await jwks.who(token)]).toEqual([
          accounts.nameOf(name),
          accounts.nameOf(name),
        ]);
        await remove(name);
        await untilRefused(token);
        clock.move(KEPT);
        expect([await review.who(token), await jwks.who(token)]).toEqual([undefined, accounts.nameOf(name)]);
        expect(review.refusals).toEqual([expect.stringContaining('was deleted')]);
        jwksClock.move(600_000);
        expect(await jwks.who(token)).toBeUndefined();
      },
      120_000,
    );
  });

  describe('the permissions of a token-acquirer', () => {
    async function asServiceAccount(name: string) {
      await accounts.create(name);
      return apiServerAs(await accounts.token(name), cluster().api);
    }

    it('may be none at all to check signatures', async () => {
      const own = await asServiceAccount('acquirer-without-rights');
      const token = await good();
      expect(await make('jwks', { server: own.api }).who(token)).toBe(accounts.nameOf('billing'));
      const error = await failure(make('token-review', { server: own.api }).who(token));
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({ permanent: true });
      expect(String(error)).toContain('create tokenreviews');
      expect(String(error)).not.toContain(token);
      await own.stop();
    });

    it('need to create TokenReviews and nothing else, to review', async () => {
      const own = await asServiceAccount('acquirer-with-reviews');
      const rbac = new RbacAuthorizationV1Api(api.configuration);
      const name = `${namespace?.name}-reviews`;
      const rules = [{ apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] }];
      await rbac.createClusterRole({ body: { metadata: { name }, rules } });
      const subject = { kind: 'ServiceAccount', name: 'acquirer-with-reviews', namespace: namespace?.name ?? '' };
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
      await rbac.createClusterRoleBinding({ body: { metadata: { name }, subjects: [subject], roleRef } });
      try {
        const { who } = make('token-review', { server: own.api });
        const token = await good();
        // The authorizer sees the binding a moment later.
        await expect.poll(() => who(token).catch(String), { timeout: 10_000 }).toBe(accounts.nameOf('billing'));
      } finally {
        await rbac.deleteClusterRoleBinding({ name });
        await rbac.deleteClusterRole({ name });
        await own.stop();
      }
    });
  });
});
