/** What `token_type` may say (RFC 6749 appendix A.13), or words of that, such as "Application Access Token". */
export const TOKEN_TYPE = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;
export const MAX_TOKEN_TYPE_LENGTH = 64;

/** Words as names are made of them, and tokens are not. */
const NAME = /^[A-Za-z]{1,20}\d{0,2}(?:[ ._:/-][A-Za-z]{1,20}\d{0,2})*$/;

const PROOF = 'needs a proof with each request, which a bearer token does not have';
const NOT_BEARER: ReadonlyMap<string, string> = new Map([
  ['mac', PROOF],
  ['dpop', PROOF],
  ['pop', PROOF],
  ['n_a', 'is for tokens that are not access tokens (RFC 8693 section 2.2.1)'],
]);

/** Of `notBearerBecause`, in any case, for a JSON Schema. */
export const NOT_BEARER_PATTERN = `^(?:${[...NOT_BEARER.keys()].map(inAnyCase).join('|')})$`;

/** Why tokens of this type are never bearer tokens, whatever the configuration says; goes on from "a type that …". */
export function notBearerBecause(type: string): string | undefined {
  return NOT_BEARER.get(type.toLowerCase());
}

/** Whether tokens of this type are bearer tokens (RFC 6750): by its standard name, or by one of the `others`. */
export function isBearerType(type: string, others: readonly string[]): boolean {
  if (notBearerBecause(type) !== undefined) return false;
  return ['Bearer', ...others].some((name) => name.toLowerCase() === type.toLowerCase());
}

/** Whether the text looks like the name of a type, and not like a token in the wrong place: a message may show it. */
export function isShownType(type: string): boolean {
  return type.length <= MAX_TOKEN_TYPE_LENGTH && NAME.test(type);
}

function inAnyCase(text: string): string {
  return text.replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
}
