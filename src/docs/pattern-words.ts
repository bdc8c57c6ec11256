import { HEADER_NAME_PATTERN, PREFIX_PATTERN } from '../core/token-header.ts';

/** What a value must be, by the pattern that it is checked with: a regular expression means nothing to most readers. */
const WORDS: readonly (readonly [pattern: string, words: string])[] = [
  [
    String.raw`^$|^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$`,
    'must be empty, or lower-case letters, digits and hyphens, at most 63',
  ],
  [
    String.raw`^(?:[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?)?$`,
    'must be a Kubernetes name: lower-case letters, digits, hyphens and dots',
  ],
  [
    String.raw`^[^\s:@]*(?::\d+\/[^\s:@]+)?$`,
    'must be a repository without a tag or digest, which have their own values',
  ],
  [String.raw`^(?:\w[-.\w]{0,127})?$`, 'must be a tag: letters, digits, underscores, dots and hyphens, at most 128'],
  [String.raw`^(?:[a-z0-9]+:[0-9a-f]{32,})?$`, 'must be a digest such as sha256:0123… with all its digits'],
  [
    String.raw`^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$`,
    'must be a DNS label: lower-case letters, digits and hyphens, at most 63',
  ],
  [
    String.raw`^(?:https://[^\s/?#@:][^\s/?#@]*|http://(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?)(?:[/?#].*)?$`,
    'must be an https URL without user and password, or http on loopback only',
  ],
  ['^https?://', 'must be an http or https URL'],
  [String.raw`^(?:https?:\/\/\S+)?$`, 'must be empty, or an http or https URL'],
  ['^[ -~]{1,256}$', 'must be at most 256 printable ASCII characters'],
  [
    '^(?:issuer|token_endpoint|[A-Za-z][-+.A-Za-z0-9]*:[!-~]+)$',
    'must be issuer, token_endpoint or a URI such as https://login.example.com',
  ],
  ['^(?:access_token|id_token|jwt|[A-Za-z][-+.A-Za-z0-9]*:[!-~]+)$', 'must be access_token, id_token, jwt or a URI'],
  [
    String.raw`^[\x21-\x7e]+(?: [\x21-\x7e]+)*$`,
    'must be a token_type as the server sends it: words of visible ASCII characters',
  ],
  [
    String.raw`^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$`,
    'must be a duration such as 30s, 10m or 1h30m, with units ms, s, m, h or d',
  ],
  ['[1-9]', 'must be more than zero'],
  [
    '^[A-Za-z0-9](?:[-._A-Za-z0-9]{0,200}[A-Za-z0-9])?$',
    'must be letters, digits, hyphens, dots and underscores, with a letter or digit at both ends',
  ],
  [String.raw`^(?:(?:0?[1-9]|[1-8]\d)(?:\.\d+)?|90(?:\.0+)?)%$`, 'must be a percentage from 1% to 90%, such as 67%'],
  [
    String.raw`^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$`,
    'must be a Kubernetes name: lower-case letters, digits, hyphens and dots',
  ],
  ['^[-._a-zA-Z0-9]{1,253}$', 'must be a key of a Secret: letters, digits, hyphens, dots and underscores'],
  [String.raw`^(?:https?:\/\/.*)?$`, 'must be empty, or an http or https URL'],
  [
    String.raw`^(?:(?:\d+(?:\.\d+)?(?:ms|s|m|h))+)?$`,
    'must be empty, or a duration such as 720h, with units ms, s, m or h',
  ],
  [
    String.raw`^(?:0|(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?)$`,
    'must be a duration of Prometheus such as 30s or 1m',
  ],
  [HEADER_NAME_PATTERN, 'must be the name of an HTTP header'],
  [
    PREFIX_PATTERN,
    'must be printable ASCII that begins with no space and ends with no letter or digit, such as "Bearer "',
  ],
  [String.raw`^[0-9a-fA-F.:]+\/\d{1,3}$`, 'must be an address block such as 10.0.0.0/8'],
  [String.raw`^\d{1,3}%$`, 'must be a number, or a percentage such as 50%'],
  [String.raw`^[^/]+\/[^/]+\/[^/]+$`, 'must be the name of a token: namespace/secret/name'],
  [String.raw`^https?:\/\/`, 'must be an http or https URL'],
];

const BY_PATTERN: ReadonlyMap<string, string> = new Map(WORDS);

/**
 * Puts words before each pattern of a JSON Schema, as a group that occurs zero times: it matches nothing, and helm, which
 * can show nothing but the pattern, shows the words first. `more` are words by pattern. Throws for a pattern that has none.
 */
export function withWords<Node>(node: Node, more: ReadonlyMap<string, string> = new Map()): Node {
  if (Array.isArray(node)) return node.map((one: unknown) => withWords(one, more)) as Node;
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).map(([key, value]: [string, unknown]): [string, unknown] => {
    // What must not match is not shown.
    if (key === 'not') return [key, value];
    return [key, key === 'pattern' && typeof value === 'string' ? worded(value, more) : withWords(value, more)];
  });
  return Object.fromEntries(entries) as Node;
}

function worded(pattern: string, more: ReadonlyMap<string, string>): string {
  const words = BY_PATTERN.get(pattern) ?? more.get(pattern);
  if (words === undefined) throw new Error(`src/docs/pattern-words.ts has no words for the pattern ${pattern}.`);
  return `(?:${words.replaceAll('.', String.raw`\.`)}){0}(?:${pattern})`;
}
