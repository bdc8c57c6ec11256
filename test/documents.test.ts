import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CONDITION_TYPES } from '../src/core/conditions.ts';
import { TOKEN_ERRORS } from '../src/core/errors.ts';
import { generatedDocuments } from '../src/docs/documents.ts';
import { parseConfiguration } from '../src/token-acquirer/configuration/parse.ts';
import { blocksIn, type CodeBlock, codeBlocks, documents, kindOfYaml } from './support/code-blocks.ts';
import { documentSources } from './support/document-sources.ts';
import { leadsSomewhere, linksIn } from './support/links.ts';
import { objectsIn, type PodSpec } from './support/manifests.ts';

const ROOT = resolve(import.meta.dirname, '..');
const blocks = codeBlocks(ROOT);
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const sources = documentSources();
const { metrics } = sources;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'token-acquirer-documents-'));
  folders.push(folder);
  return folder;
}

/** Returns what the compiler reports for these blocks, each as its own module; empty where they compile. */
function compilerFaults(modules: readonly Pick<CodeBlock, 'document' | 'line' | 'text'>[]): string {
  const folder = temporaryFolder();
  const options = { extends: join(ROOT, 'tsconfig.json'), include: ['*.ts'] };
  const paths = {
    'token-acquirer-client': [join(ROOT, 'src/client/index.ts')],
    '@opentelemetry/api': [join(ROOT, 'node_modules/@opentelemetry/api', './dist/index.d.cts')],
  };
  const compilerOptions = { paths, typeRoots: [join(ROOT, 'node_modules/@types')] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...options, compilerOptions }));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const { document, line, text } of modules) {
    writeFileSync(join(folder, `${document.replaceAll(/\W/g, '_')}_line_${line}.ts`), `${text}\nexport {};\n`);
  }
  try {
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' });
    return '';
  } catch (error) {
    return String((error as { stdout?: string }).stdout);
  }
}

describe('every code block of the documents', () => {
  it('is in a language that is checked here', () => {
    // Python, Go and Java are run by test/conformance, and Apache by test/real/programs.test.ts.
    const checked = new Set(['ts', 'yaml', 'json', 'sh', 'bash', 'python', 'go', 'java', 'apache', '']);
    const unchecked = blocks.filter(({ language }) => !checked.has(language));
    expect(unchecked.map(({ document, line, language }) => `${document}:${line} ${language}`)).toEqual([]);
    expect(blocks.length).toBeGreaterThan(6);
  });

  it('in TypeScript compiles', () => {
    expect(compilerFaults(blocks.filter(({ language }) => language === 'ts'))).toBe('');
  });

  it('in TypeScript does not compile where it is broken on purpose', () => {
    const broken = readme.replace("tokens.source('dynamics')", 'tokens.sauce(dynamics)');
    const modules = blocksIn('README.md', broken).filter(({ language }) => language === 'ts');
    expect(compilerFaults(modules)).toContain("Property 'sauce' does not exist");
  });

  it.each(
    blocks
      .filter((block) => kindOfYaml(block) === 'configuration')
      .map((block) => [`${block.document}:${block.line}`, block] as const),
  )('%s is a configuration without errors', (_place, { text }) => {
    expect(parseConfiguration(text, 'config.yaml').tokens.length).toBeGreaterThan(0);
  });

  it.each(['sh', 'bash'])('in %s is one that this shell can parse', (shell) => {
    const scripts = blocks.filter(({ language }) => language === shell);
    expect(scripts.length).toBeGreaterThan(0);
    for (const { document, line, text } of scripts) {
      const { stderr } = spawnSync(shell, ['-n'], { input: text, encoding: 'utf8' });
      expect(`${document}:${line} ${stderr}`).toBe(`${document}:${line} `);
    }
  });

  it('in JSON is JSON', () => {
    for (const { language, text } of blocks) if (language === 'json') expect(() => void JSON.parse(text)).not.toThrow();
  });

  it('in shell runs the token-acquirer without asking a registry for it', () => {
    const asking = blocks.filter(({ text }) => /\bnpx (?:-\S+ )*token-acquirer/.test(text));
    expect(asking.map(({ document, line }) => `${document}:${line}`)).toEqual([]);
  });

  it('in shell names scripts and files that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => [...text.matchAll(/npm run (?:-s )?([\w:-]+)/g)].map(([, script]) => script ?? ''));
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((script) => scripts[script] === undefined)).toEqual([]);
  });
});

describe('the README', () => {
  it('has at most 900 words, and 150 lines', () => {
    expect(readme.split(/\s+/).filter((word) => word !== '').length).toBeLessThanOrEqual(900);
    expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(150);
  });

  it('mounts the token as the manifest of a client app does', () => {
    const shown = blocks.find(({ document, text }) => document === 'README.md' && text.startsWith('# tokens.yaml\n'));
    const { spec } = (parse(shown?.text ?? '') as { spec: { template: { spec: PodSpec } } }).spec.template;
    const manifest = objectsIn('manifests/client-app.yaml').find(({ kind }) => kind === 'Deployment')?.spec?.template;
    const [tokens] = manifest?.spec?.volumes ?? [];
    const items = tokens?.secret?.items?.filter(({ key }) => key !== 'ca.crt');
    expect(spec.volumes).toEqual([{ ...tokens, secret: { ...tokens?.secret, items } }]);
    expect(spec.containers[0]?.volumeMounts).toEqual(manifest?.spec?.containers[0]?.volumeMounts?.slice(0, 1));
  });
});

describe('the pages', () => {
  const pages = documents(ROOT).filter((document) => document.startsWith('docs/'));

  it('begin with their readers', () => {
    const silent = pages.filter((page) => {
      const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/<!--[^]*?-->/g, '');
      return !/^\s*# [^\n]+\n+(?:This page is for|For) /.test(text);
    });
    expect(silent).toEqual([]);
  });

  it('are all in the index, runbooks as a folder', () => {
    const index = new Set(
      linksIn(readFileSync(join(ROOT, 'docs/README.md'), 'utf8')).map((link) => link.split('#')[0]),
    );
    const named = (page: string): boolean =>
      index.has(relative('docs', page)) || index.has(relative('docs', dirname(page)));
    expect(pages.filter((page) => page !== 'docs/README.md' && !named(page))).toEqual([]);
  });
});

describe('what is generated', () => {
  it.each(generatedDocuments(sources).map((document) => [document.path, document] as const))(
    'in %s is up to date (npm run docs)',
    (path, { renew }) => {
      const text = readFileSync(join(ROOT, path), 'utf8');
      expect(text).toBe(renew(text));
    },
  );
});

describe('the documents name', () => {
  it.each([
    ['every error code', 'errors', Object.keys(TOKEN_ERRORS)],
    ['every condition', 'states-conditions-events', [...CONDITION_TYPES]],
    ['every metric', 'metrics', metrics.map(({ name }) => name)],
  ])('%s', (_what, document, words) => {
    const text = readFileSync(join(ROOT, `docs/reference/${document}.md`), 'utf8');
    expect(words.filter((word) => !text.includes(`\`${word}\``))).toEqual([]);
  });

  it('no metric that was removed', () => {
    const known = new Set(metrics.map(({ name }) => name));
    const named = documents(ROOT).flatMap((document) =>
      [...readFileSync(join(ROOT, document), 'utf8').matchAll(/token_acquirer_[a-z_]+/g)].map(([name]) => name),
    );
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('only files and headings that exist', () => {
    const missing = documents(ROOT).flatMap((document) =>
      linksIn(readFileSync(join(ROOT, document), 'utf8'))
        .filter((link) => !leadsSomewhere(join(ROOT, document), link))
        .map((link) => `${document}: ${link}`),
    );
    expect(missing).toEqual([]);
  });

  it.each([
    ['a missing file', '[x](docs/nothing.md)'],
    ['a missing heading', '[x](README.md#nothing)'],
    ['a missing picture', '<img src="docs/pictures/nothing.png">'],
  ])('find %s', (_what, text) => {
    const [link = ''] = linksIn(text);
    expect(leadsSomewhere(join(ROOT, 'README.md'), link)).toBe(false);
  });
});

describe('the overview picture', () => {
  const picture = readFileSync(join(ROOT, 'docs/pictures/overview.svg'), 'utf8');
  const texts = [...picture.matchAll(/<text [^>]*>([^<]+)<\/text>/g)].map(([, text = '']) => text);
  const names = [...picture.matchAll(/<text class="(?:name|middle)"[^>]*>([^<]+)<\/text>/g)].map(
    ([, name = '']) => name,
  );
  /** Where each part of ours is. The others are not ours. */
  const OURS: Readonly<Record<string, string>> = {
    'token-acquirer': 'src/token-acquirer/main.ts',
    'client library': 'src/client/index.ts',
    Application: 'src/client-app/main.ts',
    Credentials: 'charts/token-acquirer/templates/deployment.yaml',
    Tokens: 'charts/token-acquirer/templates/secrets.yaml',
  };

  it('names only parts that exist', () => {
    const others = names.filter((name) => OURS[name] === undefined);
    expect(others.toSorted()).toEqual(['API gateway', 'Authorization server', 'External service']);
    expect(Object.keys(OURS).filter((name) => !names.includes(name))).toEqual([]);
    expect(Object.values(OURS).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(picture).not.toMatch(/sidecar/i);
  });

  it('shows the namespaces of the quick start, and two pods', () => {
    const namespaces = texts.flatMap((text) => /^namespace ([\w-]+)/.exec(text)?.[1] ?? []);
    expect(namespaces).toEqual(['token-acquirer', 'billing']);
    expect(texts).toContain('Deployment, two pods');
    expect(readFileSync(join(ROOT, 'charts/token-acquirer/values.yaml'), 'utf8')).toContain('\nreplicas: 2\n');
  });

  it('numbers its steps, each one once', () => {
    const steps = [...picture.matchAll(/<text class="digit"[^>]*>(\w)<\/text>/g)].map(([, step]) => step);
    expect(steps).toEqual(['1', '2', '3', '4', '5', 'a', 'b', 'c']);
    for (const step of steps) expect(picture).toMatch(new RegExp(`<desc[^>]*>[^<]*\\(${step}\\)`));
  });
});
