import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { keepText } from '../support/outputs.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const MAIN = join(import.meta.dirname, 'main.ts');

it('is kept by a short run: calls go on through disturbances', { timeout: 180_000 }, async () => {
  const folder = temporaryDirectory();
  const size = ['--minutes', '0.35', '--tokens', '10', '--rate', '40', '--lifetime', '12', '--seed', '3'];
  // It ends with 1 where a rule is broken. How fast a busy machine answers is not judged here.
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...size, '--output', folder.path]).catch(
    (error: unknown) => error as { stdout: string },
  );
  const figures = readFileSync(join(folder.path, 'soak.json'), 'utf8');
  keepText('npm run soak', stdout + figures);
  const found = JSON.parse(figures) as {
    accidents: string[];
    calls: { library: number };
    disturbed: unknown[];
    judgements: { rule: string; kept?: boolean }[];
  };
  const broken = found.judgements.filter(({ kept, rule }) => kept === false && !rule.startsWith('delay of'));
  expect({ broken, accidents: found.accidents }).toEqual({ broken: [], accidents: [] });
  expect(found.calls.library).toBeGreaterThan(200);
  expect(found.disturbed.length).toBeGreaterThan(5);
  folder.remove();
});
