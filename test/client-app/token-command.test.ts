import { describe, expect, it } from 'vitest';
import { readTokenCommand } from '../../src/client-app/token/config.ts';
import { obtain } from '../../src/client-app/token/obtain.ts';
import { execCredential, gitCredential, parseGitAttributes } from '../../src/client-app/token/output.ts';
import { UsageError } from '../../src/core/errors.ts';
import { answered, fileWorld, MINUTE, NOON } from '../support/token-source.ts';
import { buildToken } from '../support/tokens.ts';

const VOLUME = { TOKEN_DIRECTORY: '/tokens' };
const REISSUE = {
  REISSUE_URL: 'https://token-acquirer:8443',
  REISSUE_NAMESPACE: 'billing',
  REISSUE_SECRET: 'billing-tokens',
  CALLER_TOKEN_FILE: '/caller/token',
};

/** Returns the errors, one sentence each. */
function errorsOf(args: readonly string[], environment: Record<string, string> = VOLUME): string[] {
  try {
    readTokenCommand(args, environment);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message.split('\n');
  }
}

const ORIGIN =
  'git-credential needs --origin with the scheme, host and port of the server that gets the token, such as https://git.example.com.';

describe('the arguments of client-app token', () => {
  it('are a name, and an environment as that of the example', () => {
    expect(readTokenCommand(['dynamics'], { ...VOLUME, PATIENCE: '3s' })).toEqual({
      name: 'dynamics',
      output: 'token',
      rejected: false,
      operation: 'get',
      username: 'oauth2',
      origin: undefined,
      tokenDirectory: '/tokens',
      reissue: undefined,
      patience: 3000,
    });
    expect(readTokenCommand(['dynamics'], REISSUE)).toMatchObject({ tokenDirectory: undefined, patience: 10_000 });
  });

  it.each([
    [['dynamics', '--rejected'], { rejected: true }],
    [['--rejected', 'dynamics'], { rejected: true, name: 'dynamics' }],
    [['dynamics', '--output', 'exec-credential'], { output: 'exec-credential' }],
    [
      ['dynamics', '--output=git-credential', '--origin', 'https://git.example.com', 'erase'],
      { output: 'git-credential', operation: 'erase', origin: 'https://git.example.com' },
    ],
    [['dynamics', '--origin=https://GIT.example.com:443/'], { origin: 'https://git.example.com' }],
    [['dynamics', '--origin=http://127.0.0.1:3000'], { origin: 'http://127.0.0.1:3000' }],
    [['dynamics', '--username', 'x=y'], { username: 'x=y' }],
  ])('can be %j', (args, expected) => {
    expect(readTokenCommand(args, VOLUME)).toMatchObject(expected);
  });

  it.each([
    [[], 'No token is named.'],
    [['Dynamics!'], 'The name of the token is not a DNS label: a-z, 0-9 and - may be in it.'],
    [['dynamics', 'orders'], 'Only one token can be named.'],
    [
      ['dynamics', '--output=git-credential', '--origin=https://git.example.com', 'get', 'more'],
      'Only one token can be named.',
    ],
    [['dynamics', '--output=git-credential'], ORIGIN],
    [['dynamics', '--output=git-credential', '--origin'], ORIGIN],
    [['dynamics', '--output=git-credential', '--origin=http://git.example.com'], ORIGIN],
    [['dynamics', '--output=git-credential', '--origin=https://git.example.com/team'], ORIGIN],
    [['dynamics', '--output=git-credential', '--origin=https://a@git.example.com'], ORIGIN],
    [['dynamics', '--output'], '--output takes token, exec-credential, git-credential.'],
    [['dynamics', '--output=json'], '--output takes token, exec-credential, git-credential.'],
    [['dynamics', '--username', 'a\nb'], '--username takes a name in visible ASCII.'],
    [['dynamics', '--rejected=yes'], '"--rejected" is not an option of client-app token.'],
    [['dynamics', '-v'], '"-v" is not an option of client-app token.'],
  ])('cannot be %j', (args, sentence) => {
    expect(errorsOf(args)).toEqual([sentence]);
  });

  it('are reported together with the errors of the environment', () => {
    expect(errorsOf([], { PATIENCE: 'soon' })).toEqual([
      'No token is named.',
      'PATIENCE is not a duration such as 30s, 10m or 1h30m.',
      'Neither TOKEN_DIRECTORY nor REISSUE_URL is set: say where the token comes from.',
    ]);
  });
});

describe('the output of client-app token', () => {
  const token = buildToken({ expiresAt: Date.UTC(2026, 0, 1, 13, 0, 0, 250) });

  it.each([
    [undefined, 'client.authentication.k8s.io/v1'],
    ['{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"}', 'client.authentication.k8s.io/v1'],
    ['{"apiVersion":"client.authentication.k8s.io/v1beta1"}', 'client.authentication.k8s.io/v1beta1'],
    ['not JSON', 'client.authentication.k8s.io/v1'],
  ])('is an ExecCredential in the version that is asked for, with %s', (info, apiVersion) => {
    const { status, ...rest } = JSON.parse(execCredential(token, info)) as { status: Record<string, string> };
    expect(rest).toEqual({ apiVersion, kind: 'ExecCredential' });
    expect(status['token'] === token.accessToken.reveal()).toBe(true);
    expect(status['expirationTimestamp']).toBe('2026-01-01T13:00:00Z');
  });

  it('is what git reads', () => {
    const attributes = parseGitAttributes(gitCredential(token, 'oauth2'));
    expect(attributes.get('username')).toBe('oauth2');
    expect(attributes.get('password') === token.accessToken.reveal()).toBe(true);
    expect(attributes.get('password_expiry_utc')).toBe(String(Date.UTC(2026, 0, 1, 13) / 1000));
  });

  it('follows attributes of git whose values have an equals sign', () => {
    expect([...parseGitAttributes('protocol=https\nnonsense\npassword=a=b=\n\n')]).toEqual([
      ['protocol', 'https'],
      ['password', 'a=b='],
    ]);
  });
});

describe('obtaining a token for a command', () => {
  const hashOf = async (...[source, rejected]: Parameters<typeof obtain>): Promise<string> =>
    (await obtain(source, rejected, 50)).sha256;

  it('takes the valid token of the volume, and asks for nothing', async () => {
    const { source, first, acquirer } = fileWorld();
    expect(await hashOf(source, undefined, 50)).toBe(first.sha256);
    expect(acquirer.reissues).toEqual([]);
  });

  it('has a rejected token reissued', async () => {
    const { source, first, current, acquirer } = fileWorld();
    expect(await hashOf(source, 'current', 50)).toBe(current().sha256);
    expect(current().sha256).not.toBe(first.sha256);
    expect(acquirer.reissues.map(({ rejected }) => rejected)).toEqual([first.sha256]);
  });

  it('takes the token of the volume if another one was rejected', async () => {
    const { source, first, acquirer } = fileWorld();
    expect(await hashOf(source, { sha256: buildToken().sha256 }, 50)).toBe(first.sha256);
    expect(acquirer.reissues).toEqual([]);
  });

  it.each([undefined, 'current' as const])('has an expired token reissued once, with %s rejected', async (rejected) => {
    const expired = buildToken({ issuedAt: NOON - 2 * MINUTE, expiresAt: NOON - MINUTE });
    const { source, current, acquirer } = fileWorld({ inVolume: expired });
    expect(await hashOf(source, rejected, 50)).toBe(current().sha256);
    expect(acquirer.reissues).toHaveLength(1);
  });

  it('fails with the reason if there is none', async () => {
    const { source } = fileWorld({ inVolume: undefined, withoutReissue: true });
    await expect(obtain(source, undefined, 50)).rejects.toThrow(
      'There is no token dynamics yet. The volume has no dynamics.json yet.',
    );
  });

  it('fails with the answer of the token-acquirer if that gives no other one', async () => {
    const { source, acquirer } = fileWorld();
    acquirer.failure = answered(403);
    await expect(obtain(source, 'current', 50)).rejects.toThrow('The token-acquirer answered 403.');
  });
});
