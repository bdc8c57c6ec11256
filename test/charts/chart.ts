import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import type { Configuration } from '../../src/token-acquirer/configuration/resolve.ts';
import { CommandFailed } from '../real/install/run.ts';
import { failure } from '../support/failure.ts';
import type { Container, KubernetesObject, PodSpec } from '../support/manifests.ts';
import { helm, helmBinaries } from './helm.ts';

export const CHART = join(import.meta.dirname, '../../charts/token-acquirer');
export const HELMS = ['helm 3', 'helm 4'] as const;
export const RELEASE = { name: 'token-acquirer', namespace: 'token-acquirer' } as const;

/** An object of a rendering, with what only the chart's tests look at. */
export type Rendered = KubernetesObject & {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly automountServiceAccountToken?: boolean;
};

export interface Rendering {
  readonly release?: string;
  readonly namespace?: string;
  /** Further arguments of `helm template`. */
  readonly args?: readonly string[];
}

/** The chart as one helm renders it. */
export interface Chart {
  objects(values: object, rendering?: Rendering): Promise<readonly Rendered[]>;
  text(values: object, rendering?: Rendering): Promise<string>;
  /** What `helm install` would tell the user; asks no cluster. */
  notes(values: object, rendering?: Rendering): Promise<string>;
  /** The sentences for values that the schema lets pass, and the templates do not. */
  faults(values: object, rendering?: Rendering): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Throws NotAvailable where there is no such helm. */
export async function openChart(name: (typeof HELMS)[number]): Promise<Chart> {
  const binary = (await helmBinaries()).find((one) => one.name === name);
  if (binary === undefined) throw new Error(`There is no ${name}.`);
  const run = (verb: readonly string[], values: object, rendering: Rendering): Promise<string> => {
    const { release = RELEASE.name, namespace = RELEASE.namespace, args = [] } = rendering;
    const options = [`--namespace=${namespace}`, '--values=-', ...args];
    // As JSON: helm's YAML is 1.1, where `yes` is no text.
    return helm(binary, [...verb, release, CHART, ...options], { input: JSON.stringify(values) });
  };
  const text: Chart['text'] = (values, rendering = {}) => run(['template'], values, rendering);
  return {
    text,
    objects: async (values, rendering) => objectsOf(await text(values, rendering)),
    notes: async (values, rendering = {}) => {
      const output = await run(['install', '--dry-run=client'], values, rendering);
      return output.slice(output.indexOf('NOTES:'));
    },
    faults: async (values, rendering = {}) => {
      const args = ['--skip-schema-validation', ...(rendering.args ?? [])];
      return sentencesOf(await failure(text(values, { ...rendering, args })));
    },
    stop: async () => {},
  };
}

/** In the order in which helm renders them. */
export function objectsOf(text: string): Rendered[] {
  return parseAllDocuments(text).flatMap((document) =>
    document.contents === null ? [] : inList(document.toJS() as Rendered),
  );
}

/** What a list holds is in the cluster by itself. */
function inList(object: Rendered): readonly Rendered[] {
  return object.kind === 'List' ? (object as Rendered & { readonly items: readonly Rendered[] }).items : [object];
}

function sentencesOf(error: unknown): string[] {
  if (!(error instanceof CommandFailed)) throw error;
  const [, output] = /guards\.yaml:\d+:\d+\): \n([\s\S]*?)(?:\n\n|$)/.exec(error.output) ?? [];
  if (output === undefined) throw error;
  return output.trimEnd().split('\n');
}

/** The least values, with whatever is put in their place. */
export function minimal(values: object = {}, config: object = {}): object {
  const token = {
    name: 'dynamics',
    authorizationServer: 'corporate',
    credential: 'dynamics',
    grant: 'client_credentials',
    secret: { namespace: 'billing', name: 'billing-tokens' },
    clients: [{ namespace: 'billing', serviceAccount: 'billing-app' }],
    clientApp: { namespace: 'billing', selector: 'app.kubernetes.io/name=billing-app' },
  };
  return {
    image: { repository: 'token-acquirer' },
    config: {
      authorizationServers: { corporate: { issuer: 'https://login.example.com/realms/corp' } },
      tokens: [token],
      ...config,
    },
    ...values,
  };
}

/** Like the one token of the least values. */
export function tokenWith(values: object): object {
  const { config } = minimal() as { config: { tokens: readonly object[] } };
  return { ...config.tokens[0], ...values };
}

/** Values to try the chart with, by the name of their file. */
export function trialValues(): ReadonlyMap<string, string> {
  const files = globSync('ci/*-values.yaml', { cwd: CHART }).toSorted();
  return new Map(files.map((file) => [file, readFileSync(join(CHART, file), 'utf8')]));
}

/** `Kind/name`, of what lies outside the release's namespace with its namespace before it. */
export function nameOf({ kind, metadata }: KubernetesObject): string {
  return [metadata.namespace, kind, metadata.name].filter((part) => part !== undefined).join('/');
}

/** The one object with this `nameOf`. */
export function find(objects: readonly Rendered[], name: string): Rendered {
  const [found, other] = objects.filter((object) => nameOf(object) === name);
  if (found === undefined || other !== undefined) {
    throw new Error(`One ${name} was expected among ${objects.map(nameOf).join(', ')}.`);
  }
  return found;
}

export function ofKind(objects: readonly Rendered[], kind: string): readonly Rendered[] {
  return objects.filter((object) => object.kind === kind);
}

/** Of the token-acquirer. */
export function podOf(objects: readonly Rendered[]): {
  readonly metadata: { readonly labels: object; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
  readonly container: Container;
} {
  const [deployment] = ofKind(objects, 'Deployment');
  const template = deployment?.spec?.template;
  const container = template?.spec.containers.find(({ name }) => name === 'token-acquirer');
  if (template === undefined || container === undefined) throw new Error('There is no Deployment with its container.');
  return { ...template, container };
}

/** What the token-acquirer reads, as the rendering has it. Throws ConfigurationError where it would reject that. */
export function configurationOf(objects: readonly Rendered[]): Configuration & { readonly text: string } {
  const [configMap] = ofKind(objects, 'ConfigMap').filter(({ data }) => data?.['config.yaml'] !== undefined);
  const text = configMap?.data?.['config.yaml'] ?? '';
  return { ...parseConfiguration(text, '/etc/token-acquirer/config/config.yaml'), text };
}
