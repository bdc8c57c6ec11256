import type * as crypto from 'node:crypto';
import { timingSafeEqual } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTokenFileAuthenticator } from '../../src/adapters/fs/token-file-authenticator.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

vi.mock('node:crypto', async (original) => {
  const real = await original<typeof crypto>();
  return { ...real, timingSafeEqual: vi.fn<typeof real.timingSafeEqual>(real.timingSafeEqual) };
});

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
  vi.mocked(timingSafeEqual).mockClear();
});
afterEach(() => directory.remove());

describe('a caller token', () => {
  const tokens = [secret('first-caller'), secret('second-caller'), secret('third-caller')];

  it.each([
    ['the first caller', tokens[0]],
    ['the last caller', tokens[2]],
    ['an unknown caller', secret('unknown-caller')],
  ])('of %s is compared in constant time with those of all callers', async (_who, bearer = '') => {
    const callers = tokens.map((token, index) => {
      const tokenFile = join(directory.path, String(index));
      writeFileSync(tokenFile, token, { mode: 0o600 });
      return { name: `caller-${index}`, tokenFile };
    });
    const authenticator = createTokenFileAuthenticator(callers, { clock: { monotonic: () => 0 } });
    await authenticator.authenticate(new Redacted(bearer));
    const compared = vi.mocked(timingSafeEqual).mock.calls;
    expect(compared).toHaveLength(callers.length);
    // Digests have one length, and no byte of the token itself is compared.
    expect(compared.flat().map((one) => one.byteLength)).toEqual(Array.from({ length: 6 }, () => 32));
  });
});
