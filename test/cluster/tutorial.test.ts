import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { helmBinaries } from '../charts/helm.ts';
import { withLock } from '../real/install/lock.ts';
import { blocksIn, type CodeBlock } from '../support/code-blocks.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { runBlock, steady } from '../support/walk-through.ts';
import { nodeBaseImage } from './base-image.ts';
import type { TestCluster } from './cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';
import { findKubectl } from './kubectl.ts';
import { containerIn } from './record.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DOCUMENT = 'docs/tutorial.md';
const blocks = blocksIn(DOCUMENT, readFileSync(join(ROOT, DOCUMENT), 'utf8'));

/** Of the project's folder, what the tutorial uses. */
const PROJECT = [
  'package.json',
  'package-lock.json',
  '.npmrc',
  '.dockerignore',
  'LICENSE',
  'src',
  'charts',
  'manifests',
];
const DOCKERFILES = ['Dockerfile.token-acquirer', 'Dockerfile.client-app'];

const IMAGES = ['token-acquirer:0.1.0', 'example-services:0.1.0', 'client-app:0.1.0'];
const CREATE = 'kind create cluster --name tutorial';
const LOAD = `kind load docker-image ${IMAGES.join(' ')} --name tutorial`;
const DELETE = 'kind delete cluster --name tutorial';

const NAMESPACES = ['token-acquirer', 'billing', 'example-services'];
const CRD = 'customresourcedefinition/accesstokens.token-acquirer.dev';

/** Stands for lines that the document leaves out. */
const LEFT_OUT = '…';
/** What kubectl logs about itself. */
const OF_KUBECTL = /^[EIW]\d{4} \d\d:\d\d:\d\d/;

/** Lines without what differs from run to run. */
function comparable(text: string): string[] {
  return steady(text)
    .filter((line) => !OF_KUBECTL.test(line))
    .map((line) =>
      line
        .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
        .replaceAll(/\b[\da-f]{8}\b/g, 'HASH')
        .replaceAll(/\b\d+ bytes/g, 'N bytes')
        .replaceAll(/"took_ms":\d+/g, '"took_ms":N'),
    );
}

/** Returns the first line of the document that was not printed where it belongs, or the first one printed that it lacks. */
function difference(shown: readonly string[], printed: readonly string[]): string | undefined {
  let next = 0;
  let isSkipping = false;
  for (const line of shown) {
    if (line === LEFT_OUT) {
      isSkipping = true;
      continue;
    }
    while (isSkipping && next < printed.length && printed[next] !== line) next += 1;
    if (printed[next] !== line) return `shown: ${line}\nprinted: ${printed[next] ?? 'nothing more'}`;
    isSkipping = false;
    next += 1;
  }
  return isSkipping || next === printed.length ? undefined : `printed, and not shown: ${printed[next]}`;
}

describe('the comparison of what is shown with what is printed', () => {
  it.each([
    ['the same lines', ['a', 'b'], ['a', 'b'], undefined],
    ['lines that are left out', ['a', '…', 'd'], ['a', 'b', 'c', 'd'], undefined],
    ['lines that are left out at the end', ['a', '…'], ['a', 'b'], undefined],
    ['a line that is missing', ['a', 'b'], ['a'], 'shown: b\nprinted: nothing more'],
    ['another line', ['a', 'b'], ['a', 'c'], 'shown: b\nprinted: c'],
    ['a line too many', ['a'], ['a', 'b'], 'printed, and not shown: b'],
    ['a missing line after some that are left out', ['…', 'z'], ['a', 'b'], 'shown: z\nprinted: nothing more'],
  ])('finds %s', (_, shown, printed, found) => {
    expect(difference(shown, printed)).toBe(found);
  });
});

describe('the tutorial', () => {
  const lines = blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.split('\n'));

  it('uses kind for three commands, each once: the only ones that are replaced here', () => {
    expect(lines.filter((line) => line.includes('kind '))).toEqual([CREATE, LOAD, DELETE]);
  });

  it('shows output only right after commands', () => {
    const stray = blocks.filter(({ language }, index) => language === '' && blocks[index - 1]?.language !== 'sh');
    expect(stray.map(({ line }) => line)).toEqual([]);
  });
});

describeInCluster(
  'the tutorial',
  (cluster: () => TestCluster) => {
    const place = temporaryDirectory();
    const folder = join(place.path, 'project');
    let environment: Readonly<Record<string, string>>;
    let base: string;

    beforeAll(async () => {
      mkdirSync(folder);
      const isMade = (path: string): boolean => path.includes('charts/token-acquirer-client/example/charts');
      const filter = (path: string): boolean => !isMade(path);
      for (const name of [...PROJECT, ...DOCKERFILES]) {
        cpSync(join(ROOT, name), join(folder, name), { recursive: true, filter });
      }
      const programs = join(place.path, 'programs');
      mkdirSync(programs);
      const { kubeconfig, name, ownNode } = cluster();
      const container = containerIn(readFileSync(kubeconfig, 'utf8'));
      const kubectl = await findKubectl({ kubeconfig, name, ownNode, ...(container !== undefined && { container }) });
      if (kubectl.includes('/')) symlinkSync(kubectl, join(programs, 'kubectl'));
      symlinkSync((await helmBinaries()).at(-1)?.file ?? '', join(programs, 'helm'));
      environment = { KUBECONFIG: kubeconfig, PATH: `${programs}:${process.env['PATH']}` };
      base = await nodeBaseImage();
      await clear();
    }, CLUSTER_TIMEOUT);

    afterAll(async () => {
      await clear();
      place.remove();
    }, 180_000);

    /** What would be gone with the cluster of a reader. */
    async function clear(): Promise<void> {
      const { kubectl } = cluster();
      await kubectl(['delete', '--ignore-not-found', CRD]);
      await kubectl(['delete', 'namespace', ...NAMESPACES, '--ignore-not-found']);
      const kinds = 'clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding';
      await kubectl(['delete', kinds, '--selector=app.kubernetes.io/instance=token-acquirer', '--ignore-not-found']);
    }

    /** Does what these lines do with a cluster of kind. */
    const REPLACED: Readonly<Record<string, () => Promise<unknown>>> = {
      [CREATE]: () => cluster().kubectl(['wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=60s']),
      async [LOAD]() {
        const names = await Promise.all(IMAGES.map((tag) => cluster().loadImage(tag)));
        if (names.join(' ') !== IMAGES.join(' '))
          throw new Error('The tutorial needs a node that takes images as they are.');
      },
      // The node stays for other tests, and `clear` removes the rest.
      [DELETE]: () => Promise.resolve(),
    };

    /** Runs a block; the lines of the table above are replaced. */
    async function follow({ text }: CodeBlock): Promise<{ code: number | null; output: string }> {
      let output = '';
      let script = '';
      const runScript = async (): Promise<number | null> => {
        const result = await runBlock({ folder, text: script, environment });
        script = '';
        output += result.output;
        return result.code;
      };
      for (const line of text.split('\n')) {
        const replacement = REPLACED[line];
        if (replacement === undefined) script += `${withBase(line)}\n`;
        else {
          const code = await runScript();
          if (code !== 0) return { code, output };
          await replacement();
        }
      }
      return { code: await runScript(), output };
    }

    /** The image with Node that the build begins with, as images.md names it for a machine that does not reach Docker Hub. */
    const withBase = (line: string): string => line.replace(/^docker build /, `$&--build-arg NODE_IMAGE=${base} `);

    /** Runs a block while no other test of this machine gives the tags to its own images. */
    async function followAlone(block: CodeBlock): Promise<{ code: number | null; output: string }> {
      const locked = IMAGES.reduce<() => ReturnType<typeof follow>>(
        (task, tag) => () => withLock(`image ${tag}`, task),
        () => follow(block),
      );
      return block.text.includes('docker build ') ? locked() : follow(block);
    }

    it('leads from an empty cluster to a new token, and prints what it shows', async () => {
      let compared = 0;
      for (const [index, block] of blocks.entries()) {
        const { language, line, text } = block;
        const [, name] = /^# (\S+\.yaml)\n/.exec(text) ?? [];
        if (language === 'yaml') writeFileSync(join(folder, name ?? ''), text);
        if (language !== 'sh') continue;
        const { code, output } = await followAlone(block);
        const after = blocks[index + 1];
        const shown = after?.language === '' ? after.text : undefined;
        // A command that is meant to fail shows so.
        const expected = shown?.startsWith('Error from server') ? 1 : 0;
        expect(code === expected ? '' : `${DOCUMENT}:${line} ended with ${code}:\n${output}`).toBe('');
        if (shown === undefined) continue;
        compared += 1;
        const found = difference(comparable(shown), comparable(output));
        expect(found === undefined ? '' : `${DOCUMENT}:${line}: ${found}\n\n${output}`).toBe('');
      }
      expect(compared).toBeGreaterThanOrEqual(10);
    }, 600_000);
  },
  { alone: true },
);
