import { z } from 'zod';
import type { AccessToken } from '../../../core/access-token.ts';
import { DURATION, DURATION_FORM } from '../../../core/duration.ts';
import { LABEL } from '../../../core/names.ts';

/** Where AccessTokens are in the Kubernetes API. */
export const RESOURCE = {
  group: 'token-acquirer.dev',
  version: 'v1alpha1',
  kind: 'AccessToken',
  plural: 'accesstokens',
} as const;

const LONGEST_SCOPE = 4096;
const LONGEST_SELECTOR = 1024;
const MOST_ACCOUNTS = 64;
const NAME_LENGTH = 63;
/** Of the annotation, which the status repeats. */
const LONGEST_REQUEST = 256;

const name = z.string().max(NAME_LENGTH).regex(LABEL, 'must be a DNS label');

/** A rule of the API server about a value, in CEL. */
function rules(...list: { rule: string; message: string }[]): Record<string, unknown> {
  return { 'x-kubernetes-validations': list };
}

/** Every field has a bound, or the API server finds its rules too costly. */
const renewalSchema = z
  .object({
    interval: z
      .string()
      .max(32)
      .regex(DURATION, `must be ${DURATION_FORM}`)
      .optional()
      .describe('Renew so long after issue, such as 10m, and at 90 % of the lifetime at the latest.'),
    at: z
      .string()
      .max(16)
      .regex(/^(?:[1-9]|[1-8]\d|90)(?:\.\d+)?%$/, 'must be a percentage from 1% to 90%')
      .optional()
      .describe('Renew at this part of the lifetime, such as 67%.'),
  })
  .refine(({ interval, at }) => interval === undefined || at === undefined, 'takes either interval or at')
  .meta(rules({ rule: '!(has(self.interval) && has(self.at))', message: 'takes either interval or at' }));

/** The `spec` of an AccessToken, from which the CustomResourceDefinition is made. */
export const accessTokenSpecSchema = z
  .object({
    service: name
      .describe('The service to get a token for, as the platform team named it.')
      .meta(rules({ rule: 'self == oldSelf', message: 'cannot be changed; make another AccessToken' })),
    secretName: name
      .optional()
      .describe('The Secret that is made for the token. By default it has the name of the AccessToken.'),
    scope: z
      .string()
      .max(LONGEST_SCOPE)
      .optional()
      .describe('Scopes to ask for instead of those of the service, separated by spaces.'),
    renewal: renewalSchema.optional().describe('When to renew, within the bounds of the service.'),
    serviceAccounts: z
      .array(name)
      .max(MOST_ACCOUNTS)
      .optional()
      .describe('ServiceAccounts of this namespace that may ask for a reissue.')
      .meta({ 'x-kubernetes-list-type': 'set' }),
    clientApp: z
      .object({
        selector: z.string().min(1).max(LONGEST_SELECTOR).describe('Labels of its pods, as kubectl takes them.'),
      })
      .optional()
      .describe('Whose pods count: while none runs, the token is not renewed.'),
    revokeOnDelete: z
      .boolean()
      .optional()
      .describe('Revoke the token when the AccessToken is deleted, if the service allows it.'),
  })
  .meta(
    rules({
      rule: 'has(self.secretName) == has(oldSelf.secretName) && (!has(self.secretName) || self.secretName == oldSelf.secretName)',
      message: 'secretName cannot be changed; make another AccessToken',
    }),
  );

const conditionSchema = z.object({
  type: z.enum(['Ready', 'Reconciling', 'Stalled']),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  message: z.string(),
  observedGeneration: z.number().default(0),
  lastTransitionTime: z.string(),
});

const statusSchema = z.object({
  // Before the first report, the CustomResourceDefinition has -1.
  observedGeneration: z.number().min(0).optional().catch(undefined),
  // Somebody else's conditions stay out.
  conditions: z.array(conditionSchema).optional(),
  secretName: z.string().optional(),
  expiresAt: z.string().optional(),
  renewsAt: z.string().optional(),
  lastReissue: z.object({ request: z.string(), at: z.string(), result: z.string(), message: z.string() }).optional(),
});

/** A new value asks for a new token. */
const REISSUE_ANNOTATION = 'token-acquirer.dev/reissue';

const metadataSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  generation: z.number().default(0),
  creationTimestamp: z.coerce.date(),
  deletionTimestamp: z.unknown().optional(),
  annotations: z.record(z.string(), z.string()).default({}),
  finalizers: z.array(z.string()).default([]),
});

/** Reads what the API server has. `undefined` where it is no AccessToken. */
export function readAccessToken(object: { readonly metadata?: unknown }): AccessToken | undefined {
  const { metadata, spec, status } = object as Readonly<Record<string, unknown>>;
  const facts = metadataSchema.safeParse(metadata);
  if (!facts.success) return undefined;
  const { namespace, name: own, uid, generation, creationTimestamp, annotations } = facts.data;
  const { deletionTimestamp, finalizers } = facts.data;
  const reissue = annotations[REISSUE_ANNOTATION]?.slice(0, LONGEST_REQUEST);
  const wanted = accessTokenSpecSchema.safeParse(spec);
  const reported = statusSchema.safeParse(status);
  const fault = faultOf(wanted.error) ?? (LABEL.test(own) ? undefined : 'metadata.name must be a DNS label.');
  return {
    namespace,
    name: own,
    uid,
    generation,
    createdAt: creationTimestamp.getTime(),
    spec: wanted.data ?? { service: '' },
    ...(fault !== undefined && { fault }),
    ...(reissue !== undefined && { reissue }),
    ...(deletionTimestamp !== undefined && { isDeleting: true }),
    ...(finalizers.length > 0 && { finalizers }),
    status: reported.data ?? {},
  };
}

/** Quotes no value. */
function faultOf(error: z.ZodError | undefined): string | undefined {
  const [issue] = error?.issues ?? [];
  return issue && `${['spec', ...issue.path].map(String).join('.')} ${issue.message}.`;
}
