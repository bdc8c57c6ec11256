import { z } from 'zod';
import { CREDENTIAL_KEYS, type CredentialKey } from '../../core/credential.ts';
import { TokenRequestError } from '../../core/errors.ts';
import { conflictIn, documentOf, POINTER } from '../../core/json-pointer.ts';
import type { ExchangeContext } from '../../ports/http-protocol.ts';
import { section, url } from '../forms/value-forms.ts';
import { defineProtocol } from './definition.ts';

/** RFC 9110 section 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
/** Headers that the connection or the body decides. */
const OWN_HEADERS =
  /^(?:host|connection|content-(?:length|type|encoding)|transfer-encoding|te|trailer|upgrade|expect|proxy-.*)$/i;
/** Names of fields that hold a secret, which belongs in the credential. */
const SECRET_NAME = /(?:^|\/)(?:pass(?:word|wd|phrase)?|pwd|pin|(?:client_?|api_?)?secret|api_?key)$/i;
/** RFC 9110 section 5.5, without obs-text. */
const HEADER_VALUE = /^[!-~]+(?:[ \t]+[!-~]+)*$/;

const headerName = z
  .string()
  .regex(HEADER_NAME, 'must be the name of a header')
  .refine((name) => !OWN_HEADERS.test(name), 'is a header that the request sets itself');

const pointer = z.string().regex(POINTER, 'must be a JSON pointer such as /token/id');

const answerPlace = z.union(
  [section({ pointer }), section({ header: headerName })],
  'must have pointer, a JSON pointer such as /token/id, or header, the name of a header',
);

const sentValue = z.union(
  [
    section({ credential: z.enum(CREDENTIAL_KEYS) }),
    section({ value: z.union([z.string(), z.number(), z.boolean()]) }),
  ],
  `must have credential, a key of the credential (${CREDENTIAL_KEYS.join(', ')}), or value, a text that is no secret`,
);

type SentValue = z.output<typeof sentValue>;

const sentValues = z.record(z.string().min(1), sentValue).superRefine((values, context) => {
  for (const [name, value] of Object.entries(values)) {
    if (!('value' in value) || !SECRET_NAME.test(name)) continue;
    const message = 'is a secret by its name: take it from the credential, as in { credential: password }';
    context.addIssue({ code: 'custom', path: [name], message });
  }
});

const bodySchema = section({
  format: z.enum(['json', 'form']).default('json').describe('Format of the body.'),
  fields: sentValues
    .prefault({ username: { credential: 'username' }, password: { credential: 'password' } })
    .describe(
      'What the body has, by name, or in JSON by JSON pointer: a key of the credential, or a value that is no secret. By default `username` and `password` from the credential.',
    ),
}).superRefine(({ format, fields }, context) => {
  if (format !== 'json') return;
  const names = Object.keys(fields);
  for (const name of names.filter((one) => one.startsWith('/') && !POINTER.test(one))) {
    context.addIssue({ code: 'custom', path: ['fields', name], message: 'must be a JSON pointer (RFC 6901)' });
  }
  const [one, other] = conflictIn(names) ?? [];
  if (one === undefined || other === undefined) return;
  context.addIssue({ code: 'custom', path: ['fields', other], message: `cannot be in one body with ${one}` });
});

const sentToken = section({
  name: headerName.describe('Name of the header.'),
  prefix: z
    .string()
    .regex(/^[ -~]{0,64}$/, 'must be printable ASCII')
    .default('')
    .describe('Text before the token.'),
});

/** A login that answers with a token: of OpenStack Keystone, or of a partner. */
export const httpLogin = defineProtocol('http_login', {
  summary:
    'A login URL that takes a user ID and password, or other values of the credential, and answers with a token.',
  url: { meaning: 'The login URL, which receives a POST.' },
  server: {
    body: bodySchema.prefault({}).describe('What is sent.'),
    headers: z
      .record(headerName, sentValue)
      .default({})
      .describe('Further headers of the request, by name, such as `X-Api-Key: { credential: client_secret }`.'),
    basicAuthentication: z
      .boolean()
      .default(false)
      .describe(
        'Whether `username` and `password` of the credential are sent as HTTP Basic (RFC 7617). The body is then often empty: `body: { fields: {} }`.',
      ),
    token: answerPlace.describe(
      'Where the answer has the token: `{ pointer: /token/id }` or `{ header: X-Subject-Token }`.',
    ),
    lifetime: answerPlace
      .optional()
      .describe(
        'Where the answer has the lifetime: in seconds, as an RFC 3339 time, or as a Unix time. Without it `defaultLifetime` counts.',
      ),
    logout: section({
      url: url.optional().describe('Where to send it; by default to the login URL.'),
      method: z.enum(['DELETE', 'POST', 'GET']).default('DELETE').describe('Method of the request.'),
      headers: z.array(sentToken).min(1).describe('The headers that carry the token.'),
    })
      .optional()
      .describe('How a token is revoked. Without it a token ends by itself.'),
  },
  token: {},
  credential: {
    of: ({ body, headers, basicAuthentication }) => {
      const sentKeys = [...Object.values(body.fields), ...Object.values(headers)].flatMap(keyOf);
      return [...new Set([...sentKeys, ...(basicAuthentication ? (['username', 'password'] as const) : [])])];
    },
    inWords: 'those that `body` and `headers` name: by default `username`, `password`',
  },
  async request({ server: { url: login, body, headers, basicAuthentication, token, lifetime }, send, ...context }) {
    const fields = Object.entries(body.fields).map(([name, value]) => [name, sent(value, context)] as const);
    const answer = await send({
      url: login,
      headers: {
        ...(basicAuthentication && { Authorization: basic(context) }),
        ...Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, headerValue(name, sent(value, context), context)]),
        ),
      },
      ...(body.format === 'json'
        ? { json: documentOf(fields) }
        : { form: Object.fromEntries(fields.map(([name, value]) => [name, String(value)])) }),
    });
    return { token: answer.take(token), lifetime: lifetime && answer.take(lifetime) };
  },
  async revoke({ server: { url: login, logout }, send }, accessToken) {
    if (logout === undefined) return false;
    const headers = Object.fromEntries(
      logout.headers.map(({ name, prefix }) => [name, `${prefix}${accessToken.reveal()}`]),
    );
    await send({ url: logout.url ?? login, method: logout.method, headers });
    return true;
  },
  hasRevocationSettings: true,
  unrevocable: ({ logout }) => (logout === undefined ? 'has no logout. Set it, or no token is revoked' : undefined),
  // What was rejected is the user, not a client.
  rejection: ({ status, usual }) => (status === 401 ? { ...usual, code: 'invalid_grant' } : undefined),
});

function keyOf(value: SentValue): CredentialKey[] {
  return 'credential' in value ? [value.credential] : [];
}

type Context = Pick<ExchangeContext<object>, 'credential' | 'value'>;

function sent(value: SentValue, context: Context): string | number | boolean {
  return 'credential' in value ? context.value(value.credential) : value.value;
}

/** RFC 7617 section 2: a server takes what follows the first colon as the password. */
function basic({ value, credential }: Context): string {
  const username = value('username');
  if (!username.includes(':'))
    return `Basic ${Buffer.from(`${username}:${value('password')}`, 'utf8').toString('base64')}`;
  const message = `The username of the credential ${credential} contains a colon, which HTTP Basic cannot send.`;
  throw new TokenRequestError('credential_unreadable', message, { progress: 'not-sent' });
}

function headerValue(name: string, value: string | number | boolean, { credential }: Context): string {
  const text = String(value);
  if (HEADER_VALUE.test(text)) return text;
  const message = `The credential ${credential} has a value for the header ${name} that no header can carry: it must be visible ASCII characters in one line.`;
  throw new TokenRequestError('credential_unreadable', message, { progress: 'not-sent' });
}
