import { parseSync, visitorKeys } from 'oxc-parser';

/** A node of the syntax tree (ESTree with TypeScript), read by field name. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export interface Visit {
  readonly node: SyntaxNode;
  readonly parent: SyntaxNode | undefined;
}

/** Parses TypeScript or JavaScript. Throws for any other text. */
export function parse(path: string, text: string): SyntaxNode {
  const { program, errors } = parseSync(path, text);
  const [fault] = errors;
  if (fault !== undefined) throw new Error(`The file ${path} cannot be parsed: ${fault.message}`);
  return program as unknown as SyntaxNode;
}

/** Yields this node and every node below it, each after its parent. */
export function* walk(node: SyntaxNode, parent?: SyntaxNode): Generator<Visit> {
  yield { node, parent };
  for (const key of visitorKeys[node.type] ?? []) {
    for (const child of childrenOf(node[key])) yield* walk(child, node);
  }
}

export function nodeOf(value: unknown): SyntaxNode | undefined {
  return typeof value === 'object' && value !== null && 'type' in value ? (value as SyntaxNode) : undefined;
}

export function childrenOf(value: unknown): SyntaxNode[] {
  return (Array.isArray(value) ? value : [value]).map(nodeOf).filter((child) => child !== undefined);
}

/** Returns the name of an identifier or the value of a string. */
export function nameOf(value: unknown): string | undefined {
  const node = nodeOf(value);
  const name = node?.['name'] ?? node?.['value'];
  return typeof name === 'string' ? name : undefined;
}

/** Turns an offset into a line number, counted from 1. */
export function lineCounter(text: string): (offset: number) => number {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return (offset) => starts.findLastIndex((start) => start <= offset) + 1;
}
