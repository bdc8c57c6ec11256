import { type SecretReference, sha256 } from './token.ts';

export const MOST_SHARDS = 64;

/** Digits of a hash that make a number of 32 bits. */
const DIGITS = 8;

/** A Secret of the configuration, and the shard that a token in it names; `undefined` where none does. */
export interface Placed extends SecretReference {
  readonly shard: number | undefined;
}

/** Which shard owns which Secret. */
export interface Shards {
  readonly count: number;
  /** Shards that the configuration names, by `namespace/secret`. */
  readonly named: ReadonlyMap<string, number>;
}

/** How many tokens of a shard nobody works on: 0 where somebody does. */
export interface UnownedTokens {
  readonly shard: number;
  readonly tokens: number;
}

/** The shard of a process, and whether that process works on its tokens. */
export interface OwnShard {
  readonly shard: number;
  readonly leads: boolean;
}

/** What is wrong with the shard that a token names. */
export type ShardFault<Token extends Placed> =
  | { readonly kind: 'NoSuchShard'; readonly token: Token }
  /** `other` is in the same Secret. */
  | { readonly kind: 'TwoShards'; readonly token: Token; readonly other: Token };

/** Returns the shards of a configuration. The first token of a Secret that names a shard counts for all tokens in it. */
export function shardsOf(count: number, tokens: readonly Placed[]): Shards {
  const named = new Map<string, number>();
  for (const token of tokens) {
    const secret = secretText(token);
    if (token.shard !== undefined && !named.has(secret)) named.set(secret, token.shard);
  }
  return { count, named };
}

/** Returns the shard that owns all tokens of a Secret: the one that the configuration names, or one by a hash of its name. */
export function ownerOf(secret: SecretReference, { count, named }: Shards): number {
  const text = secretText(secret);
  return named.get(text) ?? Number.parseInt(sha256(text).slice(0, DIGITS), 16) % count;
}

/** Finds shards that do not exist, and Secrets for which two shards are named. */
export function shardFaults<Token extends Placed>(count: number, tokens: readonly Token[]): ShardFault<Token>[] {
  const first = new Map<string, Token>();
  return tokens.flatMap((token): ShardFault<Token>[] => {
    if (token.shard === undefined) return [];
    const secret = secretText(token);
    const other = first.get(secret);
    if (other === undefined) first.set(secret, token);
    if (token.shard >= count) return [{ kind: 'NoSuchShard', token }];
    return other !== undefined && other.shard !== token.shard ? [{ kind: 'TwoShards', token, other }] : [];
  });
}

/** Returns the name of the Deployment and the Lease of a shard. The first shard has the names of an installation without shards. */
export function shardName(name: string, shard: number): string {
  return shard === 0 ? name : `${name}-shard-${shard}`;
}

/** Returns the name of the Service that reaches the pods of one shard only. Clients call the one of all shards. */
export function shardService(service: string, shard: number): string {
  return `${service}-shard-${shard}`;
}

/**
 * Returns the same text for two configurations exactly if each Secret has the same owner in both, except for Secrets that
 * only one of them has. The text is the number of shards, and a hash of the shards that are named.
 */
export function assignmentOf({ count, named }: Shards): string {
  if (named.size === 0) return String(count);
  const entries = [...named].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `${count}/${sha256(JSON.stringify(entries)).slice(0, DIGITS)}`;
}

/** Returns the number of shards in such a text; `undefined` where it is none. */
export function countIn(assignment: string | undefined): number | undefined {
  const count = Number(/^(\d{1,2})(?:\/[0-9a-f]{8})?$/.exec(assignment ?? '')?.[1]);
  return count >= 1 && count <= MOST_SHARDS ? count : undefined;
}

function secretText({ namespace, secret }: SecretReference): string {
  return `${namespace}/${secret}`;
}
