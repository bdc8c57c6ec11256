import type { Commit } from './source.ts';

/** Older names of an area, and the name that the notes use. */
const AREAS: Readonly<Record<string, string>> = {
  charts: 'chart',
  documents: 'docs',
  documentation: 'docs',
  test: 'tests',
};
/** What a user reads last. */
const INNER_AREAS = ['tests', 'benchmarks', 'src'];
const OTHER = 'other changes';
const SUBJECT = /^([a-z][a-z0-9 .-]{0,24}): (.+)$/;

export interface Notes {
  readonly version: string;
  /** The tag that the commits follow; `undefined` for the first release. */
  readonly since: string | undefined;
  readonly commits: readonly Commit[];
}

/** Returns the release notes in Markdown: the commits by the area of their subject. */
export function notesOf({ version, since, commits }: Notes): string {
  const sections = new Map<string, string[]>();
  for (const { id, subject } of commits) {
    const [, area = OTHER, what = subject] = SUBJECT.exec(subject) ?? [];
    const name = AREAS[area] ?? area;
    sections.set(name, [...(sections.get(name) ?? []), `- ${escape(what)} (${id})`]);
  }
  const first = since === undefined ? 'All commits up to this first release.' : `Changes since ${since}.`;
  const blocks = [...sections].toSorted(byArea).map(([area, lines]) => `## ${area}\n\n${lines.join('\n')}`);
  return `${[`# token-acquirer ${version}`, first, ...blocks].join('\n\n')}\n`;
}

function byArea([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return rankOf(one) - rankOf(other) || (one < other ? -1 : 1);
}

function rankOf(area: string): number {
  return area === OTHER ? INNER_AREAS.length + 1 : INNER_AREAS.indexOf(area) + 1;
}

/** A subject is plain text. */
function escape(subject: string): string {
  return subject.replaceAll(/[\\`*_<>[\]]/g, String.raw`\$&`);
}
