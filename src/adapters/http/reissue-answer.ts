import { bearerTokenProblem } from '../../core/bearer.ts';
import { ReissueError } from '../../core/errors.ts';
import { Redacted } from '../../core/redacted.ts';
import type { EpochMs, Ms } from '../../core/token.ts';
import { HeaderError, parseHeader, type TokenHeader } from '../../core/token-header.ts';
import { parseDocument } from '../../core/token-volume.ts';
import type { CurrentToken, ReissueAnswer, ReissueOutcome } from '../../ports/reissuer.ts';

const OUTCOMES: readonly ReissueOutcome[] = ['reissued', 'coalesced', 'newer'];
/** A hundred years, in seconds. */
const LONGEST_LIFE = 100 * 365 * 86_400;

/** Reads the answer to a call for the token itself. Throws ReissueError, which quotes nothing of it. */
export function parseToken(name: string, text: string): CurrentToken {
  try {
    return { ...parseDocument(name, text), expiresIn: expiresInOf(parseObject(text)) };
  } catch {
    throw unusable('is not a token document');
  }
}

/** Reads the answer to a reissue call. Throws ReissueError, which quotes nothing of it. */
export function parseAnswer(text: string): ReissueAnswer {
  const answer = parseObject(text);
  if (typeof answer['outcome'] !== 'string') throw unusable('has no outcome');
  // From a later version. The token is valid anyway.
  const outcome = OUTCOMES.find((known) => known === answer['outcome']) ?? 'newer';
  const { stored, generation } = answer;
  if (typeof stored !== 'boolean') throw unusable('does not say whether the token is stored');
  if (typeof generation !== 'number' || !Number.isSafeInteger(generation)) throw unusable('has no generation');
  return {
    outcome,
    stored,
    generation,
    issuedAt: timeOf(answer['issued_at'], 'issued_at'),
    expiresAt: timeOf(answer['expires_at'], 'expires_at'),
    expiresIn: expiresInOf(answer),
    accessToken: accessTokenOf(answer['access_token']),
    header: headerIn(answer),
  };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // The parser's own message quotes what it read, which may be a token.
  }
  throw unusable('is not a JSON object');
}

function timeOf(value: unknown, field: string): EpochMs {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw unusable(`has no ${field}`);
  return time;
}

/** `undefined` for an answer of a version that has none, and for a time that no date can show. */
function expiresInOf({ expires_in: seconds }: Record<string, unknown>): Ms | undefined {
  return typeof seconds === 'number' && seconds >= 0 && seconds <= LONGEST_LIFE ? seconds * 1000 : undefined;
}

function accessTokenOf(value: unknown): Redacted | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw unusable('has an access_token that is not a text');
  const problem = bearerTokenProblem(value);
  if (problem !== undefined) throw unusable(`has an access_token that ${problem}`);
  return new Redacted(value);
}

function headerIn({ header }: Record<string, unknown>): TokenHeader | undefined {
  try {
    return parseHeader(header);
  } catch (error) {
    if (!(error instanceof HeaderError)) throw error;
    throw unusable(error.message);
  }
}

function unusable(why: string): ReissueError {
  return new ReissueError(`The token-acquirer's answer ${why}.`, { status: 200 });
}
