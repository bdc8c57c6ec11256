import type { Adapter, AdapterFactory } from 'oidc-provider';
import { createMemoryAdapter } from '../../../src/demo/memory-adapter.ts';

export interface ForgivingAdapter {
  readonly factory: AdapterFactory;
  /** Refresh tokens that came again: within the grace, and after it. */
  readonly counts: { graced: number; replayed: number };
}

/** Returns the memory of the demo's server, with a grace for used refresh tokens, as Okta, Auth0 and Keycloak have it. */
export function createForgivingAdapter(grace: number): ForgivingAdapter {
  const create = createMemoryAdapter();
  const counts = { graced: 0, replayed: 0 };
  const factory: AdapterFactory = (name) => {
    const adapter = create(name);
    return name === 'RefreshToken' ? forgiving(adapter, grace, counts) : adapter;
  };
  return { factory, counts };
}

function forgiving(adapter: Adapter, grace: number, counts: ForgivingAdapter['counts']): Adapter {
  const usedAt = new Map<string, number>();
  return {
    find: async (id) => {
      const found = await adapter.find(id);
      const used = usedAt.get(id);
      if (!found || used === undefined) return found;
      if (Date.now() - used > grace) {
        counts.replayed += 1;
        return found;
      }
      counts.graced += 1;
      const { consumed: _, ...unused } = found;
      return unused;
    },
    async consume(id) {
      if (!usedAt.has(id)) usedAt.set(id, Date.now());
      await adapter.consume(id);
    },
    async destroy(id) {
      usedAt.delete(id);
      await adapter.destroy(id);
    },
    upsert: (id, payload, expiresIn) => adapter.upsert(id, payload, expiresIn),
    revokeByGrantId: (id) => adapter.revokeByGrantId(id),
    findByUid: (uid) => adapter.findByUid(uid),
    findByUserCode: (code) => adapter.findByUserCode(code),
  };
}
