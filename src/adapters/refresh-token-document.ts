import { isLabel } from '../core/names.ts';
import { Redacted } from '../core/redacted.ts';
import type { EpochMs } from '../core/token.ts';
import type { RefreshTokenChain } from '../ports/refresh-token-store.ts';

/** A chain as it is stored. A chain that was removed only has `removed`. */
interface RefreshTokenDocument {
  readonly refresh_token: string;
  readonly origin_sha256: string;
  readonly rotates: boolean;
  readonly in_use: boolean;
  /** RFC 3339. Version 0.1.0 neither writes nor reads it. */
  readonly in_use_since?: string;
  /** Name of the Lease of the shard that used it last. Version 0.1.0 neither writes nor reads it. */
  readonly lease?: string;
}

export function toDocument(chain: RefreshTokenChain | undefined): string {
  if (chain === undefined) return '{"removed":true}\n';
  const document: RefreshTokenDocument = {
    refresh_token: chain.refreshToken.reveal(),
    origin_sha256: chain.originSha256,
    rotates: chain.rotates,
    in_use: chain.inUse,
    ...(chain.inUseSince !== undefined && { in_use_since: new Date(chain.inUseSince).toISOString() }),
    ...(chain.lease !== undefined && { lease: chain.lease }),
  };
  return `${JSON.stringify(document)}\n`;
}

/** The chain, `removed`, or `damaged` where it is neither: no field of it is then to be believed. */
export function fromDocument(text: string): RefreshTokenChain | 'removed' | 'damaged' {
  const fields = parse(text);
  if (fields['removed'] === true && Object.keys(fields).length === 1) return 'removed';
  const { refresh_token: refreshToken, origin_sha256: originSha256, rotates, in_use: inUse } = fields;
  if (typeof refreshToken !== 'string' || refreshToken === '' || typeof originSha256 !== 'string') return 'damaged';
  if (typeof rotates !== 'boolean' || typeof inUse !== 'boolean') return 'damaged';
  const { lease } = fields;
  const of = typeof lease === 'string' && isLabel(lease) ? { lease } : {};
  const chain = { refreshToken: new Redacted(refreshToken), originSha256, rotates, inUse, ...of };
  const inUseSince = timeOf(fields['in_use_since']);
  return inUseSince === undefined ? chain : { ...chain, inUseSince };
}

/** A time that makes no sense is not known, which is how an old mark is treated. */
function timeOf(value: unknown): EpochMs | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

function parse(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    // The parser's own message quotes what it read.
    return {};
  }
}
