import { describe, expect, it } from 'vitest';
import { notesOf } from '../../src/release/notes.ts';

const notesFor = (...subjects: string[]): string =>
  notesOf({
    version: '0.2.0',
    since: 'v0.1.0',
    commits: subjects.map((subject, index) => ({ id: `a${index}`, subject })),
  });

describe('the notes', () => {
  it('list the commits by area, what users notice before tests and the rest', () => {
    const notes = notesFor(
      'tests: try a mistake',
      'oauth: ask for a scope',
      'Anything else',
      'client: retry once',
      'oauth: follow a redirect',
    );
    expect(notes).toBe(`# token-acquirer 0.2.0

Changes since v0.1.0.

## client

- retry once (a3)

## oauth

- ask for a scope (a1)
- follow a redirect (a4)

## tests

- try a mistake (a0)

## other changes

- Anything else (a2)
`);
  });

  it.each([
    ['charts: a', 'chart'],
    ['documents: a', 'docs'],
    ['test: a', 'tests'],
    ['client app: a', 'client app'],
    ['Client: a', 'other changes'],
    ['a sentence that is far too long for the name of an area: a', 'other changes'],
  ])('put “%s” under %s', (subject, area) => {
    expect(notesFor(subject)).toContain(`\n## ${area}\n`);
  });

  it('keep the text of a subject as it is in Markdown', () => {
    expect(notesFor('cli: print <name>_[x] and `y`')).toContain('- print \\<name\\>\\_\\[x\\] and \\`y\\` (a0)');
  });

  it('say where there was no release before', () => {
    expect(notesOf({ version: '0.1.0', since: undefined, commits: [] })).toBe(
      '# token-acquirer 0.1.0\n\nAll commits up to this first release.\n',
    );
  });
});
