import { z } from 'zod';
import {
  HEADER_NAME_PATTERN,
  headerNameProblem,
  MAX_HEADER_NAME,
  MAX_PREFIX,
  PREFIX_PATTERN,
  prefixProblem,
  TAKEN_NAME_PATTERN,
} from '../../core/token-header.ts';
import { section } from '../forms/value-forms.ts';

/** The header in which clients send the token. */
export const headerSchema = section({
  name: checked(headerNameProblem, 'the name of a header for a token, and this name')
    .meta({ pattern: HEADER_NAME_PATTERN, maxLength: MAX_HEADER_NAME, not: { pattern: TAKEN_NAME_PATTERN } })
    .optional()
    .describe('Name of the header; `Authorization` is the default.'),
  prefix: checked(prefixProblem, 'the text before the token in its header, and this text')
    .meta({ pattern: PREFIX_PATTERN, maxLength: MAX_PREFIX })
    .optional()
    .describe(
      'Text before the token, such as `Token `. The default is `Bearer ` for `Authorization`, and nothing for any other header.',
    ),
});

function checked(problemOf: (text: string) => string | undefined, what: string) {
  return z.string().superRefine((text, context) => {
    const problem = problemOf(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: `must be ${what} ${problem}` });
  });
}
