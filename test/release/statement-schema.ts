import { z } from 'zod';

const timestamp = z.iso.datetime();
/** https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md, of the fields that are used here. */
const resource = z
  .strictObject({
    name: z.string().optional(),
    uri: z.url().optional(),
    digest: z.partialRecord(z.enum(['sha256', 'gitCommit']), z.string()).optional(),
  })
  .refine(({ uri, digest: one }) => uri !== undefined || one !== undefined);

/** https://slsa.dev/spec/v1.1/provenance in https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
export const statementSchema = z.strictObject({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  subject: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        digest: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
      }),
    )
    .min(1)
    .refine((subjects) => new Set(subjects.map(({ name }) => name)).size === subjects.length, 'names are unique'),
  predicateType: z.literal('https://slsa.dev/provenance/v1'),
  predicate: z.strictObject({
    buildDefinition: z.strictObject({
      buildType: z.url(),
      externalParameters: z.record(z.string(), z.unknown()),
      internalParameters: z.record(z.string(), z.unknown()).optional(),
      resolvedDependencies: z.array(resource).optional(),
    }),
    runDetails: z.strictObject({
      builder: z.strictObject({ id: z.url() }),
      metadata: z
        .strictObject({ invocationId: z.string().optional(), startedOn: timestamp, finishedOn: timestamp })
        .optional(),
    }),
  }),
});
