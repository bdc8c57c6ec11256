import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { realParts } from '../real/real-parts.ts';
import { blocksIn, type CodeBlock, codeBlocks, kindOfYaml, shellCommands } from '../support/code-blocks.ts';
import { objectsIn, type PodSpec } from '../support/manifests.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { configurationOf, HELMS, minimal, objectsOf, ofKind, openChart } from './chart.ts';
import { helm, helmBinaries } from './helm.ts';

const ROOT = join(import.meta.dirname, '../..');
const blocks = codeBlocks(ROOT);
const LIBRARY = 'charts/token-acquirer-client/README.md';
const libraryBlocks = blocksIn(LIBRARY, readFileSync(join(ROOT, LIBRARY), 'utf8'));

type Json = Readonly<Record<string, unknown>>;

const at = ({ document, line }: CodeBlock): string => `${document}:${line}`;
const ofDocument = (document: string): CodeBlock[] => blocks.filter((block) => block.document === document);
const INSTALL = ofDocument('docs/install/helm.md').find((block) => kindOfYaml(block) === 'values');

/** The resources of Argo CD and Flux in the document on them. Its ConfigMap is what test/real/argo-health.test.ts runs. */
const resources = ofDocument('docs/install/gitops.md')
  .filter((block) => kindOfYaml(block) === 'objects')
  .flatMap(({ text }) => parseAllDocuments(text).map((document) => document.toJS() as Json & { kind: string }))
  .filter(({ kind }) => kind !== 'ConfigMap');

/** Values of the chart that they hold, where they install it. */
function valuesIn({ spec }: Json): Json | undefined {
  const { source, values } = spec as { source?: { helm?: { valuesObject?: Json } }; values?: Json };
  return source?.helm?.valuesObject ?? values;
}

const values = [
  ...blocks.filter((block) => kindOfYaml(block) === 'values').map((block) => [at(block), parse(block.text)] as const),
  ...resources.flatMap((resource) => {
    const held = valuesIn(resource);
    return held === undefined ? [] : ([[`docs/install/gitops.md, the ${resource.kind}`, held]] as const);
  }),
] as readonly (readonly [string, Json])[];

describe('a YAML block of the documents', () => {
  it.each([
    ['a manifest', 'apiVersion: v1\nkind: Secret\n', 'objects'],
    ['a part of one', 'spec:\n  containers: []\n', 'objects'],
    ['a dependency', 'dependencies:\n  - name: a\n', 'objects'],
    ["Alertmanager's configuration", 'route:\n  receiver: a\n', 'alertmanager'],
    ["an application's values", 'tokenAcquirer:\n  secret: a\n', 'application'],
    ['values', 'image: { repository: a }\nconfig:\n  tokens: []\n', 'values'],
    ['some values', 'networkPolicy:\n  enabled: true\n', 'values'],
    ['a configuration', 'authorizationServers: {}\ntokens:\n  - secret: { name: a }\n', 'configuration'],
  ])('is recognized as %s', (_, text, kind) => {
    expect(kindOfYaml({ language: 'yaml', text })).toBe(kind);
  });

  it('is nothing for another language', () => {
    expect(kindOfYaml({ language: 'sh', text: 'config: 1' })).toBeUndefined();
  });
});

describe.each(HELMS)('values of the documents, by %s', (name) => {
  const chart = realParts(() => openChart(name));

  it.each(values)('render, and are a configuration without errors: %s', async (_, given) => {
    // A file of a team has no servers, and one of the platform team no tokens.
    const { config, ...rest } = minimal() as Json & { config: Json };
    const merged = { ...config, ...(given['config'] as Json | undefined) };
    const objects = await chart().objects({ ...rest, ...given, config: merged });
    const { tokens } = configurationOf(objects);
    expect(tokens.map(({ identity }) => `${identity.namespace}/${identity.secret}/${identity.name}`)).toEqual([
      expect.stringMatching(/^billing\/billing-tokens\/\w+$/),
    ]);
    expect(ofKind(objects, 'Deployment')).toHaveLength(Number(given['shards'] ?? 1));
  });
});

/** Each command of the documents that renders the chart, with the place where it is. */
const helmCommands = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap((block) => shellCommands(block.text).map((command) => [at(block), command] as const))
  .filter(([, command]) => /^helm (?:install|upgrade|template) /.test(command));

const folder = temporaryDirectory();
afterAll(() => folder.remove());

/** A file that the documents show, first of all this one: its first line is a comment with its name. */
function namedFile(name: string, document: string): string | undefined {
  if (!/^[a-z]+\.yaml$/.test(name)) return undefined;
  const [shown] = [...ofDocument(document), ...blocks].filter(({ text }) => text.startsWith(`# ${name}\n`));
  if (shown === undefined) return undefined;
  const file = join(folder.path, `${shown.document.replaceAll('/', '-')}-${name}`);
  writeFileSync(file, shown.text);
  return file;
}

/** What the templates have that a command renders by themselves. */
const SHOWN: Readonly<Record<string, string>> = { prometheusrule: 'PrometheusRule', configmap: 'ConfigMap' };

describe.each(HELMS)('the commands of the documents, by %s', (name) => {
  const binary = realParts(async () => {
    const found = (await helmBinaries()).find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no ${name}.`);
    return { ...found, stop: async () => {} };
  });

  it('exist', () => {
    expect(helmCommands.length).toBeGreaterThanOrEqual(6);
  });

  it.each(helmCommands)('render the chart: %s', async (place, command) => {
    const document = place.replace(/:\d+$/, '');
    const [, , ...args] = (command.split('|')[0] ?? '').trim().split(' ');
    // Which release there is already makes no difference to what is rendered.
    const rendering = args.filter((arg) => arg !== '--take-ownership').map((arg) => namedFile(arg, document) ?? arg);
    const here = rendering.map((arg) => (arg.startsWith('charts/') ? join(ROOT, arg) : arg));
    const text = await helm(binary(), ['template', ...here]);
    const [, shown = ''] = /templates\/(\w+)\.yaml/.exec(command) ?? [];
    expect(objectsOf(text).map(({ kind }) => kind)).toContain(SHOWN[shown] ?? 'Deployment');
  });
});

describe('the installation', () => {
  it('takes two commands and at most 15 lines of values', () => {
    expect(INSTALL?.text.split('\n').length).toBeLessThanOrEqual(15);
    const commands = ofDocument('docs/install/helm.md').find(({ text }) => text.includes('helm install'));
    expect(shellCommands(commands?.text ?? '')).toHaveLength(2);
  });

  it('is of the one client app that is shown: the same Secret, ServiceAccount and labels', () => {
    const [token] = (parse(INSTALL?.text ?? '') as { config: { tokens: Json[] } }).config.tokens;
    expect(token).toMatchObject({
      secret: { namespace: 'billing', name: 'billing-tokens' },
      clients: [{ namespace: 'billing', serviceAccount: 'billing-app' }],
    });
  });
});

describe('the client’s pod', () => {
  const shown = ofDocument('docs/use/README.md').find(({ text }) => text.startsWith('spec:'));
  const { spec } = parse(shown?.text ?? '') as { spec: PodSpec };
  const manifest = objectsIn('manifests/client-app.yaml').find(({ kind }) => kind === 'Deployment')?.spec?.template
    ?.spec;

  it('has the volumes and mounts of the manifest', () => {
    expect(spec.volumes).toEqual(manifest?.volumes);
    expect(spec.containers[0]?.volumeMounts).toEqual(manifest?.containers[0]?.volumeMounts);
    expect(spec.serviceAccountName).toBe(manifest?.serviceAccountName);
    expect(spec.automountServiceAccountToken).toBe(false);
  });

  it('has its environment, except for what the example itself asks for', () => {
    const others = ['SERVICE_URL', 'TOKEN_NAME', 'LISTEN'];
    expect(spec.containers[0]?.env).toEqual(manifest?.containers[0]?.env?.filter((one) => !others.includes(one.name)));
  });
});

describe('the library chart’s README', () => {
  const text = (start: string): string => libraryBlocks.find((block) => block.text.startsWith(start))?.text ?? '';
  const example = (file: string): string =>
    readFileSync(join(ROOT, 'charts/token-acquirer-client/example', file), 'utf8');

  it('shows the dependency and the values of the example', () => {
    const { dependencies } = parse(text('# Chart.yaml')) as { dependencies: readonly Json[] };
    const [own] = (parse(example('Chart.yaml')) as { dependencies: readonly Json[] }).dependencies;
    expect(dependencies).toEqual([{ ...own, repository: 'oci://registry.example.com/charts' }]);
    expect(parse(example('values.yaml'))).toMatchObject(parse(text('# values.yaml')) as Json);
  });

  it('shows the three lines of the example, except for their indentation', () => {
    const lines = (from: string): string[] => [...from.matchAll(/\{\{- include .*? \| nindent/g)].map(([line]) => line);
    expect(lines(text('# templates/deployment.yaml'))).toHaveLength(3);
    expect(lines(text('# templates/deployment.yaml'))).toEqual(lines(example('templates/deployment.yaml')));
  });

  it('has every key in its table, and no other', () => {
    const readme = readFileSync(join(ROOT, LIBRARY), 'utf8');
    const template = readFileSync(
      join(ROOT, 'charts/token-acquirer-client/templates/_token-acquirer-client.tpl'),
      'utf8',
    );
    const known = /\$known := list (.*?) -/.exec(template)?.[1]?.replaceAll('"', '').split(' ') ?? [];
    const shown = [...readme.matchAll(/^\| `([a-zA-Z]+)/gm)].map(([, key]) => key);
    expect(new Set(shown)).toEqual(new Set(known));
  });
});

/** Of the CRDs of Argo CD 3.6 and of Flux' source-controller 1.10 and helm-controller 1.6, by which they were checked. */
const FIELDS: Readonly<Record<string, { readonly apiVersion: string; readonly spec: readonly string[] }>> = {
  Application: {
    apiVersion: 'argoproj.io/v1alpha1',
    spec: [
      'project',
      'destination.server',
      'destination.namespace',
      'ignoreDifferences',
      'source.repoURL',
      'source.chart',
      'source.path',
      'source.targetRevision',
      'source.helm.releaseName',
      'source.helm.skipTests',
      'source.helm.valuesObject',
      'syncPolicy.automated.prune',
      'syncPolicy.automated.selfHeal',
      'syncPolicy.syncOptions',
    ],
  },
  OCIRepository: {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    spec: ['interval', 'url', 'ref.semver', 'ref.tag', 'layerSelector.mediaType', 'layerSelector.operation'],
  },
  GitRepository: { apiVersion: 'source.toolkit.fluxcd.io/v1', spec: ['interval', 'url', 'ref.branch', 'ref.tag'] },
  HelmRelease: {
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    spec: [
      'interval',
      'releaseName',
      'targetNamespace',
      'storageNamespace',
      'dependsOn',
      'values',
      'test.enable',
      'chartRef.kind',
      'chartRef.name',
      'install.createNamespace',
      'driftDetection.mode',
      'chart.spec.chart',
      'chart.spec.sourceRef.kind',
      'chart.spec.sourceRef.name',
    ],
  },
};

/** Paths of what is in a mapping, down to those that are fields of the list. */
function pathsOf(node: unknown, fields: readonly string[], path = ''): string[] {
  if (fields.includes(path) || node === null || typeof node !== 'object' || Array.isArray(node)) return [path];
  return Object.entries(node).flatMap(([key, value]) => pathsOf(value, fields, path === '' ? key : `${path}.${key}`));
}

describe('the resources of Argo CD and Flux', () => {
  it('exist', () => {
    expect(resources.map(({ kind }) => kind)).toEqual([
      'Application',
      'OCIRepository',
      'HelmRelease',
      'HelmRelease',
      'GitRepository',
    ]);
  });

  it.each(resources.map((resource) => [resource.kind, resource] as const))(
    'have fields that there are: %s',
    (kind, { apiVersion, spec }) => {
      const { apiVersion: known, spec: fields } = FIELDS[kind] ?? { apiVersion: '', spec: [] };
      expect(apiVersion).toBe(known);
      expect(pathsOf(spec, fields).filter((path) => !fields.includes(path))).toEqual([]);
    },
  );

  it('differ from those with a typo', () => {
    const { spec: fields } = FIELDS['HelmRelease'] ?? { spec: [] };
    expect(pathsOf({ driftDetection: { mod: 'enabled' }, values: { a: 1 } }, fields)).toEqual([
      'driftDetection.mod',
      'values',
    ]);
  });

  it('neither replace nor force anything', () => {
    expect(JSON.stringify(resources)).not.toMatch(/replace|force/i);
  });

  it('install what the commands install: the same release in the same namespace, with the same least values', () => {
    const install = parse(INSTALL?.text ?? '') as { image: Json };
    const held = resources.flatMap((resource) => valuesIn(resource) ?? []);
    expect(held).toHaveLength(2);
    for (const one of held) expect(one).toMatchObject({ image: install.image });
    const text = ofDocument('docs/install/helm.md').map(({ text: shell }) => shell);
    expect(text.join('\n')).toContain('helm install token-acquirer charts/token-acquirer -n token-acquirer');
  });
});

describe('the commands of the documents', () => {
  const shell = blocks.filter(({ language }) => language === 'sh');

  it('name folders and files that exist', () => {
    const named = shell.flatMap(
      ({ text }) => text.match(/\b(?:charts|manifests)\/[\w./-]*|\bDockerfile\.[\w-]+/g) ?? [],
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('never replace or force a Secret', () => {
    // A pod of `helm test` may be replaced.
    const ofPod = /kubectl .*get pod .*\| kubectl replace --force -f -/g;
    for (const { text } of shell)
      expect(text.replaceAll(ofPod, '')).not.toMatch(
        /kubectl.* (?:replace|--force\b(?!-conflicts))|helm .*--force\b(?!-conflicts)/,
      );
  });
});
