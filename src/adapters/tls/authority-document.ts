import { Redacted } from '../../core/redacted.ts';

const VERSION = 1;

/** A CA as it is stored. */
export interface AuthorityEntry {
  /** PEM. */
  readonly certificate: string;
  /** PEM (PKCS #8). */
  readonly privateKey: Redacted;
}

/** `{"version": 1, "authorities": [{"certificate", "private_key"}]}`, PEM inside, the oldest first. */
export function toDocument(entries: readonly AuthorityEntry[]): string {
  const authorities = entries.map(({ certificate, privateKey }) => ({ certificate, private_key: privateKey.reveal() }));
  return `${JSON.stringify({ version: VERSION, authorities }, undefined, 2)}\n`;
}

/** The CAs, `newer` for a version to come, or `damaged`: nothing of it is then to be believed. */
export function fromDocument(text: string): readonly AuthorityEntry[] | 'newer' | 'damaged' {
  const { version, authorities } = fieldsOf(parse(text));
  if (typeof version === 'number' && version > VERSION) return 'newer';
  if (version !== VERSION || !Array.isArray(authorities)) return 'damaged';
  const entries = authorities.map(entryOf);
  return entries.every((entry) => entry !== undefined) ? entries : 'damaged';
}

function entryOf(value: unknown): AuthorityEntry | undefined {
  const { certificate, private_key: privateKey } = fieldsOf(value);
  if (typeof certificate !== 'string' || typeof privateKey !== 'string') return undefined;
  return { certificate, privateKey: new Redacted(privateKey) };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes what it read.
    return undefined;
  }
}
