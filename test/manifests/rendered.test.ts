import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { HELMS } from '../charts/chart.ts';
import { helm, helmBinaries } from '../charts/helm.ts';
import { realParts } from '../real/real-parts.ts';
import { configurationText } from './render/configuration-text.ts';
import { LAYOUTS } from './render/layouts.ts';
import { manifestText } from './render/manifest-text.ts';
import { renderManifests } from './render/manifests.ts';
import { makePlain } from './render/plain-object.ts';

const ROOT = join(import.meta.dirname, '../..');

describe.each(HELMS)('the manifests, rendered by %s', (name) => {
  const rendered = realParts(async () => {
    const binary = (await helmBinaries()).find((one) => one.name === name);
    if (binary === undefined) throw new Error(`There is no ${name}.`);
    const manifests = await renderManifests((args) => helm(binary, args));
    const values = join(import.meta.dirname, 'values/token-acquirer.yaml');
    const chart = join(ROOT, 'charts/token-acquirer');
    const release = ['template', 'token-acquirer', chart, '--namespace=token-acquirer', '--skip-tests'];
    return {
      texts: new Map<string, string>(manifests.map(({ path, text }) => [path, text])),
      chart: await helm(binary, [...release, `--values=${values}`]),
      stop: async () => {},
    };
  });

  it('leave out no object of the chart', () => {
    const { chart, texts } = rendered();
    const paths = ['manifests/token-acquirer.yaml', 'manifests/client-app.yaml'];
    const applied = paths.flatMap((path) => kindsIn(texts.get(path) ?? ''));
    const missing = kindsIn(chart).filter((kind) => {
      const at = applied.indexOf(kind);
      if (at !== -1) applied.splice(at, 1);
      return at === -1;
    });
    expect(kindsIn(chart)).toContain('Lease');
    expect(missing).toEqual([]);
  });

  it.each(Object.keys(LAYOUTS))('are up to date in %s (npm run manifests)', (path) => {
    expect(readFileSync(join(ROOT, path), 'utf8')).toBe(rendered().texts.get(path));
  });
});

function kindsIn(text: string): string[] {
  return parseAllDocuments(text).flatMap((document) => {
    const kind: unknown = document.get('kind');
    return typeof kind === 'string' ? [kind] : [];
  });
}

const SECRET = `---
# Source: token-acquirer/templates/secrets.yaml
apiVersion: v1
kind: Secret
metadata:
  name: token-acquirer-state
  labels:
    app.kubernetes.io/instance: token-acquirer
    app.kubernetes.io/managed-by: Helm
    app.kubernetes.io/name: token-acquirer
    app.kubernetes.io/version: 0.1.0
    helm.sh/chart: token-acquirer-0.1.0
  annotations:
    token-acquirer.dev/restart-checksum: "1"
`;
const BINDING = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: token-acquirer.token-acquirer.callers
roleRef:
  kind: Role
  name: token-acquirer.token-acquirer
subjects:
  # Of its own namespace.
  - kind: ServiceAccount
    name: token-acquirer
  - kind: ServiceAccount
    name: other
    namespace: elsewhere
`;

function plain(text: string, namespace?: string): string {
  const documents = parseAllDocuments(text);
  for (const document of documents) makePlain(document, namespace);
  return manifestText(documents, { head: 'A head\n\nof two parts' });
}

describe('an object as it is edited and applied', () => {
  it('has no mark of a release, and no checksum that nobody would keep up', () => {
    expect(plain(SECRET)).toBe(`# A head
#
# of two parts
---
apiVersion: v1
kind: Secret
metadata:
  name: token-acquirer-state
  labels:
    app.kubernetes.io/name: token-acquirer
`);
  });

  it('is in the namespace of the file, and whom it names too, where they say none', () => {
    expect(plain(SECRET, 'tokens')).toContain('  name: token-acquirer-state\n  namespace: tokens\n');
    expect(plain(BINDING, 'tokens')).toContain(`subjects:
  - kind: ServiceAccount
    name: token-acquirer
    namespace: tokens
  - kind: ServiceAccount
    name: other
    namespace: elsewhere
`);
  });

  it('stays where it is, and without a namespace where it can have none', () => {
    expect(plain(SECRET.replace('state\n', 'state\n  namespace: here\n'), 'tokens')).toContain('namespace: here');
    expect(plain('kind: ClusterRole\nmetadata:\n  name: a\n', 'tokens')).not.toContain('namespace');
  });

  it('is named without its namespace, which is in names so that releases do not meet', () => {
    const text = plain(BINDING);
    expect(text).toContain('name: token-acquirer-callers\n');
    expect(text).toContain('  kind: Role\n  name: token-acquirer\n');
  });

  it('loses quotes that mean nothing, and no others', () => {
    expect(plain('a: "text"\nb: "8443"\nc: "true"\nd: ["get","patch"]\n')).toContain(
      'a: text\nb: "8443"\nc: "true"\nd: [get, patch]\n',
    );
  });
});

describe('a comment of a manifest', () => {
  const documents = () =>
    parseAllDocuments('kind: Pod\nmetadata: { name: a }\nspec:\n  list:\n    - name: b\n      c: 1\n');
  const commented = (place: string) => manifestText(documents(), { head: '', comments: { [place]: 'Why.\nAnd how.' } });

  it.each([
    ['Pod/a', '---\n# Why.\n# And how.\nkind: Pod'],
    ['Pod/a spec', '# Why.\n# And how.\nspec:'],
    ['Pod/a spec.list.b', '    # Why.\n    # And how.\n    - name: b'],
    ['Pod/a spec.list.b.c', '      # Why.\n      # And how.\n      c: 1'],
  ])('stands before %s', (place, expected) => {
    expect(commented(place)).toContain(expected);
  });

  it.each(['Pod/b', 'Secret/a', 'Pod/a spec.name', 'Pod/a spec.list.c'])(
    'without its place, %s, is rejected',
    (place) => {
      expect(() => commented(place)).toThrow(`Comments have no place: ${place}.`);
    },
  );
});

describe('the configuration of a manifest', () => {
  const VALUES = `# Of the file.
config:
  # Why.
  authorizationServers: {}
  tokens: [{ name: a }]
other: 1
`;
  const MADE = 'tokens:\n- name: a\nauthorizationServers: {}\n';

  it('is that of the values, with its comments', () => {
    expect(configurationText(VALUES, MADE)).toBe('# Why.\nauthorizationServers: {}\ntokens: [{ name: a }]\n');
  });

  it('leaves out what the chart says and the token-acquirer takes anyway', () => {
    const more =
      'state: { secret: token-acquirer-state }\nendpoint: { service: token-acquirer, authoritySecret: token-acquirer-ca }\n';
    expect(configurationText(VALUES, `${MADE}${more}`)).not.toContain('state');
  });

  it.each([
    ['something else', MADE.replace('name: a', 'name: b')],
    ['more', `${MADE}callers: jwks\n`],
    ['another name', `${MADE}state: { secret: mine }\n`],
  ])('is rejected where the chart makes %s of it', (_, made) => {
    expect(() => configurationText(VALUES, made)).toThrow('another configuration than the values have');
  });

  it('is rejected where the values have none', () => {
    expect(() => configurationText('other: 1\n', MADE)).toThrow('The values have no config.');
  });
});
