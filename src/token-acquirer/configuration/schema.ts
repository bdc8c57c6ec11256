import { z } from 'zod';
import { MOST_SHARDS } from '../../core/shards.ts';
import { duration, file, label, section, together, wholeNumber } from '../forms/value-forms.ts';
import { servicesSchema } from './offer-schema.ts';
import { authorizationServerSchema } from './server-schema.ts';
import { tokensSchema } from './token-schema.ts';

/** The names of the token-acquirer's own objects in a cluster, in its own namespace. */
export const OWN = {
  stateSecret: 'token-acquirer-state',
  authoritySecret: 'token-acquirer-ca',
  service: 'token-acquirer',
} as const;

const endpointSchema = section({
  certificateFile: file
    .optional()
    .describe('PEM file of the serving certificate, with its chain; read again when it changes.'),
  privateKeyFile: file.optional().describe("PEM file of the certificate's private key."),
  caFile: file
    .optional()
    .describe(
      'PEM file of the CAs that clients check the certificate with: put into each token volume as `ca.crt`; read again when it changes. A file with anything other than readable certificates is rejected as a whole.',
    ),
  authoritySecret: label
    .optional()
    .describe(
      `In a cluster, instead of files: the Secret of the CA that the token-acquirer keeps for itself; \`${OWN.authoritySecret}\` by default.`,
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
    'takes caFile only with certificateFile and privateKeyFile',
  )
  .refine(
    ({ certificateFile, authoritySecret }) => certificateFile === undefined || authoritySecret === undefined,
    'takes either certificateFile and privateKeyFile, or authoritySecret',
  )
  .meta({
    dependencies: { ...together('certificateFile', 'privateKeyFile'), caFile: ['certificateFile'] },
    not: { required: ['certificateFile', 'authoritySecret'] },
  });

const propagationSchema = section({
  nudge: z
    .boolean()
    .default(false)
    .describe(
      'Whether pods are annotated after each write, so that the kubelet refreshes their volumes immediately; needs the admission policy.',
    ),
  watch: z
    .boolean()
    .default(false)
    .describe(
      'Whether the token Secrets are watched, so that changes by others are repaired within 2 s instead of 30 s; needs the verb `watch` on them.',
    ),
});

const stateSchema = section({
  secret: label.default(OWN.stateSecret).describe('Secret for rotated refresh tokens, in its own namespace.'),
});

const statusSchema = section({
  page: z
    .boolean()
    .default(false)
    .describe(
      'Whether the status port has a page for a browser, at `/`. Like the status, it answers on the loopback address only.',
    ),
});

/** The keys of a configuration file. The reference of the configuration is generated from it. */
export const configurationSchema = section({
  authorizationServers: z
    .record(label, authorizationServerSchema.nullable())
    .transform(withoutNulls)
    .describe('Authorization servers by name.'),
  tokens: tokensSchema.describe(
    'The tokens to obtain: a list, or a mapping, which helm merges. A key of the form `namespace/secret/name` identifies the token, so `name` and `secret` are left out. Any other key is a label, and the `name` where none is given.',
  ),
  services: servicesSchema
    .default({})
    .transform(withoutNulls)
    .describe('Services by name, for AccessTokens: what application teams may ask for in their namespaces.'),
  endpoint: endpointSchema
    .optional()
    .describe('TLS of the reissue endpoint. Required without a cluster, unless it listens on loopback.'),
  callers: z
    .enum(['token-review', 'jwks'])
    .default('token-review')
    .describe(
      'Who checks ServiceAccount tokens. `token-review`: the API server. `jwks`: the token-acquirer itself, with the keys of the API server; it notices a deleted pod or ServiceAccount only when the token expires.',
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
  propagation: propagationSchema.optional().describe('How new tokens reach mounted volumes in a cluster.'),
  shards: wholeNumber(1, MOST_SHARDS)
    .default(1)
    .describe(
      'Over how many processes the tokens are spread. A token belongs to the shard that a hash of its Secret gives, or to its `shard`.',
    ),
  status: statusSchema.optional().describe('What the status port shows in addition to the status.'),
  state: stateSchema.optional().describe('Where rotated refresh tokens are kept in a cluster.'),
});

function withoutNulls<Value>(record: Record<string, Value | null>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter((entry): entry is [string, Value] => entry[1] !== null));
}

export type ConfigurationInput = z.output<typeof configurationSchema>;
export type TokenInput = ConfigurationInput['tokens'][number];
