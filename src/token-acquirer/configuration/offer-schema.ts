import { z } from 'zod';
import { duration, label, section } from '../forms/value-forms.ts';
import { tokenSchema } from './token-schema.ts';

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** What of a token an AccessToken states, or what no AccessToken has. */
const NOT_OF_SERVICES = {
  name: true,
  secret: true,
  key: true,
  clients: true,
  evidence: true,
  clientApp: true,
  delivery: true,
  shard: true,
  copies: true,
} as const;

const serviceSchema = section({
  ...tokenSchema.omit(NOT_OF_SERVICES).shape,
  namespaces: z
    .array(label)
    .min(1, 'must name a namespace')
    .describe('The namespaces whose AccessTokens may use the service.'),
  scopes: z
    .array(z.string().regex(SCOPE, 'must be one scope without white space'))
    .default([])
    .describe(
      'What an AccessToken may ask for as `scope`, besides the `scope` of the service. By default, nothing else.',
    ),
  shortestInterval: duration.default('1m').describe('The shortest `renewal.interval` that an AccessToken may ask for.'),
  allowRevokeOnDelete: z
    .boolean()
    .default(false)
    .describe(
      'Whether AccessTokens may have their token revoked when they are deleted (`revokeOnDelete`). The authorization server needs a way to revoke tokens, as for `revokePrevious`.',
    ),
});

/** Services by name, for the AccessTokens of application teams. Null deletes a service of an earlier values file. */
export const servicesSchema = z.record(label, serviceSchema.nullable());

export type ServiceInput = z.output<typeof serviceSchema>;
