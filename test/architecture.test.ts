import { globSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileBudget, functionBudget, LIMITS, parameterBudget, testBudget } from './support/architecture/budgets.ts';
import { type Graph, graphOf } from './support/architecture/import-graph.ts';
import {
  coreIsPure,
  dependencies,
  namesSayWhatIsInside,
  noAny,
  noCycles,
  noModuleVariables,
  portsAreTypes,
  type Rule,
  rooms,
  staysApart,
} from './support/architecture/rules.ts';

const ROOT = join(import.meta.dirname, '..');

function graphIn(folder: string): Graph {
  const paths = globSync(`${folder}/**/*.{ts,mjs}`, { cwd: ROOT }).toSorted();
  return graphOf(
    paths.map((path) => ({ path: path.replaceAll(sep, '/'), text: readFileSync(join(ROOT, path), 'utf8') })),
  );
}

const library = staysApart('src/client/index.ts', []);
const sidecar = staysApart('src/client-app/main.ts', ['pino']);

const source = graphIn('src');
const tests = graphIn('test');

describe('the source', () => {
  it.each<[string, Rule]>([
    ['imports only in the allowed directions', dependencies],
    ['has rooms that know each other in one direction', rooms],
    ['has nothing but types in its ports', portsAreTypes],
    ['has no clock, chance or I/O in its core', coreIsPure],
    ['has no import cycle, of values or of types', noCycles],
    ['has no module-level variable', noModuleVariables],
    ['has no any', noAny],
    ['has file names that say what is inside', namesSayWhatIsInside],
    ['lets neither credential code nor a package into the client library', library],
    ['lets neither credential code nor a package but the log into the client app', sidecar],
    ['has files of a size to be read', fileBudget],
    ['has functions of a size to be read', functionBudget],
    ['has functions of four parameters at most', parameterBudget],
  ])('%s', (_, rule) => {
    expect(rule(source)).toEqual([]);
  });

  it('has the entries that the rules begin at', () => {
    expect([...source.keys()]).toEqual(expect.arrayContaining(['src/client/index.ts', 'src/client-app/main.ts']));
  });
});

describe('the tests', () => {
  it('are one and a half times the source', () => {
    expect(testBudget(source, tests)).toEqual([]);
  });

  it.each<[string, Rule]>([
    ['have no any', noAny],
    ['have file names that say what is inside', namesSayWhatIsInside],
  ])('%s', (_, rule) => {
    expect(rule(tests)).toEqual([]);
  });
});

/** Files by path, as the rules see them. */
function planted(files: Readonly<Record<string, string>>): Graph {
  return graphOf(Object.entries(files).map(([path, text]) => ({ path, text })));
}

interface Plant {
  readonly name: string;
  readonly rule: Rule;
  readonly files: Readonly<Record<string, string>>;
  readonly found: readonly string[];
}

/** What is said in core, and what is found of it. */
const IMPURE: readonly [said: string, found: string][] = [
  ['Date.now()', 'Date.now'],
  ['new Date()', 'Date'],
  ['Date()', 'Date'],
  ['performance.now()', 'performance'],
  ['Math.random()', 'Math.random'],
  ['process.env', 'process'],
  ["fetch('a')", 'fetch'],
  ['setTimeout(f, 1)', 'setTimeout'],
  ['console.log()', 'console'],
  ['globalThis.x', 'globalThis'],
  ['crypto.randomUUID()', 'crypto'],
];

const FORBIDDEN: readonly Plant[] = [
  {
    name: 'core imports a port',
    rule: dependencies,
    files: { 'src/core/a.ts': "import type { B } from '../ports/b.ts';", 'src/ports/b.ts': '' },
    found: ['src/core/a.ts:1 imports src/ports/b.ts, but core may not know ports.'],
  },
  {
    name: 'core imports a module of Node',
    rule: dependencies,
    files: { 'src/core/a.ts': "\nimport { readFileSync } from 'node:fs';" },
    found: ['src/core/a.ts:2 imports node:fs, but core imports nothing from outside.'],
  },
  {
    name: 'core imports more of node:crypto than hashes',
    rule: dependencies,
    files: { 'src/core/a.ts': "import { createHash, randomBytes } from 'node:crypto';" },
    found: ['src/core/a.ts:1 imports node:crypto, but core imports nothing from outside.'],
  },
  {
    name: 'core imports all of node:crypto',
    rule: dependencies,
    files: { 'src/core/a.ts': "import * as crypto from 'node:crypto';" },
    found: ['src/core/a.ts:1 imports node:crypto, but core imports nothing from outside.'],
  },
  {
    name: 'core exports from a package',
    rule: dependencies,
    files: { 'src/core/a.ts': "export { z } from 'zod';" },
    found: ['src/core/a.ts:1 imports zod, but core imports nothing from outside.'],
  },
  {
    name: 'core mentions a type of a package',
    rule: dependencies,
    files: { 'src/core/a.ts': "export type A = import('pino').Logger;" },
    found: ['src/core/a.ts:1 imports pino, but core imports nothing from outside.'],
  },
  {
    name: 'a port imports an adapter',
    rule: dependencies,
    files: { 'src/ports/a.ts': "import type { B } from '../adapters/fs/b.ts';", 'src/adapters/fs/b.ts': '' },
    found: ['src/ports/a.ts:1 imports src/adapters/fs/b.ts, but ports may not know adapters.'],
  },
  {
    name: 'an adapter imports a shell',
    rule: dependencies,
    files: { 'src/adapters/fs/a.ts': "import { b } from '../../client/b.ts';", 'src/client/b.ts': '' },
    found: ['src/adapters/fs/a.ts:1 imports src/client/b.ts, but adapters may not know client.'],
  },
  {
    name: 'a shell imports an adapter outside its wiring',
    rule: dependencies,
    files: { 'src/client/a.ts': "import { b } from '../adapters/fs/b.ts';", 'src/adapters/fs/b.ts': '' },
    found: [
      'src/client/a.ts:1 imports src/adapters/fs/b.ts, but only main.ts files and client/index.ts know adapters.',
    ],
  },
  {
    name: 'a shell imports an adapter at run time',
    rule: dependencies,
    files: { 'src/client/a.ts': "await import('../adapters/fs/b.ts');", 'src/adapters/fs/b.ts': '' },
    found: [
      'src/client/a.ts:1 imports src/adapters/fs/b.ts, but only main.ts files and client/index.ts know adapters.',
    ],
  },
  {
    name: 'the client imports the token-acquirer',
    rule: dependencies,
    files: { 'src/client/index.ts': "import '../token-acquirer/b.ts';", 'src/token-acquirer/b.ts': '' },
    found: ['src/client/index.ts:1 imports src/token-acquirer/b.ts, but client may not know token-acquirer.'],
  },
  {
    name: 'a file is in its own folder',
    rule: dependencies,
    files: { 'src/shared/a.ts': "import '../core/b.ts';", 'src/core/b.ts': '' },
    found: ['src/shared/a.ts:1 imports src/core/b.ts, but src/shared/a.ts is in no known layer.'],
  },
  {
    name: 'an import leads nowhere',
    rule: dependencies,
    files: { 'src/client/a.ts': "import './b.ts';" },
    found: ['src/client/a.ts:1 imports src/client/b.ts, which does not exist.'],
  },
  {
    name: 'a wing imports another wing',
    rule: rooms,
    files: {
      'src/adapters/kubernetes/pods/a.ts': "import '../secrets/b.ts';\nimport '../api/c.ts';",
      'src/adapters/kubernetes/secrets/b.ts': '',
      'src/adapters/kubernetes/api/c.ts': "import '../pods/a.ts';",
    },
    found: [
      'src/adapters/kubernetes/pods/a.ts:1 imports src/adapters/kubernetes/secrets/b.ts, but pods may not know secrets.',
      'src/adapters/kubernetes/api/c.ts:1 imports src/adapters/kubernetes/pods/a.ts, but api may not know pods.',
    ],
  },
  {
    name: 'a room imports its folder',
    rule: rooms,
    files: { 'src/token-acquirer/cli/a.ts': "import '../main.ts';", 'src/token-acquirer/main.ts': '' },
    found: ['src/token-acquirer/cli/a.ts:1 imports src/token-acquirer/main.ts, but cli may not know ..'],
  },
  {
    name: 'a file is in a new room',
    rule: rooms,
    files: { 'src/token-acquirer/shared/a.ts': "import '../cli/b.ts';", 'src/token-acquirer/cli/b.ts': '' },
    found: ['src/token-acquirer/shared/a.ts is in no known room of src/token-acquirer/.'],
  },
  {
    name: 'a port has a value',
    rule: portsAreTypes,
    files: { 'src/ports/a.ts': 'export interface A {}\nexport const LIMIT = 3;' },
    found: ['src/ports/a.ts:2 has the statement ExportNamedDeclaration, which exists at run time.'],
  },
  {
    name: 'a port imports a value',
    rule: portsAreTypes,
    files: { 'src/ports/a.ts': "import { type A, b } from '../core/b.ts';\nexport type { A };" },
    found: [
      'src/ports/a.ts:1 imports more than types from src/core/b.ts.',
      'src/ports/a.ts:1 has the statement ImportDeclaration, which exists at run time.',
    ],
  },
  {
    name: 'two modules import each other',
    rule: noCycles,
    files: { 'src/core/a.ts': "import { b } from './b.ts';", 'src/core/b.ts': "export { a } from './a.ts';" },
    found: ['src/core/a.ts → src/core/b.ts → src/core/a.ts is a cycle.'],
  },
  {
    name: 'two modules import types of each other',
    rule: noCycles,
    files: { 'src/core/a.ts': "import type { B } from './b.ts';", 'src/core/b.ts': "import type { A } from './a.ts';" },
    found: ['src/core/a.ts → src/core/b.ts → src/core/a.ts is a cycle.'],
  },
  {
    name: 'a module imports itself',
    rule: noCycles,
    files: { 'src/core/a.ts': "import { a } from './a.ts';" },
    found: ['src/core/a.ts → src/core/a.ts is a cycle.'],
  },
  {
    name: 'three modules import in a circle, one of them at run time',
    rule: noCycles,
    files: {
      'src/core/a.ts': "import './b.ts';",
      'src/core/b.ts': "await import('./c.ts');",
      'src/core/c.ts': "export * from './a.ts';",
    },
    found: ['src/core/a.ts → src/core/b.ts → src/core/c.ts → src/core/a.ts is a cycle.'],
  },
  ...IMPURE.map(([said, found]) => ({
    name: `core says ${said}`,
    rule: coreIsPure,
    files: { 'src/core/a.ts': `export function a() {\n  return ${said};\n}` },
    found: [`src/core/a.ts:2 uses ${found}; take it as an argument.`],
  })),
  {
    name: 'core hides the clock behind another name',
    rule: coreIsPure,
    files: { 'src/core/a.ts': 'const { now } = Date;\nconst { random } = Math;\nconst later = [setTimeout];' },
    found: ['Date', 'Math.*', 'setTimeout'].map(
      (what, at) => `src/core/a.ts:${at + 1} uses ${what}; take it as an argument.`,
    ),
  },
  {
    name: 'core asks where it is and loads more',
    rule: coreIsPure,
    files: { 'src/core/a.ts': "export const here = import.meta.dirname;\nexport const more = import('./b.ts');" },
    found: ['import.meta', 'import()'].map(
      (what, at) => `src/core/a.ts:${at + 1} uses ${what}; take it as an argument.`,
    ),
  },
  {
    name: 'a module has a variable',
    rule: noModuleVariables,
    files: { 'src/client/a.ts': 'export let count = 0;\nlet [b] = [1];\nfunction c() { let d = 1; return d; }' },
    found: [
      'src/client/a.ts:1 has the module-level variable count.',
      'src/client/a.ts:2 has the module-level variable a pattern.',
    ],
  },
  {
    name: 'a function returns any',
    rule: noAny,
    files: { 'src/client/a.ts': 'export const a = (): Promise<any> => b;' },
    found: ['src/client/a.ts:1 says any.'],
  },
  {
    name: 'a file is named for nothing in particular',
    rule: namesSayWhatIsInside,
    files: {
      'src/client/token-manager.ts': '',
      'src/utils/a.ts': '',
      'src/client/tokenSource.ts': '',
      'test/a-handler.test.ts': '',
    },
    found: [
      'src/client/token-manager.ts has a name that says nothing.',
      'src/utils/a.ts has a name that says nothing.',
      'src/client/tokenSource.ts is not in kebab-case.',
      'test/a-handler.test.ts has a name that says nothing.',
    ],
  },
  {
    name: 'the client library comes to credential code by three steps',
    rule: library,
    files: {
      'src/client/index.ts': "import './a.ts';",
      'src/client/a.ts': "export * from '../adapters/fs/b.ts';",
      'src/adapters/fs/b.ts': "import type { C } from '../oauth/c.ts';",
      'src/adapters/oauth/c.ts': '',
    },
    found: [
      'src/client/index.ts → src/client/a.ts → src/adapters/fs/b.ts → src/adapters/oauth/c.ts brings credential code to the client.',
    ],
  },
  {
    name: 'the client library comes to a package',
    rule: library,
    files: { 'src/client/index.ts': "import './a.ts';", 'src/client/a.ts': "import { pino } from 'pino';" },
    found: ['src/client/index.ts → src/client/a.ts → pino brings a package to the client.'],
  },
  {
    name: 'the client app comes to the adapter of Kubernetes and to another package than its log',
    rule: sidecar,
    files: {
      'src/client-app/main.ts': "import 'pino';\nimport 'zod';\nimport '../adapters/kubernetes/a.ts';",
      'src/adapters/kubernetes/a.ts': '',
    },
    found: [
      'src/client-app/main.ts → zod brings a package to the client.',
      'src/client-app/main.ts → src/adapters/kubernetes/a.ts brings credential code to the client.',
    ],
  },
];

const ALLOWED: readonly Omit<Plant, 'found'>[] = [
  {
    name: 'core hashes',
    rule: dependencies,
    files: { 'src/core/a.ts': "import { createHash } from 'node:crypto';" },
  },
  {
    name: 'a port uses types of core, an adapter both, and main all',
    rule: dependencies,
    files: {
      'src/core/a.ts': '',
      'src/ports/b.ts': "import type { A } from '../core/a.ts';",
      'src/adapters/fs/c.ts':
        "import { a } from '../../core/a.ts';\nimport type { B } from '../../ports/b.ts';\nimport 'node:fs';",
      'src/token-acquirer/main.ts': "import { c } from '../adapters/fs/c.ts';\nimport { d } from './d.ts';",
      'src/token-acquirer/d.ts': "import type { B } from '../ports/b.ts';\nimport fastify from 'fastify';",
      'src/demo/gateway-main.ts': "import { c } from '../adapters/fs/c.ts';",
    },
  },
  {
    name: 'a port has types',
    rule: portsAreTypes,
    files: {
      'src/ports/a.ts':
        "import type { B } from '../core/b.ts';\nimport { type C } from '../core/b.ts';\nexport type { B };\nexport interface A {}\nexport type D = C;",
    },
  },
  {
    name: 'core converts times, computes, and has properties named like clocks',
    rule: coreIsPure,
    files: {
      'src/core/a.ts': `
        export const a = (time: number): string => new Date(time).toISOString() + Date.parse('x') + Date.UTC(1) + Math.max(1, 2);
        export const b = (clock: { now(): number; process: string }) => clock.now() + clock.process.length;
        export const c = { performance: 1, fetch() { return 2; } };
        export type D = NodeJS.Process | Performance | typeof process;
        export const isDate = (e: unknown): e is Date => e instanceof Date;`,
    },
  },
  {
    name: 'one module is imported on two ways',
    rule: noCycles,
    files: {
      'src/core/a.ts': "import './b.ts';\nimport './c.ts';",
      'src/core/b.ts': "import './c.ts';",
      'src/core/c.ts': '',
    },
  },
  {
    name: 'the client app logs, and the library uses Node',
    rule: (graph) => [...sidecar(graph), ...library(graph)],
    files: {
      'src/client-app/main.ts': "import { pino } from 'pino';\nimport '../client/index.ts';",
      'src/client/index.ts': "import 'node:https';\nimport '../adapters/http/a.ts';",
      'src/adapters/http/a.ts': '',
    },
  },
  {
    name: 'a word merely contains a vague one',
    rule: namesSayWhatIsInside,
    files: { 'src/client/utility-bill.ts': '' },
  },
];

describe('the rules', () => {
  it.each(FORBIDDEN)('see that $name', ({ rule, files, found }) => {
    expect(rule(planted(files))).toEqual(found);
  });

  it.each(ALLOWED)('let it be that $name', ({ rule, files }) => {
    expect(rule(planted(files))).toEqual([]);
  });

  it('are not fooled by a file that cannot be parsed', () => {
    expect(() => planted({ 'src/core/a.ts': 'export const = 1;' })).toThrow('The file src/core/a.ts cannot be parsed');
  });
});

/** A function of so many lines. */
function long(name: string, lines: number): string {
  return `export function ${name}() {\n${'  call();\n'.repeat(lines - 2)}}\n`;
}

/** So many files of so many lines each. */
function filesOf(folder: string, count: number, lines: number): [string, string][] {
  return Array.from({ length: count }, (_, number) => [`${folder}/a${number}.ts`, 'call();\n'.repeat(lines)]);
}

function sized(...groups: [string, string][][]): Graph {
  return planted(Object.fromEntries(groups.flat()));
}

describe('the budgets', () => {
  it('see half the files too long, and name the longest', () => {
    const graph = sized(filesOf('src/a', 4, 100), filesOf('src/b', 5, 131), [
      ['src/c/longest.ts', 'call();\n'.repeat(190)],
    ]);
    expect(fileBudget(graph)).toEqual([
      expect.stringMatching(/^The median file has 131 lines; 130 are allowed\. The longest: src\/c\/longest\.ts 190, /),
    ]);
    expect(fileBudget(sized(filesOf('src/a', 5, 130), filesOf('src/b', 5, 200)))).toEqual([]);
  });

  it('see a tenth of the files too long', () => {
    expect(fileBudget(sized(filesOf('src/a', 8, 100), filesOf('src/b', 2, 201)))).toEqual([
      expect.stringMatching(/^The 90th percentile of files has 201 lines; 200 are allowed\./),
    ]);
    expect(fileBudget(sized(filesOf('src/a', 9, 100), filesOf('src/b', 1, 999)))).toEqual([]);
  });

  it('see a function that is too long, by its name, though it has none', () => {
    const text = `${long('tooLong', LIMITS.functionLongest + 1)}export const a = [1].map(() => {\n${'call();\n'.repeat(70)}});\n`;
    const graph = planted({
      'src/core/a.ts': text,
      'src/core/b.ts': Array.from({ length: 40 }, (_, at) => long(`a${at}`, 3)).join(''),
    });
    expect(functionBudget(graph)).toEqual([
      'src/core/a.ts:62 (anonymous) has 72 lines; 60 are allowed.',
      'src/core/a.ts:1 tooLong has 61 lines; 60 are allowed.',
    ]);
  });

  it('see a tenth of the functions too long, and do not count those without a name', () => {
    const small = Array.from({ length: 8 }, (_, at) => long(`small${at}`, 5)).join('');
    const graph = planted({
      'src/core/a.ts': `${small}${long('big', 37)}${long('bigger', 40)}${'[].map(() => 1);\n'.repeat(50)}`,
    });
    expect(functionBudget(graph)).toEqual([
      expect.stringMatching(
        /^The 90th percentile of functions has 37 lines; 36 are allowed\. The longest: src\/core\/a\.ts:\d+ bigger 40, /,
      ),
    ]);
  });

  it.each([
    ['a function', 'function tooMany(a, b, c, d, e) {}', 'tooMany'],
    ['an arrow function', 'const tooMany = (a, b, c, d, ...e) => 1;', 'tooMany'],
    ['a method', 'class A { tooMany(a, { b }, [c], d = 1, e?) {} }', 'tooMany'],
    ['a constructor', 'class A { constructor(a, b, c, d, e) {} }', 'constructor'],
    ['a signature', 'interface A { tooMany(a, b, c, d, e): void }', 'tooMany'],
    ['a type', 'type A = (a: 1, b: 1, c: 1, d: 1, e: 1) => void;', 'A'],
  ])('see %s of five parameters', (_, text, name) => {
    expect(parameterBudget(planted({ 'src/core/a.ts': text }))).toEqual([
      `src/core/a.ts:1 ${name} takes 5 parameters; 4 are allowed.`,
    ]);
  });

  it('let four parameters be, and one that only the compiler needs', () => {
    expect(parameterBudget(planted({ 'src/core/a.ts': 'function enough(this: Window, a, b, c, d) {}' }))).toEqual([]);
  });

  it('see too few tests', () => {
    const code = sized(filesOf('src/a', 2, 100));
    expect(testBudget(code, sized(filesOf('test', 3, 99)))).toEqual([
      'The tests have 297 lines; 300 are needed for 200 lines of source.',
    ]);
    expect(testBudget(code, sized(filesOf('test', 3, 100)))).toEqual([]);
  });
});
