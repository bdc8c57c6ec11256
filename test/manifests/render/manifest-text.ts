import { type Document, isScalar, type Node, visit } from 'yaml';

export interface Layout {
  /** The file's own comment. */
  readonly head: string;
  /** Comments by place: `Kind/name` of an object, then perhaps ` path.to.a.value`; list items go by their `name`. */
  readonly comments?: Readonly<Record<string, string>>;
}

/** The text of a file with these objects. Throws where a comment finds no place. */
export function manifestText(documents: readonly Document[], { head, comments = {} }: Layout): string {
  const left = new Set(Object.keys(comments));
  const texts = documents.map((document) => {
    // What helm says of where it comes from.
    document.commentBefore = document.commentBefore?.replace(/^ Source: .*\n?/, '') ?? null;
    const root = document.contents;
    if (root?.commentBefore) root.commentBefore = root.commentBefore.replace(/^ Source: .*\n?/, '');
    for (const [place, comment] of Object.entries(comments)) if (put(document, place, comment)) left.delete(place);
    visit(document, { Collection: (_, node) => void (node.spaceBefore = false) });
    return document.toString({ lineWidth: 120, flowCollectionPadding: false, indentSeq: true });
  });
  if (left.size > 0) throw new Error(`Comments have no place: ${[...left].join(', ')}.`);
  return `${commentLines(head)}---\n${texts.map((text) => text.replace(/^---\n/, '').trimEnd()).join('\n---\n')}\n`;
}

function commentLines(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) => `# ${line}`.trimEnd() + '\n')
    .join('');
}

function put(document: Document, place: string, comment: string): boolean {
  const [object, path] = place.split(' ');
  if (object !== `${String(document.get('kind'))}/${String(document.getIn(['metadata', 'name']))}`) return false;
  const text = comment
    .trim()
    .split('\n')
    .map((line) => ` ${line}`)
    .join('\n');
  if (path === undefined) {
    (document.contents as Node).commentBefore = text;
    return true;
  }
  return putAt(document.contents, path.split('.'), text);
}

interface Collection {
  readonly items: readonly (Node & { key?: unknown; value?: unknown; get?: (key: string) => unknown })[];
}

function putAt(node: unknown, [step = '', ...rest]: readonly string[], comment: string): boolean {
  const items = (node as Partial<Collection> | null)?.items ?? [];
  for (const item of items) {
    if (isScalar(item.key) && item.key.value === step) {
      if (rest.length > 0) return putAt(item.value, rest, comment);
      item.key.commentBefore = comment;
      return true;
    }
    if (item.key === undefined && item.get?.('name') === step) {
      if (rest.length > 0) return putAt(item, rest, comment);
      item.commentBefore = comment;
      return true;
    }
  }
  return false;
}
