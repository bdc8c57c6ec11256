import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

interface Entry {
  readonly payload: AdapterPayload;
  readonly expiresAt: number;
}

const SWEEP_ABOVE = 1000;

function sweep(entries: Map<string, Entry>): void {
  const now = Date.now();
  for (const [id, { expiresAt }] of entries) if (expiresAt <= now) entries.delete(id);
}

function createModelAdapter(): Adapter {
  const entries = new Map<string, Entry>();
  const find = async (id: string): Promise<AdapterPayload | undefined> => {
    const entry = entries.get(id);
    return entry !== undefined && entry.expiresAt > Date.now() ? entry.payload : undefined;
  };
  return {
    find,
    async upsert(id, payload, expiresIn) {
      if (entries.size >= SWEEP_ABOVE) sweep(entries);
      entries.set(id, { payload, expiresAt: expiresIn === undefined ? Infinity : Date.now() + expiresIn * 1000 });
    },
    async consume(id) {
      const payload = await find(id);
      if (payload !== undefined) payload['consumed'] = Math.floor(Date.now() / 1000);
    },
    async destroy(id) {
      entries.delete(id);
    },
    // A chain is revoked by destroying its Grant, without which none of its tokens is valid. Were they removed here,
    // revoking an access token would take the refresh token with it, which RFC 7009 section 2.1 leaves open.
    async revokeByGrantId() {},
    // These two belong to browser sessions and to the device grant, which this server does not offer.
    async findByUid() {
      return undefined;
    },
    async findByUserCode() {
      return undefined;
    },
  };
}

/** The authorization server's state, in memory and for one server: one store for each model. */
export function createMemoryAdapter(): AdapterFactory {
  return () => createModelAdapter();
}
