/** A document as it was last seen, one byte a character. Joined, its parts are its text. */
export interface RememberedDocument {
  readonly before: string;
  /** The token in it: the very string that its holder has, so that it takes its memory only once. */
  readonly token: string;
  readonly after: string;
}

/** `token`: what the document is about, where that is known; an ASCII text. */
export function remembered(bytes: Buffer, token: string | undefined): RememberedDocument {
  const at = token === undefined || token === '' ? -1 : bytes.indexOf(token, 0, 'latin1');
  if (at === -1 || token === undefined) return { before: bytes.toString('latin1'), token: '', after: '' };
  // From the bytes, because a part of a string would keep the whole string alive.
  const after = bytes.toString('latin1', at + token.length);
  return { before: bytes.toString('latin1', 0, at), token, after };
}

export function bytesOf({ before, token, after }: RememberedDocument): Buffer {
  return Buffer.from(`${before}${token}${after}`, 'latin1');
}
