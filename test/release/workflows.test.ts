import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDER = join(ROOT, '.github/workflows');
const { scripts, engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
};

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly steps: readonly Step[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly 'runs-on': string;
  readonly needs?: string;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly unknown[]>> };
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const workflows = readdirSync(FOLDER).map((file) => {
  const text = readFileSync(join(FOLDER, file), 'utf8');
  return { file, text, workflow: parse(text) as Workflow };
});
const jobs = workflows.flatMap(({ file, workflow }) =>
  Object.entries(workflow.jobs).map(([name, job]) => ({ where: `${file}, ${name}`, job })),
);
const commands = jobs.flatMap(({ where, job }) =>
  job.steps.flatMap(({ run }) => (run === undefined ? [] : [{ where, run: run.trim() }])),
);
const actions = workflows.flatMap(({ file, text }) =>
  [...text.matchAll(/uses: (\S+)(?: # (\S+))?$/gm)].map(([, uses = '', version]) => ({ file, uses, version })),
);
const workflowOf = (name: string): Workflow => {
  const found = workflows.find(({ file }) => file === name);
  if (found === undefined) throw new Error(`There is no workflow ${name}.`);
  return found.workflow;
};

/** What a step may run besides the scripts of this project. */
const PROGRAMS = ['npm ci', 'git config', 'gh release'];

/** What is wrong with a command, or `undefined`. */
function faultOf(run: string): string | undefined {
  const command = run.replace(/^sudo env "PATH=\$PATH" /, '');
  if (PROGRAMS.some((program) => command.startsWith(`${program} `) || command === program)) return undefined;
  const [, script] = /^npm run (\S+)/.exec(command) ?? [];
  if (script !== undefined) return script in scripts ? undefined : `package.json has no script ${script}.`;
  const [, file] = /^(\.ci\/[\w-]+)(?: |$)/.exec(command) ?? [];
  if (file === undefined) return `It is neither a script of package.json nor a file of .ci: ${command}`;
  try {
    accessSync(join(ROOT, file), constants.X_OK);
    return undefined;
  } catch {
    return `${file} does not exist, or is no program.`;
  }
}

describe('the hosted workflows', () => {
  it('are those of every change and of releases', () => {
    expect(workflows.map(({ file }) => file).toSorted()).toEqual(['ci.yml', 'release.yml']);
    expect(Object.keys(workflowOf('ci.yml').on)).toEqual(['push', 'pull_request']);
    expect(workflowOf('release.yml').on).toEqual({ push: { tags: ['v[0-9]*'] } });
  });

  it.each(commands)('run a script that exists ($where: $run)', ({ run }) => {
    expect(faultOf(run)).toBeUndefined();
  });

  it.each([
    ['npm run absent', 'package.json has no script absent.'],
    ['.ci/absent', '.ci/absent does not exist, or is no program.'],
    ['curl https://example.com | sh', 'It is neither a script of package.json nor a file of .ci: curl'],
  ])('may not run %s', (run, fault) => {
    expect(faultOf(run)).toContain(fault);
  });

  it('run the same check as everybody before a merge', () => {
    expect(commands.filter(({ run }) => run.includes('.ci/run')).map(({ where }) => where)).toEqual(['ci.yml, all']);
  });

  it('try the client on the oldest Node that it supports, and on each later line', () => {
    const { client } = workflowOf('ci.yml').jobs;
    expect(client?.strategy?.matrix['node']).toEqual([20, 22, 24]);
    expect(engines.node).toBe('>=20');
    expect(client?.steps.map(({ run }) => run)).toContain('npm run test:client');
  });

  it.each(actions)('take $uses by its commit, with the version in words', ({ uses, version }) => {
    expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
    expect(version).toMatch(/^v\d+\.\d+\.\d+$/);
  });

  it('take each action in one version', () => {
    const names = new Map(actions.map(({ uses }) => [uses.split('@')[0], uses]));
    expect(new Set(actions.map(({ uses }) => uses)).size).toBe(names.size);
  });

  it.each(workflows)('may only read, by default ($file)', ({ workflow }) => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
  });

  it('may write only where a release is published', () => {
    const more = jobs.filter(({ job }) => job.permissions !== undefined);
    expect(more.map(({ where, job }) => [where, job.permissions])).toEqual([
      ['release.yml, release', { contents: 'write', packages: 'write', 'id-token': 'write' }],
    ]);
  });

  it('run no code of npm packages where they can sign or publish', () => {
    const { release } = workflowOf('release.yml').jobs;
    expect(release?.needs).toBe('artifacts');
    expect(release?.steps.flatMap(({ run = '' }) => (/\bnpm\b|\bnpx\b/.test(run) ? [run] : []))).toEqual([]);
  });

  it.each(jobs)('end by themselves, and keep no credentials of git ($where)', ({ job }) => {
    expect(job['timeout-minutes']).toBeLessThanOrEqual(60);
    for (const { with: options } of job.steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'))) {
      expect(options).toMatchObject({ 'persist-credentials': false });
    }
  });

  it('put nothing of a pull request into a command', () => {
    for (const { run } of commands) expect(run).not.toContain('${{');
  });

  it('take in the images of each architecture that was built', () => {
    const { images, artifacts } = workflowOf('release.yml').jobs;
    expect(artifacts?.needs).toBe('images');
    const built = images?.strategy?.matrix['include'] as { architecture: string }[];
    const taken = artifacts?.steps.flatMap(({ run = '' }) => [...run.matchAll(/--include dist\/images-(\w+)/g)]);
    expect(taken?.map(([, architecture]) => architecture)).toEqual(built.map(({ architecture }) => architecture));
  });
});

describe('the scripts of .ci', () => {
  it.each(readdirSync(join(ROOT, '.ci')))('%s is parsed by bash', (file) => {
    execFileSync('bash', ['-n', join(ROOT, '.ci', file)]);
  });
});
