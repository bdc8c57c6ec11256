/** Name constraints (RFC 5280 section 4.2.1.10). */
export const NAME_CONSTRAINTS = '2.5.29.30';

const SEQUENCE = 0x30;
const PERMITTED = 0xa0;
const EXCLUDED = 0xa1;
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/** An address and a mask of zero: every address. */
const EVERY_IPV4 = new Uint8Array(8);
const EVERY_IPV6 = new Uint8Array(32);

/**
 * The DER of name constraints that permit these DNS names, and those below them, and no IP address: what is not named
 * by its kind would be free (RFC 5280), and these are the two kinds that a TLS server can be called by. The library has
 * no class of its own for it.
 */
export function nameConstraints(dnsNames: readonly string[]): Uint8Array<ArrayBuffer> {
  const permitted = dnsNames.toSorted().map((name) => der(SEQUENCE, [der(DNS_NAME, [Buffer.from(name, 'ascii')])]));
  const excluded = [EVERY_IPV4, EVERY_IPV6].map((range) => der(SEQUENCE, [der(IP_ADDRESS, [range])]));
  return der(SEQUENCE, [der(PERMITTED, permitted), der(EXCLUDED, excluded)]);
}

function der(tag: number, parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const content = Buffer.concat(parts);
  return Uint8Array.from([tag, ...derLength(content.length), ...content]);
}

/** X.690 section 8.1.3, for up to 65,535 bytes: some hundred names. */
function derLength(length: number): readonly number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}
