import { TOKEN_ERRORS } from '../core/errors.ts';

/** The error codes as a Markdown table, made from the table that classes them. */
export function errorReference(): string {
  const rows = Object.entries(TOKEN_ERRORS).map(
    ([code, { failure, meaning, remedy }]) => `| \`${code}\` | ${failure} | ${meaning} | ${remedy} |`,
  );
  return ['| code | kind | meaning | what to do |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
