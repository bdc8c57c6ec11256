import { z } from 'zod';
import { conflictIn, documentOf, POINTER } from '../../core/json-pointer.ts';
import { section, url } from '../forms/value-forms.ts';
import { defineProtocol } from './definition.ts';
import { headerName, headersOf, keyOf, sent, sentFields, sentHeaders } from './sent-values.ts';

const pointer = z.string().regex(POINTER, 'must be a JSON pointer such as /token/id');

const answerPlace = z.union(
  [section({ pointer }), section({ header: headerName })],
  'must have pointer, a JSON pointer such as /token/id, or header, the name of a header',
);

const bodySchema = section({
  format: z.enum(['json', 'form']).default('json').describe('Format of the body.'),
  fields: sentFields
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
    headers: sentHeaders
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
    inWords:
      'those that `body` and `headers` name, and with `basicAuthentication` also `username`, `password`: by default only these two',
  },
  conflicts: ({ headers, basicAuthentication }) =>
    Object.keys(headers)
      .filter((name) => basicAuthentication && name.toLowerCase() === 'authorization')
      .map((name) => ({
        path: ['headers', name],
        message: 'is set by basicAuthentication, too: remove one of them',
      })),
  inspect: ({ server, ...context }) => void headersOf(server, context),
  async request({ server, send, ...context }) {
    const { url: login, body, token, lifetime } = server;
    const fields = Object.entries(body.fields).map(([name, value]) => [name, sent(value, context)] as const);
    const answer = await send({
      url: login,
      headers: headersOf(server, context),
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
