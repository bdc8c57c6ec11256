import { z } from 'zod';
import { CLIENT_AUTHENTICATION_NAMES, CLIENT_AUTHENTICATIONS, GRANT_NAMES } from '../../core/credential-needs.ts';
import { DURATION, DURATION_FORM, parseDuration } from '../../core/duration.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import { isLabel, LABEL } from '../../core/names.ts';
import { MAX_TOKEN_TYPE_LENGTH, NOT_BEARER_PATTERN, notBearerBecause, TOKEN_TYPE } from '../../core/token-type.ts';
import { placedTokens } from './placed-tokens.ts';

const KEY = /^[A-Za-z0-9](?:[-._A-Za-z0-9]{0,200}[A-Za-z0-9])?$/;
const PERCENTAGE = /^\d{1,2}(?:\.\d+)?%$/;
const WITHIN_BOUNDS = /^(?:(?:0?[1-9]|[1-8]\d)(?:\.\d+)?|90(?:\.0+)?)%$/;
const NAME_PART = LABEL.source.slice(1, -1);
/** What a token may be called in a mapping. */
const TOKEN_KEY = new RegExp(`^(?:${NAME_PART}/${NAME_PART}/${NAME_PART}|${KEY.source.slice(1, -1)})$`);
const LOOPBACK = String.raw`(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])`;

/** What the token-acquirer owns in a cluster, in its own namespace. */
export const OWN = {
  stateSecret: 'token-acquirer-state',
  authoritySecret: 'token-acquirer-ca',
  service: 'token-acquirer',
} as const;

/** Parameters that the token-acquirer sets itself, so that no credential ends up in the configuration. */
const RESERVED = /^(?:grant_type|client_id|client_secret|client_assertion(?:_type)?|username|password|refresh_token)$/;

// What `meta` has beside refinements is for the JSON Schema, in which there are none (src/docs/chart-schema.ts).
const label = z
  .string()
  .refine(isLabel, 'must be a DNS label: lower-case letters, digits and hyphens, at most 63')
  .meta({ pattern: LABEL.source });
const objectName = z
  .string()
  .refine(
    (text) => text.length <= 253 && text.split('.').every(isLabel),
    'must be the name of a Kubernetes object: lower-case letters, digits, hyphens and dots',
  )
  .meta({ pattern: `^${NAME_PART}(?:\\.${NAME_PART})*$`, maxLength: 253 });
const folder = z
  .string()
  .regex(KEY, 'must be a folder name of letters, digits, hyphens, dots and underscores')
  .refine((text) => !text.includes('..'), 'must not contain ".."')
  .meta({ not: { pattern: '[.][.]' } });
const file = z.string().min(1, 'must be the path of a file');
const duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, `must be ${DURATION_FORM}, more than zero`)
  .meta({ pattern: DURATION.source, allOf: [{ pattern: '[1-9]' }] });
const percentage = z
  .string()
  .regex(PERCENTAGE, 'must be a percentage such as 67%')
  .refine((text) => Number.parseFloat(text) >= 1 && Number.parseFloat(text) <= 90, 'must lie between 1% and 90%')
  .meta({ pattern: WITHIN_BOUNDS.source });

function httpsUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return 'must be an absolute URL';
  if (url.username !== '' || url.password !== '')
    return 'must not contain a user name or password; credentials belong in the credentials volume';
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))) return undefined;
  return 'must use https; plain http is for loopback only';
}

const url = z
  .string()
  .superRefine((text, context) => {
    const fault = httpsUrl(text);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  })
  .meta({ pattern: String.raw`^(?:https://[^\s/?#@:][^\s/?#@]*|http://${LOOPBACK}(?::\d+)?)(?:[/?#].*)?$` });

const proxyUrl = z
  .string()
  .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'must be an http or https URL')
  .meta({ pattern: '^https?://' });
/** That both are there, or neither. */
const together = (one: string, other: string) => ({ [one]: [other], [other]: [one] });
/** For `oneOf` or `anyOf`: one alternative per key. */
const either = (...keys: readonly string[]) => keys.map((key) => ({ required: [key] }));
/** `issuer`, `token_endpoint` or a URI (RFC 7519 section 2, StringOrURI). */
const AUDIENCE = /^(?:issuer|token_endpoint|[A-Za-z][-+.A-Za-z0-9]*:[!-~]+)$/;
const values = z.union([z.string(), z.array(z.string()).min(1)], 'must be a text or a list of texts');
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

/** Each setting that only one client authentication uses, with that one. */
const EXCLUSIVE_SETTINGS = CLIENT_AUTHENTICATION_NAMES.flatMap((method) =>
  CLIENT_AUTHENTICATIONS[method].settings.map((setting) => ({ setting, method })),
);

export const authorizationServerSchema = z
  .strictObject({
    issuer: url
      .optional()
      .describe(
        'Issuer URL; the token endpoint is discovered (RFC 8414, OpenID Connect Discovery), unless `tokenEndpoint` states it.',
      ),
    tokenEndpoint: url
      .optional()
      .describe('Token endpoint URL. Nothing is discovered; `issuer` may name the audience of assertions.'),
    tokenEndpointOrigin: url.optional().describe("Where discovery may lead, if not to the issuer's origin."),
    caFile: file
      .optional()
      .describe(
        'PEM file of a private CA, read for each request; an intermediate CA is enough. A file with anything else than readable certificates is rejected as a whole.',
      ),
    proxy: proxyUrl
      .optional()
      .describe(
        'Outbound proxy, as `http://user:password@host:port` or https; `NO_PROXY` is honored. `caFile` counts for an https proxy, too.',
      ),
    clientAuthentication: z
      .enum(CLIENT_AUTHENTICATION_NAMES)
      .default('client_secret_basic')
      .describe(
        'How the client authenticates itself (RFC 6749 section 2.3, RFC 7523, RFC 8705). `private_key_jwt` names the `certificate` of the credential, if it has one; `workload_identity` takes `assertionFile` instead of a secret.',
      ),
    assertionFile: file
      .optional()
      .describe(
        'For `workload_identity`: the JWT that proves who the token-acquirer is, read for each request; a projected ServiceAccount token. `/var/run/secrets/workload-identity/<name>/token` by default.',
      ),
    assertionKeyId: z
      .string()
      .regex(/^[ -~]{1,256}$/, 'must be at most 256 printable ASCII characters')
      .optional()
      .describe('For `private_key_jwt`: the `kid` in the header of assertions, where the server looks keys up by it.'),
    assertionAudience: z
      .string()
      .regex(AUDIENCE, 'must be issuer, token_endpoint or a URI such as https://login.example.com')
      .optional()
      .describe(
        'For `private_key_jwt`: the audience of assertions: `issuer`, `token_endpoint` or a URI. The issuer by default; the token endpoint where no issuer is known.',
      ),
    bearerTokenTypes: z
      .array(bearerTokenType)
      .optional()
      .describe(
        'Further names that this server uses for bearer tokens in `token_type`, such as `BearerToken`, in upper or lower case.',
      ),
    defaultLifetime: duration
      .optional()
      .describe(
        'Lifetime of a token whose `expires_in` is missing or unusable. 5m by default, which the condition `LifetimeStated` reports.',
      ),
    refreshTokenReuse: z
      .union([z.boolean(), duration])
      .default(false)
      .describe(
        'How long the server accepts a used refresh token again, such as `30s`, counted from its first use. Within that time it is sent again if an answer was lost. `true`: at any time, which a server may take for theft.',
      ),
  })
  .superRefine((server, context) => {
    const { issuer, tokenEndpoint, clientAuthentication, assertionAudience } = server;
    for (const { setting, method } of EXCLUSIVE_SETTINGS) {
      if (server[setting] === undefined || clientAuthentication === method) continue;
      context.addIssue({
        code: 'custom',
        path: [setting],
        message: `works only with clientAuthentication: ${method}`,
      });
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
      EXCLUSIVE_SETTINGS.map(({ setting, method }) => [
        setting,
        { properties: { clientAuthentication: { const: method } }, required: ['clientAuthentication'] },
      ]),
    ),
    if: { properties: { assertionAudience: { const: 'issuer' } }, required: ['assertionAudience'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { required: ['issuer'] },
  });

const renewalSchema = z
  .strictObject({
    interval: duration
      .optional()
      .describe('Renew this long after issue, less up to 5 % of it, and at 90 % of the lifetime at the latest.'),
    at: percentage
      .optional()
      .describe('Renew at this part of the lifetime, at most 90 %, less up to 5 % of that time; `67%` is the default.'),
  })
  .refine(({ interval, at }) => interval === undefined || at === undefined, 'takes either interval or at, not both')
  .meta({ not: { required: ['interval', 'at'] } });

const clientAppSchema = z
  .strictObject({
    namespace: label.optional().describe('Namespace of its pods.'),
    selector: z
      .string()
      .min(1, 'must be a label selector such as app=billing')
      .optional()
      .describe('The client app runs while a pod with these labels is Pending or Running; as kubectl takes it.'),
    healthUrl: url.optional().describe('The client app runs while this URL answers.'),
    pidFile: file.optional().describe('The client app runs while the process named in this file does.'),
  })
  .refine(
    ({ namespace, selector }) => (namespace === undefined) === (selector === undefined),
    'needs namespace and selector together',
  )
  .refine(
    ({ selector, healthUrl, pidFile }) =>
      [selector, healthUrl, pidFile].filter((one) => one !== undefined).length === 1,
    'needs either namespace and selector, or healthUrl, or pidFile',
  )
  .meta({ oneOf: either('selector', 'healthUrl', 'pidFile'), dependencies: together('namespace', 'selector') });

const clientSchema = z
  .strictObject({
    namespace: label.optional().describe('Namespace of the ServiceAccount.'),
    serviceAccount: objectName.optional().describe('Name of the ServiceAccount whose pods call.'),
    name: label.optional().describe('Without a cluster: name of the caller.'),
    tokenFile: file
      .optional()
      .describe("Without a cluster: file with the caller's own bearer token, at least 16 characters."),
  })
  .refine(
    ({ namespace, serviceAccount }) => (namespace === undefined) === (serviceAccount === undefined),
    'needs namespace and serviceAccount together',
  )
  .refine(
    ({ name, tokenFile }) => (name === undefined) === (tokenFile === undefined),
    'needs name and tokenFile together',
  )
  .refine(
    ({ serviceAccount, name }) => (serviceAccount === undefined) !== (name === undefined),
    'needs either namespace and serviceAccount, or name and tokenFile',
  )
  .meta({
    oneOf: either('serviceAccount', 'name'),
    dependencies: { ...together('namespace', 'serviceAccount'), ...together('name', 'tokenFile') },
  });

const secretSchema = z.strictObject({
  namespace: label.describe('Namespace.'),
  name: label.describe('Name of the Secret or directory.'),
  readers: z
    .enum(['any', 'library'])
    .default('any')
    .describe(
      '`library`: every reader uses the client library or asks for a reissue itself, so a mounted volume that follows after the expiry is no error (`VolumeFollowsInTime`).',
    ),
});

export const tokenSchema = z.strictObject({
  name: label.describe('Unique within its Secret.'),
  authorizationServer: z.string().describe('A name under `authorizationServers`.'),
  credential: folder.describe('Folder in the credentials volume.'),
  grant: z.enum(GRANT_NAMES).describe('OAuth 2.0 grant (RFC 6749 sections 4.4, 4.3, 6).'),
  scope: z
    .string()
    .optional()
    .describe('Scope to ask for (RFC 6749 section 3.3). Line breaks and other white space count as one space.'),
  resource: values.optional().describe('Resource indicators (RFC 8707).'),
  audience: values.optional().describe('Audience, for servers that want one.'),
  parameters: z
    .record(z.string(), values)
    .optional()
    .describe('Further parameters of the token request.')
    .superRefine((parameters, context) => {
      for (const name of Object.keys(parameters ?? {}).filter((key) => RESERVED.test(key))) {
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'is set by the token-acquirer from the credential; take it out',
        });
      }
    })
    .meta({ patternProperties: { [RESERVED.source]: false } }),
  renewal: renewalSchema.optional().describe('When to renew; an `interval` file in the credential folder wins.'),
  secret: secretSchema.describe('Where the token is stored.'),
  key: z
    .string()
    .regex(KEY, 'must be a key of letters, digits, hyphens, dots and underscores')
    .refine((text) => !text.includes('..'), 'must not contain ".."')
    .meta({ not: { pattern: '[.][.]' } })
    .optional()
    .describe('Key in the Secret; the name is the default.'),
  clients: z.array(clientSchema).default([]).describe('Who may ask for a reissue.'),
  clientApp: clientAppSchema
    .optional()
    .describe('Whose execution state counts; left out: acquisition is never suspended.'),
  reissue: z
    .strictObject({ respondWith: z.enum(['token', 'generation']).default('token').describe('What a reissue answers.') })
    .optional()
    .describe('The reissue endpoint, for this token.'),
  delivery: z
    .enum(['secret', 'endpoint'])
    .default('secret')
    .describe('`endpoint`: stored nowhere; the client keeps the token in memory.'),
});

const tokenKey = z
  .string()
  .regex(TOKEN_KEY, 'must be namespace/secret/name, or a name of letters, digits, hyphens, dots and underscores');

const mappedTokenSchema = tokenSchema.partial({ name: true }).extend({
  secret: secretSchema.partial({ namespace: true, name: true }).prefault({}).describe('Where the token is stored.'),
});

/** Files of values are merged by key, so a null in a later one deletes what an earlier one has. */
const tokensSchema = z
  .union([z.array(tokenSchema), z.record(tokenKey, mappedTokenSchema.nullable())])
  .transform((tokens, context) =>
    placedTokens<z.output<typeof mappedTokenSchema>>(tokens, ({ path, message }) =>
      context.addIssue({ code: 'custom', path: [...path], message }),
    ),
  );

const endpointSchema = z
  .strictObject({
    certificateFile: file
      .optional()
      .describe('PEM file of the serving certificate, with its chain; read again when it changes.'),
    privateKeyFile: file.optional().describe("PEM file of the certificate's private key."),
    caFile: file
      .optional()
      .describe(
        'PEM file of the CAs that clients check the certificate with: put into each token volume as `ca.crt`; read again when it changes. A file with anything else than readable certificates is rejected as a whole.',
      ),
    authoritySecret: label
      .optional()
      .describe(
        `In a cluster, instead of files: the Secret of the certificate authority that the token-acquirer keeps for itself; \`${OWN.authoritySecret}\` by default.`,
      ),
    service: label
      .optional()
      .describe(
        `The Service by whose names clients call, also part of the default \`audience\`; \`${OWN.service}\` by default.`,
      ),
  })
  .refine(
    ({ certificateFile, privateKeyFile }) => (certificateFile === undefined) === (privateKeyFile === undefined),
    'needs certificateFile and privateKeyFile together',
  )
  .refine(
    ({ certificateFile, caFile }) => certificateFile !== undefined || caFile === undefined,
    'takes caFile with certificateFile and privateKeyFile alone',
  )
  .refine(
    ({ certificateFile, authoritySecret }) => certificateFile === undefined || authoritySecret === undefined,
    'takes either certificateFile and privateKeyFile, or authoritySecret',
  )
  .meta({
    dependencies: { ...together('certificateFile', 'privateKeyFile'), caFile: ['certificateFile'] },
    not: { required: ['certificateFile', 'authoritySecret'] },
  });

/** What a configuration file may hold. The reference in the README is made from it. */
export const configurationSchema = z.strictObject({
  authorizationServers: z
    .record(label, authorizationServerSchema.nullable())
    .transform(withoutNulls)
    .describe('Authorization servers by name.'),
  tokens: tokensSchema.describe(
    'The tokens to obtain: a list, or a mapping, which helm merges. A key of the form `namespace/secret/name` says who the token is, so `name` and `secret` are left out. Any other key is a label, and the `name` where none is given.',
  ),
  endpoint: endpointSchema
    .optional()
    .describe('TLS of the reissue endpoint; without a cluster needed unless it listens on loopback.'),
  callers: z
    .enum(['token-review', 'jwks'])
    .default('token-review')
    .describe(
      'How ServiceAccount tokens are checked: by the API server, or offline with its keys, which needs no right but sees a deleted pod or ServiceAccount only when the token expires.',
    ),
  maxCallerTokenLifetime: duration
    .default('24h')
    .describe(
      'With `callers: jwks`, the longest lifetime that the ServiceAccount token of a caller may have, from issue to expiry: nothing else ends such a token before it expires.',
    ),
  audience: z
    .string()
    .min(1, 'must be an audience')
    .optional()
    .describe(
      "Audience that callers' ServiceAccount tokens are projected for. By default the Service with its namespace, such as `token-acquirer.token-acquirer`: then no other team's endpoint can use them here.",
    ),
  propagation: z
    .strictObject({
      nudge: z
        .boolean()
        .default(false)
        .describe(
          'Whether pods are annotated after each write, so that the kubelet refreshes their volumes at once; needs the admission policy.',
        ),
      watch: z
        .boolean()
        .default(false)
        .describe(
          'Whether the token Secrets are watched, so that what others do to them is repaired within 2 s instead of 30 s; needs the verb `watch` on them.',
        ),
    })
    .optional()
    .describe('How new tokens reach mounted volumes in a cluster.'),
  state: z
    .strictObject({
      secret: label.default(OWN.stateSecret).describe('Secret for rotated refresh tokens, in its own namespace.'),
    })
    .optional()
    .describe('Where rotated refresh tokens are kept in a cluster.'),
});

function withoutNulls<Value>(record: Record<string, Value | null>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter((entry): entry is [string, Value] => entry[1] !== null));
}

export type ConfigurationInput = z.output<typeof configurationSchema>;
export type ServerInput = ConfigurationInput['authorizationServers'][string];
export type TokenInput = ConfigurationInput['tokens'][number];
