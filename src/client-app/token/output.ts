import type { Token } from '../../client/index.ts';

/** The forms of an ExecCredential that kubectl knows. */
const API_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'] as const;

/** Returns an ExecCredential, in the version that `KUBERNETES_EXEC_INFO` asks for. It contains the access token. */
export function execCredential({ accessToken, expiresAt }: Token, execInfo: string | undefined): string {
  const asked = API_VERSIONS.find((version) => execInfo?.includes(`"${version}"`));
  return `${JSON.stringify({
    apiVersion: asked ?? API_VERSIONS[0],
    kind: 'ExecCredential',
    // Without milliseconds, which older versions of client-go do not read.
    status: {
      token: accessToken.reveal(),
      expirationTimestamp: new Date(expiresAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    },
  })}\n`;
}

/** Returns the answer to `get` of git (gitcredentials, "custom helpers"). It contains the access token. */
export function gitCredential({ accessToken, expiresAt }: Token, username: string): string {
  const expiry = Math.floor(expiresAt / 1000);
  return `username=${username}\npassword=${accessToken.reveal()}\npassword_expiry_utc=${expiry}\n`;
}

/** What git describes: one attribute per line. */
export function parseGitAttributes(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
