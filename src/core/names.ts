/** A DNS label (RFC 1123). */
export const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const FILE_NAME = /^(?!\.$)(?!.*\.\.)[-._a-zA-Z0-9]{1,253}$/;

/** Whether the text is a DNS label (RFC 1123): what namespaces, Secrets and tokens are called. */
export function isLabel(text: string): boolean {
  return LABEL.test(text);
}

/**
 * Whether the text may name a key or folder: letters, digits, `-`, `.` and `_`, as in a Secret. No `..` anywhere, so
 * that no name leads to another directory or to the scaffolding of a volume.
 */
export function isFileName(text: string): boolean {
  return FILE_NAME.test(text);
}
