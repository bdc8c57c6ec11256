import { randomUUID } from 'node:crypto';
import type { V1Secret } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { writeSecretKeys } from '../../src/adapters/kubernetes/terminal/credential-secret.ts';
import { messageOf, StoreError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';

/** What tests make of a Secret. */
export interface SecretBody {
  readonly type: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  /** `kind` and `name` of its owner. */
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly data?: Record<string, string>;
  readonly immutable?: boolean;
}

/** As the API server takes it. */
export function secretObject(
  name: string,
  { type, labels, annotations, owner, data, immutable }: SecretBody,
): V1Secret {
  const ownerReferences = owner && [{ apiVersion: 'external-secrets.io/v1', ...owner, uid: randomUUID() }];
  return {
    metadata: {
      name,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(ownerReferences && { ownerReferences }),
    },
    type,
    ...(data && { data }),
    ...(immutable !== undefined && { immutable }),
  };
}

/** An API server with a namespace for the tests. */
export interface SecretWriterBench {
  readonly namespace: string;
  /** As a user with the verbs `patch` and `create` on Secrets, or with some of them, and no other right. */
  as(verbs?: readonly ('patch' | 'create')[]): Promise<ApiServer>;
  /** As somebody whom the API server does not know. */
  asNobody(): ApiServer;
  make(name: string, body: SecretBody): Promise<void>;
  seen(name: string): Promise<V1Secret>;
  stop(): Promise<void>;
}

/** Writing keys of Secrets with permissions for only that, the same on the fake API server and on a real one. */
export function describeSecretWriter(name: string, open: () => Promise<SecretWriterBench>): void {
  describe(`${name}, written by a user`, () => {
    let bench: SecretWriterBench;
    let count = 0;
    /** A Secret that does not exist yet. */
    let target: { namespace: string; secret: string };
    beforeEach(async () => {
      bench = await open();
      count += 1;
      target = { namespace: bench.namespace, secret: `dynamics-${count}` };
    });
    afterEach(() => bench.stop());

    const valuesOf = (values: Readonly<Record<string, string>>): Map<string, Redacted> =>
      new Map(Object.entries(values).map(([key, value]) => [key, new Redacted(value)]));

    async function write(values: Readonly<Record<string, string>>, api?: ApiServer) {
      return writeSecretKeys(api ?? (await bench.as()), target, valuesOf(values));
    }

    async function textsOf(secretName: string): Promise<Record<string, string>> {
      const { data = {} } = await bench.seen(secretName);
      return Object.fromEntries(
        Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
      );
    }

    it('makes it where there is none, with labels that no sync takes for its own', async () => {
      const password = secret('client-secret');
      expect(await write({ client_id: 'billing', client_secret: password })).toEqual({
        created: true,
        keeper: undefined,
      });
      expect((await textsOf(target.secret))['client_secret'] === password).toBe(true);
      const { type, metadata } = await bench.seen(target.secret);
      expect(type).toBe('Opaque');
      expect(metadata?.labels).toEqual({
        'app.kubernetes.io/managed-by': 'token-acquirer-terminal',
        'app.kubernetes.io/part-of': 'token-acquirer',
      });
      expect(metadata?.annotations).toBeUndefined();
      expect(metadata?.ownerReferences).toBeUndefined();
    });

    it('changes the keys that are named, and leaves all else as it is', async () => {
      const labels = { team: 'billing' };
      const data = { client_id: 'YQ==', other: 'eA==' };
      await bench.make(target.secret, { type: 'example.com/kind', labels, data });
      expect(await write({ client_id: 'b', username: 'ann' })).toEqual({ created: false, keeper: undefined });
      expect(await textsOf(target.secret)).toEqual({ client_id: 'b', username: 'ann', other: 'x' });
      expect(await bench.seen(target.secret)).toMatchObject({ type: 'example.com/kind', metadata: { labels } });
    });

    it('fills one that is empty, as a chart makes it', async () => {
      await bench.make(target.secret, { type: 'Opaque' });
      expect(await write({ interval: '10m' })).toMatchObject({ created: false });
      expect(await textsOf(target.secret)).toEqual({ interval: '10m' });
    });

    it('keeps a value to the letter, whatever is in it', async () => {
      const pem = `-----BEGIN PRIVATE KEY-----\n${secret('private-key')}\n-----END PRIVATE KEY-----\n`;
      await write({ private_key: pem, username: 'Zoë "ł" \\ ü' });
      const found = await textsOf(target.secret);
      expect(found['private_key'] === pem).toBe(true);
      expect(found['username']).toBe('Zoë "ł" \\ ü');
    });

    it.each<[string, Partial<SecretBody>, string]>([
      ['an owner', { owner: { kind: 'ExternalSecret', name: 'dynamics' } }, 'ExternalSecret dynamics'],
      ['Argo CD', { annotations: { 'argocd.argoproj.io/tracking-id': 'app:/Secret:a/b' } }, 'Argo CD'],
      ['Flux', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } }, 'Flux'],
      ['Helm', { annotations: { 'meta.helm.sh/release-name': 'billing' } }, 'a Helm release'],
    ])('reports that %s keeps it', async (_who, marks, keeper) => {
      await bench.make(target.secret, { type: 'Opaque', ...marks });
      expect(await write({ client_id: 'b' })).toEqual({ created: false, keeper });
    });

    it.each<[string, () => Promise<unknown>, readonly (string | RegExp)[]]>([
      [
        'the namespace is missing',
        async () => {
          target = { ...target, namespace: 'no-such-namespace' };
          return write({ client_id: 'b' }, await bench.as());
        },
        [/there is no namespace no-such-namespace|may not (patch|create) secrets in the namespace no-such-namespace/],
      ],
      [
        'it may not be changed',
        async () => {
          await bench.make(target.secret, { type: 'Opaque' });
          return write({ client_id: 'b' }, await bench.as(['create']));
        },
        ['may not patch secrets', 'with the verbs create and patch on secrets', 'kubectl auth can-i patch secrets/'],
      ],
      [
        'none may be made',
        async () => write({ client_id: 'b' }, await bench.as(['patch'])),
        ['may not create secrets', 'kubectl auth can-i create secrets/'],
      ],
      [
        'the user is not known',
        () => write({ client_id: 'b' }, bench.asNobody()),
        ['does not know the user of the kubeconfig (401). Log in again, as for kubectl.'],
      ],
      [
        'it is immutable',
        async () => {
          await bench.make(target.secret, { type: 'Opaque', immutable: true, data: { a: 'YQ==' } });
          return write({ client_id: 'b' });
        },
        ['it is immutable. Delete it and set all of its values again. Try: kubectl delete secret dynamics-'],
      ],
      [
        'it would be too large',
        async () => {
          const data = { a: Buffer.alloc(1_040_000, 'a').toString('base64') };
          await bench.make(target.secret, { type: 'Opaque', data });
          return write({ private_key: 'b'.repeat(60_000) });
        },
        ['it would be larger than the API server takes (1 MiB)'],
      ],
    ])('says what is to be done where %s, and that it takes someone to do it', async (_what, act, sentences) => {
      const error = await failure(act());
      expect(error).toBeInstanceOf(StoreError);
      expect((error as StoreError).permanent).toBe(true);
      expect(messageOf(error)).toContain(`The Secret ${target.namespace}/${target.secret} cannot be written: `);
      for (const sentence of sentences) expect(messageOf(error)).toMatch(sentence);
    });
  });
}
