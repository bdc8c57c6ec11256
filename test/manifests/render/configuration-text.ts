import { isMap, parse, parseDocument } from 'yaml';
import { OWN } from '../../../src/token-acquirer/configuration/schema.ts';

/** What the chart says for any release, and the defaults of the token-acquirer. */
const TAKEN = {
  endpoint: { authoritySecret: OWN.authoritySecret, service: OWN.service },
  state: { secret: OWN.stateSecret },
  propagation: { nudge: false },
};

/**
 * The configuration of a values file as it is written there, comments included, for people to edit. Throws where the
 * chart made something else of it than that and what is taken anyway.
 */
export function configurationText(values: string, rendered: string): string {
  const config = parseDocument(values).get('config');
  if (!isMap(config) || !config.range) throw new Error('The values have no config.');
  const [begin, end] = config.range;
  const indentation = begin - (values.lastIndexOf('\n', begin) + 1);
  // From the line after the key, where the first comment may be.
  const from = values.indexOf('\n', values.lastIndexOf('config:', begin)) + 1;
  const text = `${values
    .slice(from, end)
    .replaceAll(new RegExp(`^ {${indentation}}`, 'gm'), '')
    .trimEnd()}\n`;
  if (sorted({ ...TAKEN, ...(parse(text) as object) }) !== sorted({ ...TAKEN, ...(parse(rendered) as object) })) {
    throw new Error('The chart renders another configuration than the values have.');
  }
  return text;
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
}
