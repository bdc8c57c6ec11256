import { z } from 'zod';
import { DEFAULT_RENEWAL, percentText } from '../../core/renewal.ts';
import { MOST_SHARDS } from '../../core/shards.ts';
import {
  duration,
  either,
  file,
  fileName,
  KEY,
  LABEL_PART,
  label,
  percentage,
  section,
  together,
  url,
  wholeNumber,
} from '../forms/value-forms.ts';
import { callerSchema } from './caller-schema.ts';
import { copiesSchema } from './copies-schema.ts';
import { evidenceSchema } from './evidence-schema.ts';
import { headerSchema } from './header-schema.ts';
import { placedTokens } from './placed-tokens.ts';
import { protocolTokenKeys } from './server-schema.ts';

/** The name of a token in a mapping. */
const TOKEN_KEY = new RegExp(`^(?:${LABEL_PART}/${LABEL_PART}/${LABEL_PART}|${KEY.source.slice(1, -1)})$`);

const renewalSchema = section({
  interval: duration
    .optional()
    .describe('Renew this long after issue, less up to 5 % of it, and at 90 % of the lifetime at the latest.'),
  at: percentage
    .optional()
    .describe(
      `Renew at this part of the lifetime, at most 90 %, less up to 5 % of that time; \`${percentText(DEFAULT_RENEWAL.at)}\` is the default.`,
    ),
})
  .refine(({ interval, at }) => interval === undefined || at === undefined, 'takes either interval or at, not both')
  .meta({ not: { required: ['interval', 'at'] } });

const clientAppSchema = section({
  namespace: label.optional().describe('Namespace of its pods.'),
  selector: z
    .string()
    .min(1, 'must be a label selector such as app=billing')
    .optional()
    .describe(
      'The client app runs while a pod with these labels is Pending or Running. The syntax is that of kubectl.',
    ),
  healthUrl: url.optional().describe('The client app runs while this URL answers.'),
  pidFile: file.optional().describe('The client app runs while the process runs whose ID is in this file.'),
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

const secretSchema = section({
  namespace: label.describe('Namespace.'),
  name: label.describe('Name of the Secret or directory.'),
  readers: z
    .enum(['any', 'library'])
    .default('any')
    .describe(
      '`library`: every reader uses the client library or asks for a reissue itself. Then it is no error if the mounted volume follows only after the expiry (`VolumeFollowsInTime`).',
    ),
});

export const tokenSchema = section({
  name: label.describe('Unique within its Secret.'),
  authorizationServer: z.string().describe('A name under `authorizationServers`.'),
  credential: fileName('a folder name').describe('Folder in the credentials volume.'),
  ...protocolTokenKeys(),
  renewal: renewalSchema.optional().describe('When to renew; an `interval` file in the credential folder wins.'),
  secret: secretSchema.describe('Where the token is stored.'),
  key: fileName('a key').optional().describe('Key in the Secret; the name is the default.'),
  clients: z.array(callerSchema).default([]).describe('Who may ask for a reissue.'),
  evidence: evidenceSchema
    .optional()
    .describe('What else than calls of `clients` reports a rejected token. By default, nothing.'),
  clientApp: clientAppSchema
    .optional()
    .describe('Whose execution state counts. Without it, acquisition is never suspended.'),
  onCredentialChange: z
    .enum(['keep', 'reissue'])
    .default('keep')
    .describe(
      '`reissue`: replace the token when a value of its credential changes. `keep`: leave it until its renewal.',
    ),
  revokePrevious: z
    .boolean()
    .default(false)
    .describe(
      'Revoke a token after another one has replaced it (RFC 7009): after 120 s, or immediately if its credential changed. That holds for a reissue that `evidence` leads to, too.',
    ),
  reissue: section({
    respondWith: z.enum(['token', 'generation']).default('token').describe('What a reissue answers.'),
  })
    .optional()
    .describe('The reissue endpoint, for this token.'),
  delivery: z
    .enum(['secret', 'endpoint'])
    .default('secret')
    .describe('`endpoint`: not stored anywhere; the client keeps the token in memory.'),
  shard: wholeNumber(0, MOST_SHARDS - 1)
    .optional()
    .describe(
      'The shard that owns all tokens of this Secret, from 0 on and less than `shards`. By default, a hash of the Secret decides.',
    ),
  copies: copiesSchema
    .optional()
    .describe(
      'Further keys of the same Secret that have the token, for programs that expect another key or form, such as API gateways.',
    ),
  header: headerSchema
    .optional()
    .describe(
      'The header in which clients send the token, for services that expect it elsewhere than in `Authorization: Bearer`.',
    ),
});

const tokenKey = z
  .string()
  .regex(TOKEN_KEY, 'must be namespace/secret/name, or a name of letters, digits, hyphens, dots and underscores');

const mappedTokenSchema = tokenSchema.partial({ name: true }).extend({
  secret: secretSchema.partial({ namespace: true, name: true }).prefault({}).describe('Where the token is stored.'),
});

/** Helm merges values files by key, so a null in a later file deletes the token of an earlier one. */
export const tokensSchema = z
  .union([z.array(tokenSchema), z.record(tokenKey, mappedTokenSchema.nullable())])
  .transform((tokens, context) =>
    placedTokens<z.output<typeof mappedTokenSchema>>(tokens, ({ path, message }) =>
      context.addIssue({ code: 'custom', path: [...path], message }),
    ),
  );
