import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { realParts } from '../real/real-parts.ts';
import { blocksIn } from '../support/code-blocks.ts';
import type { PodSpec } from '../support/manifests.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { HELMS } from './chart.ts';
import { helm, helmBinaries } from './helm.ts';

const LIBRARY = join(import.meta.dirname, '../../charts/token-acquirer-client');
const snippets = blocksIn('README.md', readFileSync(join(LIBRARY, 'README.md'), 'utf8')).flatMap(({ text }) => {
  const [, file] = /^# (\S+\.yaml)\n/.exec(text) ?? [];
  return file === undefined ? [] : [{ file, text }];
});

const folder = temporaryDirectory();
afterAll(() => folder.remove());

/** A chart of nothing but the snippets, each in the file that its first line names. */
function chartOfSnippets(name: string): string {
  const chart = join(folder.path, name.replace(' ', '-'));
  const own = 'apiVersion: v2\nname: billing-app\nversion: 1.0.0\n';
  for (const { file, text } of snippets) {
    mkdirSync(dirname(join(chart, file)), { recursive: true });
    const placed = text.replace(/oci:\S+/, `file://${LIBRARY}`);
    writeFileSync(join(chart, file), file === 'Chart.yaml' ? own + placed : placed);
  }
  return chart;
}

describe.each(HELMS)('the snippets of the library chart, by %s', (name) => {
  const binary = realParts(async () => {
    const found = (await helmBinaries()).find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no ${name}.`);
    return { ...found, stop: async () => {} };
  });

  it('give a pod its tokens, in the files that their first lines name', async () => {
    const chart = chartOfSnippets(name);
    await helm(binary(), ['dependency', 'update', chart]);
    const text = await helm(binary(), ['template', 'billing-app', chart]);
    const { spec } = (parse(text) as { spec: { template: { spec: PodSpec } } }).spec.template;
    const [container] = spec.containers;
    expect(container?.env?.map((variable) => variable.name)).toContain('REISSUE_URL');
    expect(container?.volumeMounts?.map((mount) => mount.name)).toEqual(['tokens', 'caller-token']);
    expect(spec.volumes?.map((volume) => volume.name)).toEqual(['tokens', 'caller-token']);
    expect(spec.volumes?.[0]?.secret?.items?.map(({ path }) => path)).toEqual(['dynamics', 'dynamics.json', 'ca.crt']);
  });

  it('would not, indented as for a Pod', async () => {
    const chart = chartOfSnippets(`${name} wrong`);
    const file = join(chart, 'templates/deployment.yaml');
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replaceAll('nindent 12', 'nindent 8').replace('nindent 8 }}\n', 'nindent 4 }}\n'),
    );
    await helm(binary(), ['dependency', 'update', chart]);
    const text = await helm(binary(), ['template', 'billing-app', chart]).catch(() => '');
    expect(text).toBe('');
  });
});
