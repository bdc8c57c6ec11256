import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTokenFileAuthenticator } from '../../src/adapters/fs/token-file-authenticator.ts';
import { FakeCallerAuthenticator } from '../fakes/fake-caller-authenticator.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { secret } from '../support/secrets.ts';
import { type CallerAuthenticatorUnderTest, describeCallerAuthenticator } from './caller-authenticator.ts';

const NAMES = ['billing', 'orders'] as const;

async function fake(): Promise<CallerAuthenticatorUnderTest> {
  const authenticator = new FakeCallerAuthenticator();
  const bearers = new Map<string, string>();
  const revoke = async (name: string): Promise<void> => authenticator.revoke(bearers.get(name) ?? '');
  return {
    authenticator,
    names: NAMES,
    async issue(name) {
      await revoke(name);
      const bearer = secret('caller-token');
      bearers.set(name, bearer);
      authenticator.allow(bearer, name);
      return bearer;
    },
    revoke,
    settle: async () => {},
    stop: async () => {},
  };
}

async function files(): Promise<CallerAuthenticatorUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'caller-authenticator-'));
  const clock = createFakeClock();
  return {
    authenticator: createTokenFileAuthenticator(
      NAMES.map((name) => ({ name, tokenFile: join(folder, name) })),
      { clock },
    ),
    names: NAMES,
    async issue(name) {
      const bearer = secret('caller-token');
      writeFileSync(join(folder, name), `${bearer}\n`);
      return bearer;
    },
    revoke: async (name) => rmSync(join(folder, name)),
    settle: () => clock.advance(1000),
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

describeCallerAuthenticator('The fake', fake);
describeCallerAuthenticator('A token file for each caller', files);
