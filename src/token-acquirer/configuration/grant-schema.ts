import { z } from 'zod';
import { file, section } from '../forms/value-forms.ts';

/** `issuer`, `token_endpoint` or a URI (RFC 7519 section 2, StringOrURI). */
const AUDIENCE = /^(?:issuer|token_endpoint|[A-Za-z][-+.A-Za-z0-9]*:[!-~]+)$/;
/** Claims that other keys set, or the token-acquirer itself. */
const OWN_CLAIM = /^(?:iss|sub|aud|exp|iat|nbf|jti)$/;
/** A name of RFC 8693 section 3, or a URI. */
const TOKEN_TYPE = /^(?:access_token|id_token|jwt|[A-Za-z][-+.A-Za-z0-9]*:[!-~]+)$/;
/** Types that no gateway accepts as a bearer token, by their names and URIs. */
const NOT_SENT = /(?:^|:)(?:refresh_token|saml1|saml2)$/;

export const stringOrUri = z
  .string()
  .regex(AUDIENCE, 'must be issuer, token_endpoint or a URI such as https://login.example.com');

export const keyIdForm = z.string().regex(/^[ -~]{1,256}$/, 'must be at most 256 printable ASCII characters');

const text = z.string().min(1, 'must not be empty');
const tokenType = z.string().regex(TOKEN_TYPE, 'must be access_token, id_token, jwt or a URI');

const claims = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))
  .superRefine((given, context) => {
    for (const name of Object.keys(given).filter((key) => OWN_CLAIM.test(key))) {
      const message = 'is set by the token-acquirer: remove it, or use issuer, subject or audience';
      context.addIssue({ code: 'custom', path: [name], message });
    }
  })
  .meta({ patternProperties: { [OWN_CLAIM.source]: false } });

/** What a file has instead of a signed assertion. */
const SIGNED = ['issuer', 'subject', 'audience', 'keyId', 'claims'] as const;

/** The assertion of the grant `jwt_bearer` (RFC 7523 section 2.1). */
export const assertionSchema = section({
  file: file
    .optional()
    .describe(
      'A file with the assertion that somebody else issues and replaces in time; read for each request. Without it, the `private_key` of the credential signs one for each request.',
    ),
  issuer: text.optional().describe('`iss`; by default the `client_id` of the credential.'),
  subject: text
    .optional()
    .describe('`sub`: the user or account that the token is for. Left out by default, which only some servers accept.'),
  audience: stringOrUri
    .optional()
    .describe(
      '`aud`, as `issuer`, `token_endpoint` or a URI. By default the issuer, or the token endpoint where no issuer is known.',
    ),
  keyId: keyIdForm.optional().describe('`kid` in the header, where the server looks keys up by it.'),
  claims: claims.optional().describe('Further claims, such as `scope` for Google.'),
})
  .superRefine((assertion, context) => {
    if (assertion.file === undefined) return;
    for (const key of SIGNED.filter((one) => assertion[one] !== undefined)) {
      const message = 'has no effect on the assertion in a file: remove it, or remove file';
      context.addIssue({ code: 'custom', path: [key], message });
    }
  })
  .meta({ not: { required: ['file'], anyOf: SIGNED.map((key) => ({ required: [key] })) } });

/** The tokens of the grant `token_exchange` (RFC 8693 section 2.1). */
export const exchangeSchema = section({
  subjectTokenFile: file
    .optional()
    .describe(
      'The token to exchange, such as a projected ServiceAccount token; read for each request. `/var/run/secrets/workload-identity/<authorization server>/token` by default.',
    ),
  subjectTokenType: tokenType
    .default('jwt')
    .describe('Its type, as `jwt`, `access_token`, `id_token` or a URI (RFC 8693 section 3).'),
  requestedTokenType: tokenType
    .refine((type) => !NOT_SENT.test(type), 'must be a type that a gateway accepts: access_token, id_token or jwt')
    .meta({ not: { pattern: NOT_SENT.source } })
    .optional()
    .describe('The type of token to ask for, where the server requires it. Its default is usually `access_token`.'),
  actorTokenFile: file
    .optional()
    .describe(
      'The token of the party that acts for the subject, where the server requires one; read for each request.',
    ),
  actorTokenType: tokenType.optional().describe('The type of the actor token; `jwt` by default.'),
});

/** Returns the URI of a type of tokens (RFC 8693 section 3). */
export function tokenTypeUri(type: string): string {
  return type.includes(':') ? type : `urn:ietf:params:oauth:token-type:${type}`;
}
