import { type Placed, type Shards, shardFaults, shardsOf } from '../../core/shards.ts';
import { placeText } from './placed-tokens.ts';
import type { Problem } from './problems.ts';
import type { ConfigurationInput, TokenInput } from './schema.ts';

/** Finds shards that do not exist, and Secrets for which two shards are named. */
export function shardProblems({ shards, tokens }: ConfigurationInput): Problem[] {
  return shardFaults(shards, tokens.map(placed)).map((fault) => {
    const path = ['tokens', fault.token.place, 'shard'];
    if (fault.kind === 'TwoShards') {
      const message = `differs from the shard of ${placeText(fault.other)}, which is in the same Secret: all tokens of a Secret are in one shard`;
      return { path, message };
    }
    return { path, message: `must be less than shards, which is ${shards}: the first shard is 0` };
  });
}

/** Returns which shard owns which Secret. */
export function configuredShards({ shards, tokens }: Pick<ConfigurationInput, 'shards' | 'tokens'>): Shards {
  return shardsOf(shards, tokens.map(placed));
}

function placed({ secret, shard, place }: TokenInput): Placed & Pick<TokenInput, 'place'> {
  return { namespace: secret.namespace, secret: secret.name, shard, place };
}
