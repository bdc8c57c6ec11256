import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { withTime } from '../../src/release/tarball.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const { path: folder, remove } = temporaryDirectory();
afterAll(remove);

const LONG = `${'long-'.repeat(25)}name`;

/** A `.tgz` of the same files, changed at this time (seconds since 1970). */
function archive(name: string, changed: number, format: 'gnu' | 'pax' | 'ustar'): string {
  const place = join(folder, name);
  mkdirSync(join(place, 'chart/templates'), { recursive: true });
  const files = { 'Chart.yaml': 'name: a\n', 'templates/empty': '', 'templates/large': 'x'.repeat(1025) };
  for (const [file, text] of Object.entries(format === 'ustar' ? files : { ...files, [LONG]: 'long' })) {
    writeFileSync(join(place, 'chart', file), text);
    utimesSync(join(place, 'chart', file), changed, changed);
  }
  for (const inner of ['chart/templates', 'chart']) utimesSync(join(place, inner), changed, changed);
  const file = join(folder, `${name}.tgz`);
  // Of pax only what it needs: it would note the time of the last access, and the process.
  const pax = format === 'pax' ? ['--pax-option=delete=atime,delete=ctime,exthdr.name=%d/%f'] : [];
  const args = ['--sort=name', `--format=${format}`, ...pax, '-czf', file, '-C', place, 'chart'];
  execFileSync('tar', args);
  return file;
}

describe('a tarball with a time', () => {
  it.each(['gnu', 'pax', 'ustar'] as const)('is the same whenever it was made (%s)', (format) => {
    const [one, other] = [1_600_000_000, 1_700_000_001].map((time) =>
      readFileSync(archive(`${format}-${time}`, time, format)),
    );
    expect(one?.equals(other ?? Buffer.alloc(0))).toBe(false);
    const steady = withTime(one ?? Buffer.alloc(0), 1_000_000_000);
    expect(steady.equals(withTime(other ?? Buffer.alloc(0), 1_000_000_000))).toBe(true);
    expect(steady.equals(withTime(steady, 1_000_000_000))).toBe(true);
  });

  it('keeps what is in it, and is read by tar', () => {
    const before = archive('content', 1_600_000_000, 'gnu');
    const after = join(folder, 'after.tgz');
    writeFileSync(after, withTime(readFileSync(before), 1_000_000_000));
    const list = (file: string, ...options: string[]): string =>
      execFileSync('tar', ['-tzf', file, ...options], { encoding: 'utf8' });
    expect(list(after)).toBe(list(before));
    expect(list(after)).toContain(LONG);
    const times = list(after, '--verbose', '--utc').trim().split('\n');
    for (const line of times) expect(line).toContain(' 2001-09-09 01:46 ');
    const text = execFileSync('tar', ['-xzOf', after, 'chart/templates/large'], { encoding: 'utf8' });
    expect(text).toBe('x'.repeat(1025));
  });
});
