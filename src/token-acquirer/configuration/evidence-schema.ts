import { z } from 'zod';
import { type LineMatch, USUAL } from '../../core/evidence-line.ts';
import { either, label, section, together } from '../forms/value-forms.ts';
import { expressionFault } from '../token/line-expression.ts';
import { callerSchema } from './caller-schema.ts';

const expression = z
  .string()
  .min(1, 'must be an expression')
  .superRefine((text, context) => {
    const message = expressionFault(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

const matchSchema = section({
  field: z
    .string()
    .min(1, 'must be the name of a field')
    .optional()
    .describe('A field of lines that are JSON objects; dots lead into nested objects, as in `response.status`.'),
  equals: z
    .union([z.string(), z.number(), z.boolean()], 'must be a text, a number, or true or false')
    .optional()
    .describe(
      'The value of the field in lines that report a rejected token. A number also equals the same digits in a text.',
    ),
  expression: expression
    .optional()
    .describe(
      'An expression in the syntax of RE2 that matches lines that report a rejected token, and no other lines.',
    ),
})
  .refine(({ field, equals }) => (field === undefined) === (equals === undefined), 'needs field and equals together')
  .refine(
    ({ field, expression: text }) => (field === undefined) !== (text === undefined),
    'needs either field and equals, or expression',
  )
  .meta({ oneOf: either('field', 'expression'), dependencies: together('field', 'equals') });

const logSchema = section({
  container: label.optional().describe('The container whose log is followed. By default, all containers of each pod.'),
  match: matchSchema
    .optional()
    .describe('Which lines report a rejected token. By default, what HTTP clients and Envoy print about a 401.'),
});

/** What else than calls of the clients reports a rejected token. */
export const evidenceSchema = section({
  log: logSchema
    .optional()
    .describe(
      'Follow the log of the pods of `clientApp`, and reissue the token when a line reports it as rejected. `{}` follows all containers with the default match.',
    ),
  reporters: z
    .array(callerSchema)
    .default([])
    .describe('Who may report a rejected token, such as a gateway. A reporter never gets the token.'),
});

export type EvidenceInput = z.output<typeof evidenceSchema>;

/** Returns the match that the configuration asks for. */
export function matchOf({ match }: NonNullable<EvidenceInput['log']>): LineMatch {
  if (match?.expression !== undefined) return { kind: 'expression', expression: match.expression };
  if (match?.field === undefined || match.equals === undefined) return USUAL;
  return { kind: 'field', field: match.field, equals: match.equals };
}
