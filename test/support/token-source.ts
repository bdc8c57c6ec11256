import { openEndpointTokenSource } from '../../src/client/endpoint-token-source.ts';
import { openFileTokenSource } from '../../src/client/file-token-source.ts';
import type { TokenSource } from '../../src/client/token-source.ts';
import { ReissueError } from '../../src/core/errors.ts';
import { hashesBefore, type Ms, type Token } from '../../src/core/token.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { FakeReissuer } from '../fakes/fake-reissuer.ts';
import { FakeTokenVolume } from '../fakes/fake-token-volume.ts';
import { buildToken } from './tokens.ts';

export const NOON = Date.UTC(2026, 0, 1, 12);
export const MINUTE: Ms = 60_000;

/** Returns the next token: issued a minute later, for an hour. */
export function successorOf(previous: Token, parts: Partial<Token> = {}): Token {
  const issuedAt = previous.issuedAt + MINUTE;
  return buildToken({
    issuedAt,
    renewAt: issuedAt + 40 * MINUTE,
    expiresAt: issuedAt + 60 * MINUTE,
    generation: previous.generation + 1,
    previousSha256: hashesBefore(previous),
    ...parts,
  });
}

/** A client with one token `dynamics`, on fakes. */
export interface ClientWorld {
  readonly clock: FakeClock;
  readonly volume: FakeTokenVolume;
  /** The token-acquirer. Its current token is the first one. */
  readonly acquirer: FakeReissuer;
  readonly source: TokenSource;
  readonly first: Token;
  readonly faults: Error[];
  /** Returns the current token of the acquirer. */
  current(): Token;
}

export interface ClientWorldOptions {
  /** The first content of the volume, by default the first token. */
  readonly inVolume?: Token | Error | undefined;
  readonly withoutReissue?: boolean;
  readonly respondWith?: 'token' | 'generation';
  readonly rereadFor?: Ms;
  /** The remaining lifetime of each token in answers of the token-acquirer. */
  readonly expiresIn?: Ms;
  /** The difference by which the client's clock is ahead. */
  readonly ahead?: Ms;
}

export function fileWorld(options: ClientWorldOptions = {}): ClientWorld {
  const outside = outsideWorld(options);
  const volume = new FakeTokenVolume();
  volume.put('dynamics', 'inVolume' in options ? options.inVolume : outside.first);
  const source = openFileTokenSource({
    name: 'dynamics',
    key: 'dynamics',
    volume,
    random: fakeRandom(0),
    clock: outside.clock,
    reissuer: options.withoutReissue === true ? undefined : outside.acquirer,
    rereadFor: options.rereadFor ?? 10_000,
    onFault: (fault) => outside.faults.push(fault),
  });
  return { ...outside, volume, source };
}

export function endpointWorld(options: Omit<ClientWorldOptions, 'inVolume' | 'withoutReissue'> = {}): ClientWorld {
  const outside = outsideWorld(options);
  const source = openEndpointTokenSource({
    name: 'dynamics',
    random: fakeRandom(0),
    reissuer: outside.acquirer,
    clock: outside.clock,
    rereadFor: options.rereadFor ?? 10_000,
    onFault: (fault) => outside.faults.push(fault),
  });
  return { ...outside, volume: new FakeTokenVolume(), source };
}

function outsideWorld({
  respondWith = 'token',
  expiresIn,
  ahead = 0,
}: ClientWorldOptions): Omit<ClientWorld, 'volume' | 'source'> {
  const first = buildToken({ issuedAt: NOON, expiresAt: NOON + 60 * MINUTE, renewAt: NOON + 40 * MINUTE });
  const tokens: Record<string, Token> = { dynamics: first };
  const acquirer = new FakeReissuer({ tokens, respondWith, expiresIn, issue: (_, previous) => successorOf(previous) });
  const clock = createFakeClock({ now: NOON + ahead });
  return { clock, acquirer, first, faults: [], current: () => tokens['dynamics'] ?? first };
}

export const unreachable = (): ReissueError => new ReissueError('The token-acquirer cannot be reached (ECONNREFUSED).');
export const answered = (status: number, retryAfter?: Ms): ReissueError =>
  new ReissueError(`The token-acquirer answered ${status}.`, { status, retryAfter });
