import { describe, expect } from 'vitest';
import { Redacted } from '../../../src/core/redacted.ts';
import { sha256 } from '../../../src/core/token.ts';
import { toVolumeData } from '../../../src/core/token-volume.ts';
import type { Stage } from '../../e2e/stage.ts';
import { AtomicWriter } from '../../support/atomic-writer.ts';
import { newToken } from '../../support/scripted-token-server.ts';
import { registerSecret } from '../../support/secrets.ts';
import { buildToken } from '../../support/tokens.ts';
import { until } from '../../support/until.ts';
import { row } from '../row.ts';

const TOKENS = 5000;
/** What is left of each token when the process starts. */
const LEFT = 180_000;
const MAIN = 'billing-tokens';

/** A token that the gateway accepts. */
async function realToken(stage: Stage): Promise<string> {
  const answer = await fetch(`${stage.server.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`billing:${stage.passwords.client}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  return registerSecret(((await answer.json()) as { access_token: string }).access_token);
}

describe(`${TOKENS} tokens`, () => {
  row(
    'F36',
    async (run) => {
      const names = [MAIN, ...Array.from({ length: TOKENS - 1 }, (_, index) => `tokens-${index}`)];
      // Of the first one.
      let expiry = Number.POSITIVE_INFINITY;
      const world = await run.world({
        lifetime: 600,
        secrets: names,
        more: (name) => ({ parameters: { token: name }, ...(name !== MAIN && { reissue: undefined }) }),
        async prepare({ stage, front }) {
          // The real server and the gateway share a process, and are only asked for the token that the client uses.
          front.answer = (_, form) => (form.get('token') === MAIN ? undefined : { body: newToken(600) });
          const value = await realToken(stage);
          const main = { accessToken: new Redacted(value), sha256: sha256(value) };
          for (const secret of names) {
            const now = Date.now();
            expiry = Math.min(expiry, now + LEFT);
            // Due since half a second.
            const times = { issuedAt: now - 2 * LEFT - 1000, renewAt: now - 500, expiresAt: now + LEFT };
            const token = buildToken({ ...times, ...(secret === MAIN && main) });
            new AtomicWriter(stage.workplace.volume(secret)).write(toVolumeData('dynamics', token));
          }
        },
      });
      await until('The last token', () => world.acquirer.count('token-issued') === TOKENS, LEFT);
      expect(Date.now()).toBeLessThan(expiry);
      await until('The last write', () => world.acquirer.count('token-stored') === TOKENS, LEFT);
      expect(Date.now()).toBeLessThan(expiry);
      expect(world.front.requests).toHaveLength(TOKENS);
      for (const kind of ['token-request-failed', 'cycle-failed']) expect(world.acquirer.count(kind)).toBe(0);
      await world.calls.succeed(20);
      expect(world.calls.figures.failed).toBe(0);
    },
    { timeout: 10 * 60_000 },
  );
});
