import { remedyOf, TOKEN_ERRORS, type TokenErrorCode } from '../core/errors.ts';
import { ERROR_EXAMPLES } from './error-examples.ts';
import { code, table } from './markdown.ts';

const KINDS = { configuration: 'a person must act', transient: 'retried soon' } as const;

/** The error codes: a table, and a section for each, whose anchor is the code. */
export function errorReference(): string {
  const codesOfErrors = Object.keys(TOKEN_ERRORS) as TokenErrorCode[];
  const rows = codesOfErrors.map((one) => {
    const { failure, meaning } = TOKEN_ERRORS[one];
    return [`[${code(one)}](#${one})`, failure, meaning];
  });
  return [table(['code', 'kind', 'meaning'], rows), ...codesOfErrors.map(sectionOf)].join('\n\n');
}

function sectionOf(one: TokenErrorCode): string {
  const { failure, meaning } = TOKEN_ERRORS[one];
  const [cluster, directory] = [remedyOf(one, 'cluster'), remedyOf(one, 'directory')];
  const remedies =
    cluster === directory
      ? `**What to do:** ${cluster}`
      : `**In a cluster:** ${cluster}\n\n**In a directory:** ${directory}`;
  const paragraphs = [
    `## ${code(one)}`,
    `${meaning} Kind: ${failure} (${KINDS[failure]}).`,
    remedies,
    `Example: ${code(ERROR_EXAMPLES[one])}`,
  ];
  return paragraphs.join('\n\n');
}
