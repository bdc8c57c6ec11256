import { documentKey } from '../../core/token-volume.ts';
import { placeText } from './placed-tokens.ts';
import type { Problem } from './problems.ts';
import type { TokenInput } from './schema.ts';

export function keyOf(token: TokenInput): string {
  return token.key ?? token.name;
}

/** Who has a key of a Secret already, by `namespace/secret/key`. */
type Owners = Map<string, TokenInput>;

/** Finds names and keys that two tokens of one Secret have, or one token has twice. */
export function keyCollisions(tokens: readonly TokenInput[]): Problem[] {
  const names: Owners = new Map();
  const keys: Owners = new Map();
  return tokens.flatMap((token) => {
    const sameName = names.get(inSecret(token, token.name));
    names.set(inSecret(token, token.name), sameName ?? token);
    const problems = [...sameNames(token, sameName), ...sameKeys(token, keys, sameName), ...unusableKeys(token)];
    for (const key of ownKeys(token)) claim(keys, token, key);
    return [...problems, ...unusableCopies(token, keys)];
  });
}

function sameNames(token: TokenInput, other: TokenInput | undefined): Problem[] {
  if (other === undefined) return [];
  return [{ path: pathOf(token, 'name'), message: `is also the name of ${placeText(other)} in the same Secret` }];
}

function sameKeys(token: TokenInput, keys: Owners, sameName: TokenInput | undefined): Problem[] {
  const other = ownKeys(token)
    .map((key) => keys.get(inSecret(token, key)))
    .find((owner) => owner !== undefined);
  if (other === undefined || sameName !== undefined) return [];
  return [{ path: pathOf(token, 'key'), message: `has the same key in the same Secret as ${placeText(other)}` }];
}

function unusableKeys(token: TokenInput): Problem[] {
  return keyOf(token) === 'ca.crt'
    ? [{ path: pathOf(token, 'key'), message: 'is reserved for the CA certificate' }]
    : [];
}

/** A copy is compared with all keys before it: keys of other tokens, keys of its token, and other copies. */
function unusableCopies(token: TokenInput, keys: Owners): Problem[] {
  const { copies = [], delivery } = token;
  if (copies.length > 0 && delivery === 'endpoint') {
    return [{ path: pathOf(token, 'copies'), message: 'needs delivery: secret, because this token is stored nowhere' }];
  }
  return copies.flatMap(({ key }, position) => {
    const other = keys.get(inSecret(token, key));
    claim(keys, token, key);
    if (other === undefined) return [];
    const message =
      other === token ? TWICE : `is also a key of ${placeText(other)} in the same Secret. ${ONE_SECRET_EACH}`;
    return [{ path: ['tokens', token.place, 'copies', position, 'key'], message }];
  });
}

const TWICE = 'is a key of this token already; choose another one';
const ONE_SECRET_EACH = 'Choose another key. Where a program expects this one, give each token its own Secret';

function ownKeys(token: TokenInput): readonly string[] {
  return [keyOf(token), documentKey(keyOf(token))];
}

function claim(keys: Owners, token: TokenInput, key: string): void {
  const place = inSecret(token, key);
  keys.set(place, keys.get(place) ?? token);
}

function inSecret({ secret }: TokenInput, key: string): string {
  return `${secret.namespace}/${secret.name}/${key}`;
}

function pathOf({ place }: TokenInput, field: string): Problem['path'] {
  return ['tokens', place, field];
}
