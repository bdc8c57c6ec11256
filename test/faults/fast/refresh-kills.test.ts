import { describe, expect, it } from 'vitest';
import { killRounds } from '../refresh-kills.ts';

const ROUNDS = 4;

describe('a token-acquirer with a rotating refresh token that is killed', { timeout: 240_000 }, () => {
  it.concurrent('never replays it at a server that detects reuse', async () => {
    const figures = await killRounds({ rounds: ROUNDS });
    expect(figures).toMatchObject({ rounds: ROUNDS, replays: 0, graced: 0, failedCalls: 0 });
    expect(figures.needsCredential).toBe(figures.marked);
  });

  it.concurrent('gets the same successor again from a server with a grace of 30 s', async () => {
    // Long enough for a busy machine to start the next process in it.
    const figures = await killRounds({ rounds: ROUNDS, grace: 240 });
    expect(figures).toMatchObject({ rounds: ROUNDS, replays: 0, needsCredential: 0, failedCalls: 0 });
  });
});
