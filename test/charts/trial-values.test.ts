import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { realParts, stopAll } from '../real/real-parts.ts';
import {
  CHART,
  type Chart,
  configurationOf,
  HELMS,
  nameOf,
  objectsOf,
  ofKind,
  openChart,
  podOf,
  RELEASE,
  type Rendered,
  trialValues,
} from './chart.ts';

/** Of whom an object of a client's namespace may be. */
const OF_CLIENTS = new Set(['Secret', 'Role', 'RoleBinding']);
/** What would be another thing each time, or in another cluster. */
const UNSTABLE = /\b(?:rand\w+|gen(?:CA|SelfSigned|Signed|Private)\w*|uuidv4|now|date|ago|getHostByName|htpasswd)\b/;

async function bothHelms(): Promise<{ charts: readonly Chart[]; stop(): Promise<void> }> {
  const charts = await Promise.all(HELMS.map((name) => openChart(name)));
  return { charts, stop: () => stopAll(charts) };
}

const files = [...trialValues()];

describe('the values to try the chart with', () => {
  it('are twenty files at least, each of which says first what it shows', () => {
    expect(files.length).toBeGreaterThanOrEqual(20);
    const said = files.map(([, text]) => /^# (.+\.)\n/.exec(text)?.[1]);
    expect(said).not.toContain(undefined);
    expect(new Set(said).size).toBe(files.length);
  });

  it('use every value that exists, or its default', () => {
    const used = new Set(files.flatMap(([, text]) => Object.keys(parse(text, { merge: true }) as object)));
    const known = Object.keys(parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as object);
    expect(known.filter((key) => !used.has(key) && !NOT_TRIED.includes(key))).toEqual([]);
  });
});

/** The others have their tests in templates.test.ts, and values of their own kind that are tried by their defaults. */
const NOT_TRIED = [
  'checks',
  'credentialsSecret',
  'livenessProbe',
  'readinessProbe',
  'podSecurityContext',
  'securityContext',
];

describe.each(files)('%s', (_, text) => {
  const helms = realParts(bothHelms);
  let renderings: readonly string[];
  let objects: readonly Rendered[];

  beforeAll(async () => {
    const values = parse(text, { merge: true }) as object;
    const { charts } = helms();
    renderings = await Promise.all([...charts, ...charts.slice(-1)].map((chart) => chart.text(values)));
    // The pods of `helm test` are tested where they are made.
    objects = objectsOf(renderings[0] ?? '').filter(
      ({ metadata }) => !('helm.sh/hook' in (metadata.annotations ?? {})),
    );
  });

  it('is rendered alike by both helms, and again', () => {
    expect(renderings).toHaveLength(3);
    expect(new Set(renderings).size).toBe(1);
  });

  it('gives the token-acquirer a configuration without errors, and its credentials', () => {
    const { tokens } = configurationOf(objects);
    const mounts = podOf(objects).container.volumeMounts?.map(({ mountPath }) => mountPath);
    for (const { credential } of tokens) expect(mounts).toContain(`/etc/token-acquirer/credentials/${credential}`);
  });

  it('makes each object once, in no namespace but those of clients', () => {
    const names = objects.map(nameOf);
    expect(names).toEqual([...new Set(names)]);
    const clients = configurationOf(objects).tokens.flatMap(({ identity, clientApp }) => [
      identity.namespace,
      clientApp !== undefined && 'namespace' in clientApp ? clientApp.namespace : identity.namespace,
    ]);
    for (const { kind, metadata } of objects) {
      if (metadata.namespace === undefined) continue;
      expect(clients).toContain(metadata.namespace);
      expect([...OF_CLIENTS]).toContain(kind);
      expect(metadata.namespace).not.toBe(RELEASE.namespace);
    }
  });

  it('has only Secrets without data, and binds nobody but the ServiceAccount of its pod', () => {
    for (const secret of ofKind(objects, 'Secret')) expect(secret).not.toHaveProperty('data');
    const name = podOf(objects).spec.serviceAccountName;
    for (const { kind, metadata, roleRef, subjects } of objects.filter((one) => one.kind.endsWith('Binding'))) {
      if (roleRef === undefined) continue;
      expect(roleRef).toMatchObject({ kind: kind.replace('Binding', ''), name: metadata.name });
      const own = kind === 'RoleBinding' && metadata.namespace === undefined;
      expect(subjects).toEqual([{ kind: 'ServiceAccount', name, ...(own ? {} : { namespace: RELEASE.namespace }) }]);
    }
  });

  it('has containers that all keep to the restricted profile', () => {
    const { spec } = podOf(objects);
    const first = (spec['initContainers'] ?? []) as typeof spec.containers;
    for (const { securityContext } of [...spec.containers, ...first]) {
      expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
    }
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    for (const volume of spec.volumes ?? []) {
      const [source] = Object.keys(volume).filter((key) => key !== 'name');
      expect(['secret', 'configMap', 'projected', 'emptyDir']).toContain(source);
    }
  });
});

describe('the templates', () => {
  const templates = globSync('templates/**/*.{tpl,yaml,txt}', { cwd: CHART }).map((file) => ({
    file,
    actions: readFileSync(join(CHART, file), 'utf8').match(/\{\{(?!-? *\/\*)[\s\S]*?\}\}/g) ?? [],
  }));

  it('draw nothing by lot, and look at no clock', () => {
    expect(templates.length).toBeGreaterThan(15);
    for (const { file, actions } of templates) {
      for (const action of actions) expect(`${file}: ${action.replaceAll(/"[^"]*"/g, '')}`).not.toMatch(UNSTABLE);
    }
  });

  it('look something up only to reject what cannot work', () => {
    const looking = templates.filter(({ actions }) => actions.some((action) => /\blookup\b/.test(action)));
    expect(looking.map(({ file }) => file)).toEqual(
      ['_guards-secrets', '_guards', '_removals'].map((name) => `templates/${name}.tpl`),
    );
  });

  it('prepare what they need first, each that is rendered', () => {
    const rendered = templates.filter(({ file }) => !file.endsWith('.tpl'));
    expect(rendered.length).toBeGreaterThan(15);
    for (const { file, actions } of rendered)
      expect([file, actions[0]]).toEqual([file, '{{- include "token-acquirer.prepare" . }}']);
  });
});
