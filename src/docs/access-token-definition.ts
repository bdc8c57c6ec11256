import { stringify } from 'yaml';
import { z } from 'zod';
import { code, table } from './markdown.ts';

/** What is made from the adapter of AccessTokens. */
export interface AccessTokenSource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  /** The schema of the spec. */
  readonly spec: z.ZodType;
}

interface Schema {
  type?: string;
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  required?: string[];
  [keyword: string]: unknown;
}

const TEXT = { type: 'string' };
const TIME = { type: 'string', format: 'date-time' };
const VERSION_NUMBER = { type: 'integer', format: 'int64' };

/** After `metav1.Condition`. */
const CONDITION = {
  type: 'object',
  required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
  properties: {
    type: { ...TEXT, maxLength: 316 },
    status: { ...TEXT, enum: ['True', 'False', 'Unknown'] },
    reason: { ...TEXT, minLength: 1, maxLength: 1024 },
    message: { ...TEXT, maxLength: 32_768 },
    observedGeneration: { ...VERSION_NUMBER, minimum: 0 },
    lastTransitionTime: TIME,
  },
};

/** Without it, kstatus takes an AccessToken that token-acquirer has not seen yet for one that is ready. */
const NOT_SEEN = { observedGeneration: -1 };

const STATUS = {
  type: 'object',
  description: 'What token-acquirer reports. It never holds a token.',
  default: NOT_SEEN,
  properties: {
    observedGeneration: {
      ...VERSION_NUMBER,
      description: 'The generation of the spec that is reported on; -1 before the first report.',
    },
    conditions: {
      type: 'array',
      description: 'Ready; Reconciling while token-acquirer works on it; Stalled where a person must act.',
      items: CONDITION,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    },
    secretName: { ...TEXT, description: 'The Secret that was made.' },
    expiresAt: { ...TIME, description: 'When the stored token expires.' },
    renewsAt: { ...TIME, description: 'When the stored token is renewed.' },
    lastReissue: {
      type: 'object',
      description: 'What became of the last value of the annotation token-acquirer.dev/reissue.',
      required: ['request', 'at', 'result', 'message'],
      properties: { request: TEXT, at: TIME, result: TEXT, message: TEXT },
    },
  },
};

/** The name of an AccessToken is that of its token, and of its keys in the Secret. */
const NAME_RULE = {
  rule: "size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')",
  message: 'the name must be a DNS label: at most 63 lower-case letters, digits and hyphens',
};

const COLUMNS = [
  ['Ready', 'string', '.status.conditions[?(@.type=="Ready")].status'],
  ['Service', 'string', '.spec.service'],
  ['Secret', 'string', '.status.secretName'],
  // kubectl shows a date in the future as <invalid>.
  ['Expires', 'string', '.status.expiresAt'],
  ['Renews', 'string', '.status.renewsAt'],
  ['Reason', 'string', '.status.conditions[?(@.type=="Ready")].reason'],
  ['Age', 'date', '.metadata.creationTimestamp'],
  ['Message', 'string', '.status.conditions[?(@.type=="Ready")].message'],
] as const;

/** The CustomResourceDefinition of AccessTokens, in YAML, from the schema that reads them. */
export function accessTokenDefinition({ group, version: name, kind, plural, spec }: AccessTokenSource): string {
  const openAPIV3Schema = {
    type: 'object',
    description: 'Asks for an OAuth access token of a service, which is kept up to date in a Secret.',
    required: ['spec'],
    properties: { apiVersion: TEXT, kind: TEXT, metadata: { type: 'object' }, spec: specSchema(spec), status: STATUS },
    'x-kubernetes-validations': [NAME_RULE],
  };
  const version = {
    name,
    served: true,
    storage: true,
    subresources: { status: {} },
    additionalPrinterColumns: COLUMNS.map(([column, type, jsonPath]) => ({
      name: column,
      type,
      jsonPath,
      ...(column === 'Message' && { priority: 1 }),
    })),
    selectableFields: [{ jsonPath: '.spec.service' }, { jsonPath: '.spec.secretName' }],
    schema: { openAPIV3Schema },
  };
  return stringify(
    {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: {
          kind,
          plural,
          singular: 'accesstoken',
          shortNames: ['at'],
          categories: ['token-acquirer'],
        },
        versions: [version],
      },
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
}

/** The fields of the spec as a Markdown table. */
export function accessTokenReference({ spec }: Pick<AccessTokenSource, 'spec'>): string {
  const rows = rowsOf(specSchema(spec), 'spec');
  return table(['field', 'form', 'meaning'], rows);
}

const FORMS: Readonly<Record<string, string>> = {
  array: 'list of texts',
  object: 'mapping',
  boolean: '`true` or `false`',
};

function rowsOf({ properties = {}, required = [] }: Schema, path: string): string[][] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const form = FORMS[schema.type ?? ''] ?? 'text';
    const needed = required.includes(key) ? `${form}, **required**` : form;
    return [[code(`${path}.${key}`), needed, schema.description ?? ''], ...rowsOf(schema, `${path}.${key}`)];
  });
}

/** A structural schema: the API server takes no `additionalProperties` next to `properties`, and drops unknown fields anyway. */
function specSchema(spec: z.ZodType): Schema {
  const override = ({ jsonSchema }: { jsonSchema: object }): void => {
    delete (jsonSchema as Schema)['additionalProperties'];
  };
  const { $schema: _, ...schema } = z.toJSONSchema(spec, {
    io: 'input',
    target: 'draft-7',
    override,
  }) as Schema;
  return schema;
}
