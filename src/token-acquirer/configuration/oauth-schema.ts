import { z } from 'zod';
import { CLIENT_AUTHENTICATION_NAMES, CLIENT_AUTHENTICATIONS, GRANT_NAMES } from '../../core/credential-needs.ts';
import { MAX_TOKEN_TYPE_LENGTH, NOT_BEARER_PATTERN, notBearerBecause, TOKEN_TYPE } from '../../core/token-type.ts';
import { duration, either, file, section, url, values } from '../forms/value-forms.ts';
import { CONNECTION_KEYS } from '../protocols/definition.ts';
import { assertionSchema, exchangeSchema, keyIdForm, stringOrUri } from './grant-schema.ts';

/** Parameters that the token-acquirer sets itself, so that no credential ends up in the configuration. */
const RESERVED =
  /^(?:grant_type|client_id|client_secret|client_assertion(?:_type)?|username|password|refresh_token|assertion|(?:subject|actor)_token(?:_type)?|requested_token_type)$/;

const bearerTokenType = z
  .string()
  .max(MAX_TOKEN_TYPE_LENGTH, `must have at most ${MAX_TOKEN_TYPE_LENGTH} characters`)
  .regex(TOKEN_TYPE, 'must be a token_type as the server sends it: words of visible ASCII characters')
  .superRefine((text, context) => {
    const because = notBearerBecause(text);
    if (because === undefined) return;
    context.addIssue({ code: 'custom', message: `must be a name for bearer tokens, and this type ${because}` });
  })
  .meta({ not: { pattern: NOT_BEARER_PATTERN } });

const SETTINGS = ['assertionFile', 'assertionKeyId', 'assertionAudience'] as const;

/** Each setting that not every client authentication uses, with those that do. */
const EXCLUSIVE_SETTINGS = SETTINGS.map((setting) => ({
  setting,
  methods: CLIENT_AUTHENTICATION_NAMES.filter((method) => {
    const settings: readonly string[] = CLIENT_AUTHENTICATIONS[method].settings;
    return settings.includes(setting);
  }),
}));

/** The keys of an OAuth 2.0 authorization server. */
export const oauthServerSchema = section({
  protocol: z.literal('oauth').optional().describe('The protocol of the server, which is OAuth 2.0 by default.'),
  issuer: url
    .optional()
    .describe(
      'Issuer URL. The token endpoint is discovered (RFC 8414, OpenID Connect Discovery), unless `tokenEndpoint` is set.',
    ),
  tokenEndpoint: url
    .optional()
    .describe('Token endpoint URL, instead of discovery. `issuer` may then name the audience of assertions.'),
  revocationEndpoint: url
    .optional()
    .describe(
      'Revocation endpoint URL (RFC 7009) for `revokePrevious`, instead of the one that discovery finds. It gets the credential.',
    ),
  tokenEndpointOrigin: url.optional().describe("Where discovery may lead, if not to the issuer's origin."),
  clientAuthentication: z
    .enum(CLIENT_AUTHENTICATION_NAMES)
    .default('client_secret_basic')
    .describe(
      'How the client authenticates itself (RFC 6749 section 2.3, RFC 7523, RFC 8705). `private_key_jwt` refers to the `certificate` of the credential, if it has one. `workload_identity` uses `assertionFile` instead of a secret, and `jwt_spiffe` does so with a JWT-SVID. `none` sends only `client_id`, and `anonymous` not even that.',
    ),
  assertionFile: file
    .optional()
    .describe(
      'For `workload_identity` and `jwt_spiffe`: the JWT that proves the identity of the token-acquirer, such as a projected ServiceAccount token; read for each request. For `workload_identity`, `/var/run/secrets/workload-identity/<name>/token` by default.',
    ),
  assertionKeyId: keyIdForm
    .optional()
    .describe('For `private_key_jwt`: the `kid` in the header of assertions, where the server looks keys up by it.'),
  assertionAudience: stringOrUri
    .optional()
    .describe(
      'For `private_key_jwt`: the audience of assertions, as `issuer`, `token_endpoint` or a URI. By default the issuer, or the token endpoint where no issuer is known.',
    ),
  bearerTokenTypes: z
    .array(bearerTokenType)
    .optional()
    .describe(
      'Further names that this server uses for bearer tokens in `token_type`, such as `BearerToken`, in upper or lower case.',
    ),
  ...CONNECTION_KEYS,
  refreshTokenReuse: z
    .union([z.boolean(), duration])
    .default(false)
    .describe(
      'How long the server accepts a used refresh token again, such as `30s`, counted from its first use. Within that time it is sent again if an answer was lost. `true`: at any time, which a server may take for theft.',
    ),
})
  .superRefine((server, context) => {
    const { issuer, tokenEndpoint, clientAuthentication, assertionFile, assertionAudience } = server;
    for (const { setting, methods } of EXCLUSIVE_SETTINGS) {
      if (server[setting] === undefined || methods.includes(clientAuthentication)) continue;
      context.addIssue({
        code: 'custom',
        path: [setting],
        message: `works only with clientAuthentication: ${methods.join(' or ')}`,
      });
    }
    if (clientAuthentication === 'jwt_spiffe' && assertionFile === undefined) {
      const message = 'is missing, and clientAuthentication: jwt_spiffe needs it: name the file with the JWT-SVID';
      context.addIssue({ code: 'custom', path: ['assertionFile'], message });
    }
    if (issuer === undefined && tokenEndpoint === undefined) {
      context.addIssue({ code: 'custom', message: 'needs issuer, tokenEndpoint or both' });
    } else if (assertionAudience === 'issuer' && issuer === undefined) {
      const message = 'needs the key issuer, which is missing';
      context.addIssue({ code: 'custom', path: ['assertionAudience'], message });
    }
  })
  .meta({
    anyOf: either('issuer', 'tokenEndpoint'),
    dependencies: Object.fromEntries(
      EXCLUSIVE_SETTINGS.map(({ setting, methods }) => [
        setting,
        { properties: { clientAuthentication: { enum: methods } }, required: ['clientAuthentication'] },
      ]),
    ),
    allOf: [
      {
        if: { properties: { clientAuthentication: { const: 'jwt_spiffe' } }, required: ['clientAuthentication'] },
        // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
        then: { required: ['assertionFile'] },
      },
    ],
    if: { properties: { assertionAudience: { const: 'issuer' } }, required: ['assertionAudience'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { required: ['issuer'] },
  });

/** The keys of a token that only OAuth has: what its token requests ask for. */
export const oauthTokenKeys = {
  grant: z.enum(GRANT_NAMES).describe('OAuth 2.0 grant (RFC 6749 sections 4.4, 4.3, 6, RFC 7523, RFC 8693).'),
  assertion: assertionSchema
    .optional()
    .describe('For the grant `jwt_bearer`: the assertion, from a file or signed here.'),
  exchange: exchangeSchema.optional().describe('For the grant `token_exchange`: the token to exchange.'),
  scope: z
    .string()
    .optional()
    .describe('Scope to ask for (RFC 6749 section 3.3). Line breaks and other white space count as one space.'),
  resource: values.optional().describe('Resource indicators (RFC 8707).'),
  audience: values.optional().describe('Audience, for servers that require one.'),
  parameters: z
    .record(z.string(), values)
    .optional()
    .describe('Further parameters of the token request.')
    .superRefine((parameters, context) => {
      for (const name of Object.keys(parameters ?? {}).filter((key) => RESERVED.test(key))) {
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'is set by the token-acquirer from the credential; remove it',
        });
      }
    })
    .meta({ patternProperties: { [RESERVED.source]: false } }),
};
