import { posix } from 'node:path';
import { ambientUses } from './ambient.ts';
import { type FunctionFacts, functionsOf } from './functions.ts';
import { childrenOf, lineCounter, nameOf, nodeOf, parse, type SyntaxNode, walk } from './syntax.ts';

/** A file with its path from the root of the repository, with slashes. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

export interface Import {
  /** A path from the root of the repository, or the name of a package as written. */
  readonly target: string;
  readonly typeOnly: boolean;
  /** The imported names, including `*` and `default`. */
  readonly names: readonly string[];
  readonly line: number;
}

/** A finding at a line of a file. */
export interface Finding {
  readonly what: string;
  readonly line: number;
}

/** The facts of a module that the rules check. */
export interface Module {
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionFacts[];
  /** Each `any`. */
  readonly anys: readonly Finding[];
  /** Each use of a clock, of random numbers or of the outside world that needs no import. */
  readonly ambient: readonly Finding[];
  /** Each top-level statement that exists at run time: none in a file of types. */
  readonly statements: readonly Finding[];
  /** Each top-level `let` and `var`. */
  readonly variables: readonly Finding[];
}

export type Graph = ReadonlyMap<string, Module>;

export function graphOf(files: readonly SourceText[]): Graph {
  return new Map(files.map((file) => [file.path, moduleOf(file)]));
}

function moduleOf({ path, text }: SourceText): Module {
  const program = parse(path, text);
  const lineOf = lineCounter(text);
  const visits = [...walk(program)];
  const found = (node: SyntaxNode, what: string): Finding => ({ what, line: lineOf(node.start) });
  const top = childrenOf(program['body']);
  return {
    path,
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    imports: visits.flatMap(({ node }) => importOf(node, path, lineOf(node.start)) ?? []),
    functions: functionsOf(visits, lineOf),
    anys: visits.filter(({ node }) => node.type === 'TSAnyKeyword').map(({ node }) => found(node, 'any')),
    ambient: visits.flatMap((visit) => ambientUses(visit).map((what) => found(visit.node, what))),
    statements: top.filter((node) => !isTypeOnly(node)).map((node) => found(node, node.type)),
    variables: top.flatMap((node) => variablesOf(node).map((what) => found(node, what))),
  };
}

function importOf(node: SyntaxNode, from: string, line: number): Import | undefined {
  const source = node.type === 'TSImportType' ? (node['source'] ?? node['argument']) : node['source'];
  const written = nameOf(source) ?? nameOf(nodeOf(source)?.['literal']);
  if (written === undefined || !IMPORTING.has(node.type)) return undefined;
  const specifiers = childrenOf(node['specifiers']);
  const named = specifiers.map((each) => SPECIAL_NAMES[each.type] ?? nameOf(each['imported'] ?? each['local']) ?? '*');
  const typeOnly =
    node.type === 'TSImportType' ||
    node['importKind'] === 'type' ||
    node['exportKind'] === 'type' ||
    (specifiers.length > 0 &&
      specifiers.every((each) => each['importKind'] === 'type' || each['exportKind'] === 'type'));
  const target = written.startsWith('.') ? posix.join(posix.dirname(from), written) : written;
  return { target, typeOnly, names: named.length > 0 ? named : ['*'], line };
}

const IMPORTING = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
]);

const SPECIAL_NAMES: Readonly<Record<string, string>> = {
  ImportDefaultSpecifier: 'default',
  ImportNamespaceSpecifier: '*',
};

const TYPE_DECLARATIONS = new Set(['TSInterfaceDeclaration', 'TSTypeAliasDeclaration']);

/** Returns whether a top-level statement consists of types only. */
function isTypeOnly(node: SyntaxNode): boolean {
  if (TYPE_DECLARATIONS.has(node.type)) return true;
  if (node['importKind'] === 'type' || node['exportKind'] === 'type') return true;
  const declaration = nodeOf(node['declaration']);
  if (declaration !== undefined) return isTypeOnly(declaration);
  const specifiers = childrenOf(node['specifiers']);
  return (
    specifiers.length > 0 && specifiers.every((each) => each['importKind'] === 'type' || each['exportKind'] === 'type')
  );
}

function variablesOf(node: SyntaxNode): string[] {
  const declaration = nodeOf(node['declaration']) ?? node;
  if (declaration.type !== 'VariableDeclaration' || declaration['kind'] === 'const') return [];
  return childrenOf(declaration['declarations']).map((each) => nameOf(each['id']) ?? 'a pattern');
}

/** Returns all modules and packages that `entry` reaches, types included, each with the path of imports. */
export function reach(graph: Graph, entry: string): ReadonlyMap<string, readonly string[]> {
  const ways = new Map<string, readonly string[]>([[entry, [entry]]]);
  // A map also iterates over entries that the loop adds, so this ends when nothing new is found.
  for (const [path, way] of ways) {
    for (const { target } of graph.get(path)?.imports ?? []) {
      if (!ways.has(target)) ways.set(target, [...way, target]);
    }
  }
  return ways;
}

/** Returns the shortest cycle of imports for each module in one, each cycle once. */
export function cyclesOf(graph: Graph): string[][] {
  const cycles = new Map<string, string[]>();
  for (const start of graph.keys()) {
    const cycle = cycleFrom(graph, start);
    const name = cycle?.toSorted().join() ?? '';
    if (cycle !== undefined && !cycles.has(name)) cycles.set(name, cycle);
  }
  return [...cycles.values()];
}

function cycleFrom(graph: Graph, start: string): string[] | undefined {
  for (const [path, way] of reach(graph, start)) {
    if (graph.get(path)?.imports.some(({ target }) => target === start) === true) return [...way];
  }
  return undefined;
}
