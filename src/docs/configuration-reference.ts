import { z } from 'zod';
import { configurationSchema } from '../token-acquirer/configuration/schema.ts';
import { code, table } from './markdown.ts';

interface Schema {
  type?: string;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  const?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  required?: string[];
  default?: unknown;
  description?: string;
}

interface Row {
  path: string;
  form: string;
  preset: string;
  description: string;
}

/** Returns the configuration reference as a Markdown table, made from the schema that checks the file. */
export function configurationReference(): string {
  const schema = z.toJSONSchema(configurationSchema, { io: 'input' }) as Schema;
  const rows = rowsOf(schema, '');
  return table(
    ['key', 'form', 'default', 'meaning'],
    rows.map(({ path, form, preset, description }) => [code(path), form, preset, description]),
  );
}

function rowsOf(schema: Schema, path: string): Row[] {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).flatMap(([key, property]) => {
    const here = path === '' ? key : `${path}.${key}`;
    return [rowOf(property, here, required.has(key)), ...below(property, here)];
  });
}

function below(schema: Schema, path: string): Row[] {
  if (schema.properties !== undefined) return rowsOf(schema, path);
  const list = schema.anyOf?.find(({ type }) => type === 'array');
  if (list !== undefined) return below(list, path);
  if (schema.items?.properties !== undefined) return rowsOf(schema.items, `${path}[]`);
  const values = valuesOf(schema);
  if (values?.oneOf !== undefined) return rowsOfProtocols(values.oneOf, `${path}.<name>`);
  return values?.properties === undefined ? [] : rowsOf(values, `${path}.<name>`);
}

/** Returns the keys of all protocols. The description of a key that the first protocol has not names its protocol. */
function rowsOfProtocols([first = {}, ...others]: readonly Schema[], path: string): Row[] {
  const names = [first, ...others].map(protocolOf);
  const known = rowsOf(first, path).map((row) =>
    row.path === `${path}.protocol` ? { ...row, form: names.map(code).join(', ') } : row,
  );
  const more = others.flatMap((protocol) =>
    rowsOf(protocol, path)
      .filter((row) => row.path !== `${path}.protocol`)
      .filter((row) => known.every((one) => one.path !== row.path || one.description !== row.description))
      .map((row) => ({ ...row, description: `With \`protocol: ${protocolOf(protocol)}\`: ${row.description}` })),
  );
  return [...known, ...more];
}

function protocolOf({ properties }: Schema): string {
  return String(properties?.['protocol']?.const);
}

/**
 * Returns the schema of the values of a mapping by name; `undefined` where they have several forms. A null deletes an
 * entry; the document explains that.
 */
function valuesOf({ additionalProperties }: Schema): Schema | undefined {
  if (typeof additionalProperties !== 'object') return undefined;
  const [one = additionalProperties, ...others] =
    additionalProperties.anyOf?.filter(({ type }) => type !== 'null') ?? [];
  return others.length === 0 ? one : undefined;
}

function rowOf(schema: Schema, path: string, required: boolean): Row {
  const preset =
    schema.default === undefined
      ? required
        ? '**required**'
        : ''
      : `\`${JSON.stringify(schema.default).replaceAll('"', '')}\``;
  return { path, form: formOf(schema), preset, description: schema.description ?? '' };
}

function formOf(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(formOf))].join(' or ');
  if (schema.type === 'array') return `list of ${formOf(schema.items ?? {})}s`;
  return FORMS[schema.type ?? ''] ?? 'value';
}

const FORMS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'number',
  boolean: 'true or false',
  object: 'mapping',
};
