import { isLabel } from '../../core/names.ts';
import { type Problem, pathText } from './problems.ts';

/** A token of a list or a mapping. In a mapping, its key may be its identity. */
interface GivenToken {
  readonly name?: string | undefined;
  readonly secret: { readonly namespace?: string | undefined; readonly name?: string | undefined };
}

interface Identity {
  readonly name: string;
  readonly secret: { readonly namespace: string; readonly name: string };
}

/** A token with its identity, and its index or key in the configuration. */
export type PlacedToken<Token extends GivenToken> = Token & Identity & { readonly place: number | string };

type Report = (problem: Pick<Problem, 'path' | 'message'>) => void;

/** `tokens[0]`, `tokens["billing/billing-tokens/dynamics"]` */
export function placeText({ place }: { readonly place: number | string }): string {
  return pathText(['tokens', place]);
}

/**
 * Returns the tokens of a list or a mapping. A null in a mapping deletes an inherited key where values are merged.
 * A token without an identity is left out and reported.
 */
export function placedTokens<Token extends GivenToken>(
  tokens: readonly Token[] | Readonly<Record<string, Token | null>>,
  report: Report,
): PlacedToken<Token>[] {
  if (isList(tokens)) return tokens.map((token, index) => ({ ...token, place: index }) as PlacedToken<Token>);
  return Object.entries(tokens).flatMap(([key, token]) => {
    if (token === null) return [];
    const { problems, identity } = identityOf(key, token);
    for (const problem of problems) report(problem);
    if (identity === undefined) return [];
    return [{ ...token, place: key, name: identity.name, secret: { ...token.secret, ...identity.secret } }];
  });
}

interface Identified {
  readonly identity?: Identity;
  readonly problems: readonly Pick<Problem, 'path' | 'message'>[];
}

/** A key of the form namespace/secret/name is the identity. Any other key is a label, and the name where none is given. */
function identityOf(key: string, { name, secret }: GivenToken): Identified {
  const [namespace = '', secretName = '', nameInKey] = key.split('/');
  if (nameInKey === undefined) return identityWithoutKey(key, { name, secret });
  const given = [
    { path: ['name'], value: name, expected: nameInKey },
    { path: ['secret', 'namespace'], value: secret.namespace, expected: namespace },
    { path: ['secret', 'name'], value: secret.name, expected: secretName },
  ];
  return {
    identity: { name: nameInKey, secret: { namespace, name: secretName } },
    problems: given
      .filter(({ value, expected }) => value !== undefined && value !== expected)
      .map(({ path }) => ({
        path: [key, ...path],
        message: 'differs from the key of the token; remove it, or correct the key',
      })),
  };
}

function identityWithoutKey(
  key: string,
  { name = isLabel(key) ? key : undefined, secret: { namespace, name: secret } }: GivenToken,
): Identified {
  if (name !== undefined && namespace !== undefined && secret !== undefined)
    return { identity: { name, secret: { namespace, name: secret } }, problems: [] };
  const missing = [
    name === undefined && 'needs a name, because its key is neither namespace/secret/name nor a DNS label',
    (namespace === undefined || secret === undefined) &&
      'needs a secret with namespace and name, because its key is not of the form namespace/secret/name',
  ].filter((message) => message !== false);
  return { problems: missing.map((message) => ({ path: [key], message })) };
}

function isList<Token>(tokens: readonly Token[] | Readonly<Record<string, Token | null>>): tokens is readonly Token[] {
  return Array.isArray(tokens);
}
