import { createPrivateKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { z } from 'zod';
import { formatDuration } from '../../core/duration.ts';
import { TokenRequestError } from '../../core/errors.ts';
import type { EpochMs, Ms } from '../../core/token.ts';
import type { ExchangeContext, RejectedAnswer, Rejection } from '../../ports/http-protocol.ts';
import { defineProtocol } from './definition.ts';

/** GitHub advises to date the JWT back by this, in seconds, because clocks differ. */
const BACKDATED = 60;
/** From `iat` to `exp`, in seconds: the most that GitHub allows. */
const LONGEST_JWT = 600;
const SHORTEST_MODULUS = 2048;
/** A clock that is further off than the dating back explains a rejected JWT. */
const CLOCK_OFF: Ms = 45_000;

const HEADERS = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' };

/** A GitHub App, which gets a token of one of its installations. */
export const githubApp = defineProtocol('github_app', {
  summary: 'A GitHub App, also of GitHub Enterprise: the token of one installation, which lives for an hour.',
  url: {
    meaning: 'Base URL of the REST API. For GitHub Enterprise Server: `https://HOST/api/v3`.',
    preset: 'https://api.github.com',
  },
  server: {},
  token: {
    installation: z
      .union([z.string().regex(/^[1-9]\d{0,17}$/, 'must be the number of an installation'), z.int().positive()])
      .describe('Number of the installation of the app, which ends the URL of its settings page.'),
    repositories: z
      .array(z.string().regex(/^[-.\w]{1,100}$/, 'must be the name of a repository without its owner'))
      .min(1)
      .max(500)
      .optional()
      .describe('Names of the repositories that the token is for. By default all that the installation has.'),
    permissions: z
      .record(
        z.string().regex(/^[a-z_]{1,64}$/, 'must be the name of a permission'),
        z.enum(['read', 'write', 'admin']),
      )
      .optional()
      .describe('Permissions of the token, such as `contents: read`. By default all that the installation has.'),
  },
  credential: ['client_id', 'private_key'],
  inspect: (context) => void appKey(context),
  async request({ demand: { installation, repositories, permissions }, server, send, ...context }) {
    const answer = await send({
      url: `${base(server.url)}/app/installations/${installation}/access_tokens`,
      headers: { ...HEADERS, authorization: `Bearer ${await appJwt(context)}` },
      json: { ...(repositories && { repositories }), ...(permissions && { permissions }) },
    });
    return { token: answer.take({ pointer: '/token' }), lifetime: answer.take({ pointer: '/expires_at' }) };
  },
  async revoke({ server, send }, accessToken) {
    const authorization = `Bearer ${accessToken.reveal()}`;
    await send({
      url: `${base(server.url)}/installation/token`,
      method: 'DELETE',
      headers: { ...HEADERS, authorization },
    });
    return true;
  },
  rejection,
  // A request there does not count against the rate limit.
  probe: ({ url }) => `${base(url)}/rate_limit`,
});

function base(url: string): string {
  return url.replace(/\/+$/, '');
}

type Context = Pick<ExchangeContext<object>, 'now' | 'credential' | 'value'>;

/** Makes the JWT that authenticates the app. */
async function appJwt(context: Context): Promise<string> {
  const issuedAt = seconds(context.now) - BACKDATED;
  return new SignJWT({ iat: issuedAt, exp: issuedAt + LONGEST_JWT, iss: context.value('client_id') })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .sign(appKey(context));
}

function seconds(time: EpochMs): number {
  return Math.floor(time / 1000);
}

/** Throws TokenRequestError `credential_unreadable` for anything but the key that GitHub gives for an app. */
function appKey({ credential, value }: Context): KeyObject {
  const key = parsedKey(value('private_key'));
  const { modulusLength = 0 } = key?.asymmetricKeyDetails ?? {};
  if (key?.asymmetricKeyType === 'rsa' && modulusLength >= SHORTEST_MODULUS) return key;
  const found =
    key === undefined ? 'it is no unencrypted private key in PEM' : `it is a key of the type ${key.asymmetricKeyType}`;
  const what = modulusLength > 0 && modulusLength < SHORTEST_MODULUS ? `it has ${modulusLength} bits` : found;
  throw new TokenRequestError(
    'credential_unreadable',
    `The private_key of the credential ${credential} cannot be used: ${what}, and a GitHub App has an RSA key of 2048 bits or more. Generate a private key in the settings of the app, and put the downloaded file into the credential.`,
    { progress: 'not-sent' },
  );
}

function parsedKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // The error of OpenSSL helps nobody.
    return undefined;
  }
}

/** https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api */
function rejection({ status, pause, clockAhead, usual }: RejectedAnswer): Rejection | undefined {
  if (status === 403 && pause !== undefined) return { code: 'rate_limited', what: 'asks for fewer requests' };
  if (status === 401) {
    const off = Math.abs(clockAhead) > CLOCK_OFF;
    const side = clockAhead > 0 ? 'ahead of' : 'behind';
    const clock = `The clock here is ${formatDuration(Math.abs(clockAhead))} ${side} that of the server: set it by NTP.`;
    return { ...usual, what: 'does not accept the app or its key', remedy: off ? clock : usual.remedy };
  }
  if (status === 404) {
    return {
      code: 'invalid_request',
      what: 'knows no such installation of this app',
      remedy: 'Check installation of this token, url of the authorization server, and that the app is still installed.',
    };
  }
  if (status === 422) {
    return {
      code: 'invalid_scope',
      what: 'does not grant these repositories or permissions',
      remedy: 'Correct repositories and permissions of this token, or have them granted to the installation.',
    };
  }
  return status === 403 ? { ...usual, remedy: 'Look for a suspended installation, or an IP allow list.' } : undefined;
}
