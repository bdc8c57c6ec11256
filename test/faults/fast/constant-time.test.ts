import type * as crypto from 'node:crypto';
import { timingSafeEqual } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import { createTokenFileAuthenticator } from '../../../src/adapters/fs/token-file-authenticator.ts';
import { Redacted } from '../../../src/core/redacted.ts';
import { secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { row } from '../row.ts';

vi.mock('node:crypto', async (original) => {
  const real = await original<typeof crypto>();
  return { ...real, timingSafeEqual: vi.fn<typeof real.timingSafeEqual>(real.timingSafeEqual) };
});

describe('a comparison', () => {
  row('A22', async (run) => {
    run.hasNoCalls();
    const folder = temporaryDirectory();
    run.atEnd(() => folder.remove());
    const tokens = [secret('first-caller'), secret('second-caller'), secret('third-caller')];
    const callers = tokens.map((token, index) => {
      const tokenFile = join(folder.path, String(index));
      writeFileSync(tokenFile, token, { mode: 0o600 });
      return { name: `caller-${index}`, tokenFile };
    });
    const authenticator = createTokenFileAuthenticator(callers, { clock: { monotonic: () => 0 } });
    const nearly = `${tokens[0]?.slice(0, -1)}x`;
    for (const bearer of [...tokens, nearly, 'short', 'x'.repeat(10_000)]) {
      vi.mocked(timingSafeEqual).mockClear();
      await authenticator.authenticate(new Redacted(bearer));
      // As many comparisons, of as many bytes, whoever calls: no byte of a token is compared, but digests.
      const compared = vi.mocked(timingSafeEqual).mock.calls.flat();
      expect(compared.map(({ byteLength }) => byteLength)).toEqual(Array.from({ length: 6 }, () => 32));
    }
  });
});
