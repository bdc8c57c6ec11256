/** A part of a resource's schema, as its definition has it. */
interface Schema {
  readonly type: 'object' | 'array' | 'string' | 'boolean' | 'integer';
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

interface ForeignKind {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly spec: Schema;
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const texts = { type: 'array', items: text } as const;
const labels = { type: 'object', additionalProperties: text } as const;
const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values });
const object = (properties: Schema['properties'] & object, ...required: readonly string[]): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
});
const listOf = (items: Schema): Schema => ({ type: 'array', items });
/** Of the Prometheus operator. */
const duration = {
  type: 'string',
  pattern: '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$',
} as const;

const certificate = object(
  {
    secretName: text,
    dnsNames: texts,
    duration: text,
    renewBefore: text,
    usages: listOf(oneOf('digital signature', 'key encipherment', 'key agreement', 'server auth', 'client auth')),
    privateKey: object({
      algorithm: oneOf('RSA', 'ECDSA', 'Ed25519'),
      encoding: oneOf('PKCS1', 'PKCS8'),
      rotationPolicy: oneOf('Never', 'Always'),
      size: { type: 'integer' },
    }),
    issuerRef: object({ name: text, kind: text, group: text }, 'name'),
  },
  'secretName',
  'issuerRef',
);

const serviceMonitor = object(
  {
    selector: object({ matchLabels: labels }),
    endpoints: listOf(object({ port: text, path: text, honorLabels: flag, interval: duration })),
  },
  'selector',
  'endpoints',
);

const rule = object({ alert: text, expr: text, for: duration, labels, annotations: labels }, 'expr');
const prometheusRule = object({ groups: listOf(object({ name: text, rules: listOf(rule) }, 'name')) });

/**
 * Kinds that no cluster has by itself: the fields that the chart fills and some next to them, with the bounds of
 * cert-manager's definitions of August 2026 and the Prometheus operator's of 0.93, by which the same renderings were
 * accepted. What is not among them is rejected.
 */
export const FOREIGN: readonly ForeignKind[] = [
  { group: 'cert-manager.io', kind: 'Certificate', plural: 'certificates', spec: certificate },
  { group: 'monitoring.coreos.com', kind: 'ServiceMonitor', plural: 'servicemonitors', spec: serviceMonitor },
  { group: 'monitoring.coreos.com', kind: 'PrometheusRule', plural: 'prometheusrules', spec: prometheusRule },
];

/** Its definition, for a cluster without the product that it is of. */
export function definitionOf({ group, kind, plural, spec }: ForeignKind) {
  const schema = { openAPIV3Schema: object({ spec }, 'spec') };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
}
