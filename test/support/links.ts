import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Returns the links and pictures of a Markdown text that are not URLs, without those in code. */
export function linksIn(markdown: string): string[] {
  const text = markdown.replaceAll(/^\s*```[^]*?^\s*```$/gm, '').replaceAll(/`[^`\n]*`/g, '');
  return [...text.matchAll(/(?:\]\(|src="|srcset=")([^)"]+)[)"]/g)]
    .map(([, link]) => link ?? '')
    .filter((link) => !/^[a-z]+:/.test(link));
}

/** Returns whether the file of a link exists, seen from this document, and has the heading that the link names. */
export function leadsSomewhere(document: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? document : resolve(dirname(document), path);
  if (!existsSync(file)) return false;
  return anchor === undefined || anchorsIn(readFileSync(file, 'utf8')).has(anchor);
}

/** Returns the anchors of the headings, as GitHub makes them. */
function anchorsIn(markdown: string): ReadonlySet<string> {
  const text = markdown.replaceAll(/^\s*```[^]*?^\s*```$/gm, '');
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const anchor = plain
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number}\p{Mark} _-]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let number = 1; anchors.has(unique); number += 1) unique = `${anchor}-${number}`;
    anchors.add(unique);
  }
  return anchors;
}
