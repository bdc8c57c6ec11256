import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CodeBlock {
  readonly document: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

/** The documents that users read, relative to the project's folder. */
export function documents(root: string): string[] {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  return [
    'README.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'src/README.md',
    'test/README.md',
    'src/client/README.md',
    'charts/token-acquirer/README.md',
    ...docs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name)),
  ];
}

export function codeBlocks(root: string): CodeBlock[] {
  return documents(root).flatMap((document) => blocksIn(document, readFileSync(join(root, document), 'utf8')));
}

/** The fenced blocks of a Markdown text, also where they are indented below a list item. */
export function blocksIn(document: string, text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { indent: string; line: number; language: string; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^(\s*)```(\S*)\s*$/.exec(line);
    if (open !== undefined && fence !== null) {
      blocks.push({ document, line: open.line, language: open.language, text: open.lines.join('\n') });
      open = undefined;
    } else if (open !== undefined) open.lines.push(line.slice(open.indent.length));
    else if (fence !== null) open = { indent: fence[1] ?? '', line: index + 1, language: fence[2] ?? '', lines: [] };
  }
  if (open !== undefined) throw new Error(`${document}:${open.line}: this code block is never closed.`);
  return blocks;
}

/**
 * What a YAML block of the documents is: values of an application with the library chart, part of a manifest or chart,
 * Alertmanager's, that of another program, values of the chart, or a configuration.
 */
export function kindOfYaml({ language, text }: Pick<CodeBlock, 'language' | 'text'>): YamlKind | undefined {
  if (language !== 'yaml') return undefined;
  const has = (...keys: readonly string[]): boolean => new RegExp(`^(?:${keys.join('|')}):`, 'm').test(text);
  if (has('tokenAcquirer')) return 'application';
  if (has('apiVersion', 'kind', 'spec', 'dependencies')) return 'objects';
  if (has('route')) return 'alertmanager';
  if (has('scrape_configs', 'receivers', 'users')) return 'foreign';
  return has('config', 'image', 'replicas', 'tls', 'networkPolicy', 'secret', 'credentialsSecret', 'test', 'metrics')
    ? 'values'
    : 'configuration';
}

export type YamlKind = 'application' | 'objects' | 'alertmanager' | 'foreign' | 'values' | 'configuration';

/** The commands of a shell block: continued lines joined, comments and blank lines left out. */
export function shellCommands(text: string): string[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) =>
      line
        .replace(/(?:^|\s)#.*$/, '')
        .trim()
        .replaceAll(/\s+/g, ' '),
    )
    .filter((line) => line !== '');
}
