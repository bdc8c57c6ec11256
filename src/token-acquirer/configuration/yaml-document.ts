import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';
import type { Position, Problem } from './problems.ts';

/** A YAML text with the positions of its nodes. */
export interface YamlDocument {
  readonly document: Document;
  readonly lines: LineCounter;
}

/** The library compares each key with all others of its mapping, so that long mappings take minutes. `problemsOf` compares them. */
const OPTIONS = { prettyErrors: false, logLevel: 'error', uniqueKeys: false } as const;

export function readYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  return { document: parseDocument(text, { ...OPTIONS, lineCounter: lines }), lines };
}

/** Returns everything because of which the document has no contents: errors of the syntax, the same key twice, `*name` without `&name`. */
export function yamlProblems({ document, lines }: YamlDocument): Problem[] {
  // The library's own message can quote the line.
  const errors = document.errors.map(({ code, pos }) =>
    problemAt(lines, pos[0], `is not valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`),
  );
  return errors.length > 0 ? errors : wrongNodes(document, lines);
}

/**
 * Looks at each node once, because there may be thousands. The library finds the anchor of an alias by a look at all nodes before
 * it, and reports a missing one, and too many aliases, only by throwing.
 */
function wrongNodes(document: Document, lines: LineCounter): Problem[] {
  const problems: Problem[] = [];
  const anchors = new Set<string>();
  visit(document, (_key, node) => {
    if (isAlias(node)) {
      if (anchors.has(node.source)) return;
      const message = 'is a YAML alias without an anchor; put a text that begins with "*" in quotes';
      problems.push(problemAt(lines, node.range?.[0], message));
      return;
    }
    if (isNode(node) && 'anchor' in node && node.anchor !== undefined) anchors.add(node.anchor);
    if (!isMap(node)) return;
    for (const at of repeatedKeys(node)) problems.push(problemAt(lines, at, 'is not valid YAML (duplicate key)'));
  });
  return problems;
}

/** Returns the offset of each key that its mapping has before. */
function repeatedKeys(map: YAMLMap): (number | undefined)[] {
  const seen = new Set<unknown>();
  return map.items.flatMap(({ key }) => {
    if (!isScalar(key)) return [];
    const { size } = seen;
    return seen.add(key.value).size === size ? [key.range?.[0]] : [];
  });
}

function problemAt(lines: LineCounter, offset: number | undefined, message: string): Problem {
  return { path: [], message, ...positionIn(lines, offset ?? 0) };
}

function positionIn(lines: LineCounter, offset: number): Required<Position> {
  const { line, col: column } = lines.linePos(offset);
  return { line, column };
}

/**
 * Returns a function that finds the position of a problem: of its value, or of its key where that is wrong. Where the file has
 * only a part of the path, it is the position of the longest part.
 */
export function positionsIn({ document, lines }: YamlDocument): (problem: Problem) => Required<Position> {
  const indexes = new WeakMap<YAMLMap, ReadonlyMap<unknown, Pair>>();
  const pairIn = (map: YAMLMap, key: PropertyKey): Pair | undefined => {
    const index = indexes.get(map) ?? indexOf(map);
    indexes.set(map, index);
    return index.get(key);
  };
  return ({ path, atKey }) => {
    let node: unknown = document.contents;
    let offset = -1;
    for (const [at, part] of path.entries()) {
      const pair = isMap(node) ? pairIn(node, part) : undefined;
      const child: unknown = isSeq(node) ? node.items[Number(part)] : pair?.value;
      const shown = atKey === true && at === path.length - 1 ? pair?.key : child;
      if (isNode(shown) && shown.range !== null && shown.range !== undefined) [offset] = shown.range;
      node = child;
    }
    return offset === -1 ? { line: 1, column: 1 } : positionIn(lines, offset);
  };
}

/** The pairs of a mapping by their keys, the first of each key. */
function indexOf(map: YAMLMap): ReadonlyMap<unknown, Pair> {
  return new Map(map.items.map((pair) => [isScalar(pair.key) ? pair.key.value : pair.key, pair] as const).toReversed());
}
