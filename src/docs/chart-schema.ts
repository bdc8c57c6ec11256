import { isMap, isScalar, parse, parseDocument, type YAMLMap } from 'yaml';
import { z } from 'zod';
import { INTERVAL_KEY, SET_KEYS } from '../core/credential.ts';
import { LABEL } from '../core/names.ts';
import { MOST_SHARDS } from '../core/shards.ts';
import { PROTOCOLS } from '../token-acquirer/configuration/protocols.ts';
import { configurationSchema } from '../token-acquirer/configuration/schema.ts';
import { code, table } from './markdown.ts';
import { withWords } from './pattern-words.ts';

/** Of Kubernetes' own, which the API server checks. */
const passedThrough = z.record(z.string(), z.unknown());
const list = z.array(passedThrough);
const texts = z.record(z.string(), z.string());
const port = z.int().min(1).max(65_535);
const label = z.string().regex(LABEL);
const optionalLabel = z.string().regex(new RegExp(`^$|${LABEL.source}`));
const objectName = z.string().regex(/^(?:[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?)?$/);
const pullSecrets = z.array(z.union([objectName, z.strictObject({ name: objectName })]));
const some = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape).partial();

const image = {
  registry: z.string(),
  repository: z.string().regex(/^[^\s:@]*(?::\d+\/[^\s:@]+)?$/),
  tag: z.string().regex(/^(?:\w[-.\w]{0,127})?$/),
  digest: z.string().regex(/^(?:[a-z0-9]+:[0-9a-f]{32,})?$/),
};
const pemFile = some({ configMap: objectName, secret: objectName, key: z.string().min(1) });
const renderMode = z.enum(['skipIfMissing', 'failIfMissing', 'alwaysRender']);
const keyInSecret = z.string().regex(/^[-._a-zA-Z0-9]{1,253}$/);
/** The interval passes, as a template says where it belongs. */
const credentialKeys = Object.fromEntries([...SET_KEYS, INTERVAL_KEY].map((key) => [key, keyInSecret]));
const scrapeInterval = z.string().regex(/^(?:0|(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?)$/);
const goDuration = z.string().regex(/^(?:(?:\d+(?:\.\d+)?(?:ms|s|m|h))+)?$/);

const webUrl = z.string().regex(/^(?:https?:\/\/\S+)?$/);
const cidr = z.string().regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/);

const extraObject = z.union([z.string(), passedThrough]);

/** The chart's own values. All have a default, so each may be left out. */
const ownValues = some({
  nameOverride: optionalLabel,
  fullnameOverride: optionalLabel,
  global: z.looseObject({ imageRegistry: z.string(), imagePullSecrets: pullSecrets }).partial(),
  enabled: z.unknown(),
  replicas: z.int().min(0),
  image: some({ ...image, pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']), pullSecrets }),
  config: z.unknown(),
  crds: some({ enabled: z.boolean(), keep: z.boolean() }),
  accessTokens: some({
    policy: some({
      enabled: z.boolean(),
      otherNamespaces: z.enum(['auto', 'reject', 'ignore']),
      namespacesOfOtherReleases: z.array(label),
    }),
  }),
  shards: z.int().min(1).max(MOST_SHARDS),
  credentials: z.record(label, some({ existingSecret: objectName, keys: some(credentialKeys) }).nullable()),
  credentialsSecret: objectName,
  secret: some({
    create: z.boolean(),
    keep: z.boolean(),
    allowRemoval: z.boolean(),
    labels: texts,
    annotations: texts,
  }),
  rbac: some({ create: z.boolean() }),
  serviceAccount: some({ create: z.boolean(), name: objectName, annotations: texts, labels: texts }),
  certificateAuthorities: z.record(label, pemFile.nullable()),
  workloadIdentity: z.record(
    label,
    some({ audience: z.string().min(1), expirationSeconds: z.int().min(600).max(86_400) }).nullable(),
  ),
  proxy: some({ url: z.string().regex(/^(?:https?:\/\/.*)?$/), noProxy: z.string() }),
  tls: some({
    existingSecret: objectName,
    certManager: some({
      enabled: z.boolean(),
      issuerRef: passedThrough,
      duration: goDuration,
      renewBefore: goDuration,
    }),
  }),
  service: some({
    type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']),
    port,
    annotations: texts,
    labels: texts,
    ipFamilyPolicy: z.enum(['', 'SingleStack', 'PreferDualStack', 'RequireDualStack']),
    ipFamilies: z.array(z.enum(['IPv4', 'IPv6'])).max(2),
  }),
  checks: some({ namespaces: z.boolean(), secrets: z.boolean() }),
  metrics: some({
    serviceMonitor: some({
      enabled: z.boolean(),
      renderMode,
      interval: scrapeInterval,
      labels: texts,
      annotations: texts,
    }),
    prometheusRule: some({
      enabled: z.boolean(),
      renderMode,
      labels: texts,
      runbookUrl: webUrl,
      credentialExpiresWithinDays: z.int().min(1).max(3650),
    }),
    dashboard: some({ enabled: z.boolean(), labels: texts, annotations: texts }),
  }),
  networkPolicy: some({
    enabled: z.boolean(),
    metricsFrom: list,
    apiServer: some({ cidrs: z.array(cidr), ports: z.array(port).min(1) }),
    except: z.array(cidr),
    extraIngress: list,
    extraEgress: list,
  }),
  podDisruptionBudget: some({
    enabled: z.boolean(),
    maxUnavailable: z.union([z.int().min(0), z.string().regex(/^\d{1,3}%$/)]),
  }),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']),
  logTraces: z.boolean(),
  extraArgs: z.array(z.string()),
  extraEnv: list,
  envFrom: list,
  extraVolumes: list,
  extraVolumeMounts: list,
  extraContainers: list,
  extraInitContainers: list,
  extraObjects: z.union([z.array(extraObject), z.record(z.string(), extraObject.nullable()), z.null()]),
  resources: passedThrough,
  startupProbe: passedThrough,
  livenessProbe: passedThrough,
  readinessProbe: passedThrough,
  podSecurityContext: passedThrough,
  securityContext: passedThrough,
  openshift: z.union([z.boolean(), z.enum(['auto', 'true', 'false'])]),
  commonLabels: texts,
  commonAnnotations: texts,
  podLabels: texts,
  podAnnotations: texts,
  nodeSelector: texts,
  tolerations: list,
  affinity: passedThrough,
  topologySpreadConstraints: list,
  priorityClassName: z.string(),
  runtimeClassName: z.string(),
  terminationGracePeriodSeconds: z.int().min(1),
  revisionHistoryLimit: z.int().min(0),
  hostAliases: list,
  dnsConfig: passedThrough,
  dnsPolicy: z.string(),
  test: some({
    image: some(image),
    serviceUrl: z.string().regex(/^(?:https?:\/\/.*)?$/),
    allowPlainHttp: z.boolean(),
    tokens: z.record(
      z.string().regex(/^[^/]+\/[^/]+\/[^/]+$/),
      some({ serviceUrl: z.string().regex(/^https?:\/\//) }).nullable(),
    ),
    certificateAuthority: pemFile,
    together: z.boolean(),
    resources: passedThrough,
  }),
});

interface Schema {
  $schema?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: readonly string[];
  type?: string | readonly string[];
  anyOf?: readonly Schema[];
  [keyword: string]: unknown;
}

/**
 * `values.schema.json` of the chart (JSON Schema draft 7): its own values, and under `config` what a configuration file
 * may hold. Descriptions are the comments of `values.yaml`; the keys of `renamed.yaml` pass, as a template says what to
 * write instead.
 */
export function chartSchema(values: string, renamed: string): string {
  const schema = withWords(jsonSchema(ownValues));
  const words = new Map<string, string>();
  const { $schema: _, ...config } = jsonSchema(configurationSchema, words);
  mayBeLeftOut(config, 'tokens');
  needsKeys(config, PROTOCOLS[0]);
  // For a key, helm 4 reports neither the place nor in words what is wrong. A template does.
  delete config.properties?.['tokens']?.['propertyNames'];
  const properties: Record<string, Schema> = { ...schema.properties, config: withWords(config, words) };
  for (const { path, description } of chartValues(values)) describe(properties, path.split('.'), description);
  for (const name of Object.keys(parse(renamed) as object)) properties[name] = {};
  return `${JSON.stringify({ ...schema, title: 'Values of the chart token-acquirer', properties }, null, 2)}\n`;
}

/** Adds to `words` what the schema itself says of its patterns. */
function jsonSchema(schema: z.ZodType, words = new Map<string, string>()): Schema {
  const override = ({ zodSchema, jsonSchema: one }: { zodSchema: z.core.$ZodTypes; jsonSchema: object }): void => {
    for (const [pattern, message] of patternMessages(zodSchema)) words.set(pattern, message);
    byProtocol(one as Schema);
    oneOfTypes(one as Schema);
  };
  return z.toJSONSchema(schema, { io: 'input', target: 'draft-7', override }) as Schema;
}

/** For a key whose default in `values.yaml` is null: with a list or a mapping there, helm would warn of the other form. */
function mayBeLeftOut(schema: Schema, key: string): void {
  const property = schema.properties?.[key];
  if (property === undefined) throw new Error(`The configuration has no key ${key}.`);
  schema.required = schema.required?.filter((one) => one !== key) ?? [];
  property.type = [property.type ?? [], 'null'].flat();
}

function patternMessages({ _zod: { def } }: z.core.$ZodTypes): [string, string][] {
  return (def.checks ?? []).flatMap((check): [string, string][] => {
    const { pattern, error } = check._zod.def as Partial<z.core.$ZodCheckRegexDef>;
    const message = error?.({ code: 'invalid_format' } as Parameters<typeof error>[0]);
    return pattern !== undefined && typeof message === 'string' ? [[pattern.source, message]] : [];
  });
}

/**
 * Writes alternatives with different values of `protocol` as conditions. For a value that fits no alternative, helm would
 * not name the key that is wrong.
 */
function byProtocol(schema: Schema): void {
  const { oneOf: alternatives, ...others } = schema as { oneOf?: readonly Schema[] };
  const protocols = alternatives?.map(({ properties }) => properties?.['protocol']?.['const']);
  if (alternatives === undefined || protocols?.every((name) => typeof name === 'string') !== true) return;
  delete schema['oneOf'];
  const conditions = alternatives.map((alternative, index) => {
    const isDefault = alternative.required?.includes('protocol') !== true;
    const named = { type: 'object', properties: { protocol: { const: protocols[index] } } };
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    return { if: { ...named, ...(!isDefault && { required: ['protocol'] }) }, then: alternative };
  });
  const properties = { protocol: { enum: protocols } };
  Object.assign(schema, others, { type: 'object', properties, allOf: conditions });
}

/**
 * Requires the keys that each token of the default protocol needs, where every server has it. Elsewhere no schema can tell,
 * because it depends on the server of the token. The token-acquirer then reports a missing key at its start.
 */
function needsKeys(config: Schema, row: (typeof PROTOCOLS)[number] | undefined): void {
  const keys = Object.entries(row?.tokenKeys ?? {}).filter(([, schema]) => !schema.safeParse(undefined).success);
  const required = { required: keys.map(([key]) => key) };
  const server = { properties: { protocol: { const: row?.name } } };
  Object.assign(config, {
    if: { properties: { authorizationServers: { additionalProperties: server } } },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { properties: { tokens: { items: required, additionalProperties: required } } },
  });
}

/** Keywords that may reject a value of another type than the one that they are meant for. */
const OF_EVERY_TYPE = ['enum', 'const', 'not', 'oneOf'];

/**
 * Writes alternatives of different types as one schema with a list of types: helm then names the key that is wrong, not
 * only the place where no alternative fits.
 */
function oneOfTypes(schema: Schema): void {
  const { anyOf: alternatives = [] } = schema;
  const types = alternatives.map(({ type }) => type);
  const apart = types.every((type) => typeof type === 'string') && new Set(types).size === types.length;
  if (!apart || types.length === 0) return;
  if (alternatives.some((one) => OF_EVERY_TYPE.some((keyword) => keyword in one))) return;
  delete schema.anyOf;
  Object.assign(schema, ...alternatives, { type: types });
}

function describe(properties: Record<string, Schema>, [name = '', ...below]: readonly string[], text: string): void {
  const property = properties[name];
  if (property === undefined)
    throw new Error(`values.yaml has the key ${name}, but src/docs/chart-schema.ts does not.`);
  if (below.length === 0) property.description = text;
  else describe(property.properties ?? {}, below, text);
}

export interface ChartValue {
  /** `image.tag`. */
  readonly path: string;
  readonly preset: unknown;
  readonly description: string;
}

/** Each value that has a comment `# -- …`. Throws where a value has none, nor any above it. */
export function chartValues(text: string): readonly ChartValue[] {
  const document = parseDocument(text);
  if (!isMap(document.contents)) throw new Error('values.yaml is not a mapping.');
  return valuesIn(document.contents, '', document.commentBefore ?? undefined);
}

function valuesIn(map: YAMLMap, above: string, first?: string): ChartValue[] {
  return map.items.flatMap(({ key, value }, index) => {
    if (!isScalar(key)) throw new Error('values.yaml has a key that is not a string.');
    const path = above === '' ? String(key.value) : `${above}.${String(key.value)}`;
    const comment = key.commentBefore ?? (index === 0 ? (map.commentBefore ?? first) : undefined) ?? '';
    const [, description] = /(?:^|\n) ?-- ([\s\S]+)$/.exec(comment) ?? [];
    if (description !== undefined) {
      const preset = (value as { toJSON?(): unknown } | null)?.toJSON?.();
      return [{ path, preset, description: description.replaceAll(/\s*\n\s*/g, ' ').trim() }];
    }
    if (!isMap(value))
      throw new Error(`values.yaml does not describe ${path}. Write a comment that begins with "# -- ".`);
    return valuesIn(value, path);
  });
}

/** The values as a Markdown table. */
export function chartReference(values: string): string {
  const rows = chartValues(values).map(({ path, preset, description }) => [
    code(path),
    preset === '' ? '' : code(JSON.stringify(preset)),
    description,
  ]);
  return table(['value', 'default', 'meaning'], rows);
}
