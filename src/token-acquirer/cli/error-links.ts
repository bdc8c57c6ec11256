import { referenceOf, TOKEN_ERRORS, type TokenErrorCode } from '../../core/errors.ts';
import type { TokenReport } from '../endpoints/status-report.ts';

/** Returns a paragraph that names where the reference explains the errors of these tokens; empty without any. */
export function errorLinks(tokens: readonly TokenReport[]): string {
  const shown = new Set(tokens.map(({ last_error: error }) => error?.code));
  const known = (Object.keys(TOKEN_ERRORS) as TokenErrorCode[]).filter((code) => shown.has(code));
  if (known.length === 0) return '';
  return `\nWhat to do about the errors:\n${known.map((code) => `  ${referenceOf(code)}\n`).join('')}`;
}
