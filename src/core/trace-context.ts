/** The place in a trace from which a call came, as W3C Trace Context names it. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero: the span of the caller. */
  readonly spanId: string;
  /** Two hexadecimal digits. */
  readonly flags: string;
}

export const TRACE_HEADER = 'traceparent';

/** A later version may add fields. A longer text than this is not read. */
const LONGEST = 512;
const FORM =
  /^(?!ff)(?<version>[0-9a-f]{2})-(?!0{32})(?<traceId>[0-9a-f]{32})-(?!0{16})(?<spanId>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})(?<more>-[!-~]*)?$/;
/** What the version 00 defines: sampled, and that the ID is random. */
const DEFINED = 0b11;

/** Returns what a `traceparent` names; `undefined` for any text that breaks its form, and for several of them. */
export function parseTraceparent(value: string | readonly string[] | undefined): TraceContext | undefined {
  if (typeof value !== 'string' || value.length > LONGEST) return undefined;
  const { version, traceId, spanId, flags, more } = FORM.exec(value)?.groups ?? {};
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === '00' && more !== undefined) return undefined;
  const defined = Number.parseInt(flags, 16) & DEFINED;
  return { traceId, spanId, flags: `0${defined}` };
}

/** Writes the header of the version 00. */
export function formatTraceparent({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags}`;
}
