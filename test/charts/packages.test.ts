import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packClient } from '../../src/client/pack.ts';
import { run } from '../real/install/run.ts';
import { realParts } from '../real/real-parts.ts';
import { leadsSomewhere, linksIn } from '../support/links.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { HELMS } from './chart.ts';
import { helm, helmBinaries } from './helm.ts';

const CHARTS = join(import.meta.dirname, '../../charts');
const folder = temporaryDirectory();
afterAll(() => folder.remove());

/** Links of the README of a package that lead nowhere for those who have only the package. */
async function deadLinks(archive: string, into: string): Promise<string[]> {
  mkdirSync(into, { recursive: true });
  await run({ label: 'tar', command: 'tar', args: ['-xzf', archive, '-C', into] });
  const [top = ''] = readdirSync(into);
  const readme = join(into, top, 'README.md');
  return linksIn(readFileSync(readme, 'utf8')).filter((link) => !leadsSomewhere(readme, link));
}

describe.each(HELMS)('the README of a chart that %s packaged', (name) => {
  const binary = realParts(async () => {
    const found = (await helmBinaries()).find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no ${name}.`);
    return { ...found, stop: async () => {} };
  });

  it.each(['token-acquirer', 'token-acquirer-client'])(
    'has only links that lead somewhere in it: %s',
    async (chart) => {
      const packages = join(folder.path, name, chart);
      await helm(binary(), ['package', join(CHARTS, chart), '--destination', packages]);
      const [archive = ''] = readdirSync(packages);
      expect(await deadLinks(join(packages, archive), join(packages, 'content'))).toEqual([]);
    },
  );
});

describe('the README of the client package', () => {
  it('has only links that lead somewhere in it', async () => {
    const { file } = await packClient(join(folder.path, 'client'));
    expect(await deadLinks(file, join(folder.path, 'client/content'))).toEqual([]);
  });
});
