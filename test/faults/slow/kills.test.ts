import { describe, expect } from 'vitest';
import { killRounds } from '../refresh-kills.ts';
import { row } from '../row.ts';

const ROUNDS = 200;
const AN_HOUR = 3_600_000;

describe('a token-acquirer with a rotating refresh token that is killed again and again', () => {
  row(
    'F26',
    async (run) => {
      const counting = (calls: Parameters<typeof run.count>[0]): void => void run.count(calls);
      const strict = await killRounds({ rounds: ROUNDS, lanes: 4, counting });
      const graced = await killRounds({ rounds: ROUNDS, lanes: 4, grace: 30, counting });
      run.countTokenRequests(strict.tokenRequests + graced.tokenRequests);
      process.stdout.write(`F26, reuse detected: ${JSON.stringify(strict)}\nF26, 30 s: ${JSON.stringify(graced)}\n`);
      expect(strict).toMatchObject({ rounds: ROUNDS, replays: 0, graced: 0, failedCalls: 0 });
      expect(strict.needsCredential).toBe(strict.marked);
      expect(graced).toMatchObject({ rounds: ROUNDS, replays: 0, failedCalls: 0 });
      expect(graced.needsCredential).toBe(graced.late);
      expect(graced.graced).toBeGreaterThan(0);
    },
    2 * AN_HOUR,
  );
});
