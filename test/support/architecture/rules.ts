import { basename, extname } from 'node:path';
import { cyclesOf, type Graph, type Import, type Module, reach } from './import-graph.ts';

/** Returns a sentence for each violation that names the file, its act and the rule. */
export type Rule = (graph: Graph) => string[];

const CORE = ['core'];
const SHELL = ['core', 'ports', 'adapters'];

/** The folders of `src` that a folder may import in addition to itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  ports: CORE,
  adapters: [...CORE, 'ports'],
  page: CORE,
  client: SHELL,
  'client-app': [...SHELL, 'client', 'launch.mjs'],
  'token-acquirer': [...SHELL, 'page', 'launch.mjs'],
  demo: [...SHELL, 'page', 'client', 'launch.mjs'],
  docs: [...SHELL, 'client', 'client-app', 'token-acquirer', 'launch.mjs'],
  'launch.mjs': [],
  release: ['build.ts', 'bill-of-materials.ts', 'client'],
  'build.ts': ['bill-of-materials.ts'],
  'bill-of-materials.ts': [],
};

/**
 * The rooms that a room of a folder may import in addition to itself. The folder itself is the room `.`, which no room
 * imports.
 */
const ROOMS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'src/adapters/kubernetes/': {
    api: [],
    secrets: ['api'],
    pods: ['api'],
    callers: ['api'],
    events: ['api'],
    leases: ['api'],
    resources: ['api'],
    terminal: ['api', 'resources'],
    doctor: ['api', 'pods', 'resources', 'terminal'],
  },
  'src/token-acquirer/': {
    forms: [],
    leadership: [],
    shards: ['leadership'],
    token: ['leadership', 'shards'],
    protocols: ['forms', 'token'],
    configuration: ['forms', 'protocols', 'token'],
    endpoints: ['configuration', 'leadership', 'shards', 'token'],
    resources: ['configuration', 'leadership', 'token'],
    cli: ['configuration', 'endpoints', 'token'],
    plugin: ['cli', 'configuration', 'endpoints'],
    '.': ['cli', 'configuration', 'endpoints', 'leadership', 'plugin', 'resources', 'shards', 'token'],
  },
};

/** The only module from outside that `core` uses for computations. */
const PURE = new Map([['node:crypto', new Set(['createHash'])]]);

/** The files that construct a shell. No other file of a shell may import an adapter. */
const WIRING = /(?:\/|-)main\.ts$|^src\/client\/index\.ts$/;

const CREDENTIAL_CODE = /^src\/(?:adapters\/(?:oauth|protocols|kubernetes)|token-acquirer)\//;
const VAGUE_NAME = /(?:^|-)(?:manager|helper|util|service|handler)s?(?:-|$)/;
const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.fixture|\.config)?$/;

/**
 * Checks `core ← ports ← shells`. Adapters import core and ports. Shells import adapters only where they are
 * constructed.
 */
export const dependencies: Rule = (graph) =>
  everyImport(graph).flatMap(({ module, imported }) => {
    const [from, to] = [layerOf(module.path), layerOf(imported.target)];
    const at = `${module.path}:${imported.line} imports ${imported.target}`;
    if (from === undefined || MAY_IMPORT[from] === undefined)
      return [`${at}, but ${module.path} is in no known layer.`];
    if (to === undefined)
      return isInnermost(from) && !isPure(from, imported) ? [`${at}, but ${from} imports nothing from outside.`] : [];
    if (!graph.has(imported.target)) return [`${at}, which does not exist.`];
    if (to !== from && !MAY_IMPORT[from].includes(to)) return [`${at}, but ${from} may not know ${to}.`];
    if (to === 'adapters' && from !== 'adapters' && !WIRING.test(module.path))
      return [`${at}, but only main.ts files and client/index.ts know adapters.`];
    return [];
  });

/** Checks that the rooms of a folder import each other in one direction only. */
export const rooms: Rule = (graph) =>
  everyImport(graph).flatMap(({ module, imported }) =>
    Object.entries(ROOMS).flatMap(([folder, allowed]) => {
      const [from, to] = [roomOf(module.path, folder), roomOf(imported.target, folder)];
      if (from === undefined) return [];
      if (allowed[from] === undefined) return [`${module.path} is in no known room of ${folder}.`];
      if (to === undefined || to === from || allowed[from].includes(to)) return [];
      return [`${module.path}:${imported.line} imports ${imported.target}, but ${from} may not know ${to}.`];
    }),
  );

/** Checks that ports contain only types, so that a contract brings no code with it. */
export const portsAreTypes: Rule = (graph) =>
  modulesIn(graph, 'ports').flatMap(({ path, imports, statements }) => [
    ...imports
      .filter(({ typeOnly }) => !typeOnly)
      .map(({ line, target }) => `${path}:${line} imports more than types from ${target}.`),
    ...statements.map(({ line, what }) => `${path}:${line} has the statement ${what}, which exists at run time.`),
  ]);

/** Checks that the decisions use no clock, random numbers or outside world. */
export const coreIsPure: Rule = (graph) =>
  ['core', 'ports']
    .flatMap((layer) => modulesIn(graph, layer))
    .flatMap(({ path, ambient }) =>
      ambient.map(({ line, what }) => `${path}:${line} uses ${what}; take it as an argument.`),
    );

/** Checks that imports of values and types have no cycle. */
export const noCycles: Rule = (graph) =>
  cyclesOf(graph).map((cycle) => `${[...cycle, cycle[0]].join(' → ')} is a cycle.`);

/** Checks that no state of a module survives a restart within one process. */
export const noModuleVariables: Rule = (graph) =>
  [...graph.values()].flatMap(({ path, variables }) =>
    variables.map(({ line, what }) => `${path}:${line} has the module-level variable ${what}.`),
  );

export const noAny: Rule = (graph) =>
  [...graph.values()].flatMap(({ path, anys }) => anys.map(({ line }) => `${path}:${line} says any.`));

export const namesSayWhatIsInside: Rule = (graph) =>
  [...graph.keys()].flatMap((path) => {
    const name = basename(path, extname(path));
    if (!KEBAB_CASE.test(name)) return [`${path} is not in kebab-case.`];
    return path.split('/').some((part) => VAGUE_NAME.test(part.replace(/\..*$/, '')))
      ? [`${path} has a name that says nothing.`]
      : [];
  });

/** Checks that the client imports no code that handles credentials, and only these packages, types included. */
export function staysApart(entry: string, packages: readonly string[]): Rule {
  return (graph) =>
    [...reach(graph, entry)].flatMap(([target, way]) => {
      if (CREDENTIAL_CODE.test(target)) return [`${way.join(' → ')} brings credential code to the client.`];
      if (layerOf(target) !== undefined || target.startsWith('node:') || packages.includes(target)) return [];
      return [`${way.join(' → ')} brings a package to the client.`];
    });
}

function everyImport(graph: Graph): { module: Module; imported: Import }[] {
  return [...graph.values()].flatMap((module) => module.imports.map((imported) => ({ module, imported })));
}

function modulesIn(graph: Graph, layer: string): Module[] {
  return [...graph.values()].filter(({ path }) => layerOf(path) === layer);
}

function layerOf(path: string): string | undefined {
  const [root, layer] = path.split('/');
  return root === 'src' ? layer : undefined;
}

function roomOf(path: string, folder: string): string | undefined {
  if (!path.startsWith(folder)) return undefined;
  const [room, inside] = path.slice(folder.length).split('/');
  return inside === undefined ? '.' : room;
}

function isInnermost(layer: string): boolean {
  return layer === 'core' || layer === 'ports';
}

function isPure(from: string, { target, names }: Import): boolean {
  const pure = PURE.get(target);
  return from === 'core' && pure !== undefined && names.every((name) => pure.has(name));
}
