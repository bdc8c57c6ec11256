import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitsSince, publicAddress, readSource } from '../../src/release/source.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const IDENTITY = ['-c', 'user.name=A', '-c', 'user.email=a@example.com', '-c', 'commit.gpgsign=false'];

let root: string;
let remove: () => void;

beforeEach(() => ({ path: root, remove } = temporaryDirectory()));
afterEach(() => remove());

function git(...args: string[]): string {
  const env = { ...process.env, GIT_COMMITTER_DATE: '2026-01-02T03:04:05Z', GIT_CONFIG_GLOBAL: '/dev/null' };
  return execFileSync('git', [...IDENTITY, ...args], { cwd: root, encoding: 'utf8', env });
}

function commit(subject: string): void {
  git('commit', '--quiet', '--allow-empty', '--message', subject);
}

describe('the source of a release', () => {
  it('is the commit with its time, its tag and the tag before', async () => {
    git('init', '--quiet');
    commit('a: first');
    git('tag', 'v0.1.0');
    commit('a: second');
    git('tag', 'nightly');
    git('tag', 'v0.2.0');
    expect(await readSource(root)).toEqual({
      commit: git('rev-parse', 'HEAD').trim(),
      committedAt: Date.UTC(2026, 0, 2, 3, 4, 5) / 1000,
      hasUncommittedChanges: false,
      tag: 'v0.2.0',
      previousTag: 'v0.1.0',
      repository: undefined,
    });
  });

  it('has no tags before the first release, and shows changes that nobody committed', async () => {
    git('init', '--quiet');
    git('remote', 'add', 'origin', 'https://someone:password@example.com/team/project.git');
    commit('a: first');
    writeFileSync(join(root, 'new'), '');
    expect(await readSource(root)).toMatchObject({
      hasUncommittedChanges: true,
      tag: undefined,
      previousTag: undefined,
      repository: 'https://example.com/team/project',
    });
  });

  it('is rejected outside a repository', async () => {
    await expect(readSource(root)).rejects.toThrow(/^The release needs the git repository of the project: git log/);
  });

  it('lists its commits from a tag on, the latest first', async () => {
    git('init', '--quiet');
    for (const subject of ['a: first', 'a: second', 'b: third']) commit(subject);
    git('tag', 'v0.1.0', 'HEAD~2');
    expect((await commitsSince(root, 'v0.1.0')).map(({ subject }) => subject)).toEqual(['b: third', 'a: second']);
    expect(await commitsSince(root, undefined)).toHaveLength(3);
    await expect(commitsSince(root, 'v9')).rejects.toThrow(/^The commits since v9 cannot be listed: /);
    await expect(commitsSince(root, '--output=a')).rejects.toThrow('cannot be listed');
  });

  it.each([
    ['https://example.com/a/b.git', 'https://example.com/a/b'],
    ['https://token@example.com/a/b', 'https://example.com/a/b'],
    ['git@example.com:a/b.git', 'https://example.com/a/b'],
    ['ssh://git@example.com:2222/a/b.git', 'https://example.com/a/b'],
    ['/srv/projects/b', undefined],
    ['../b', undefined],
    ['file:///srv/b', undefined],
    [undefined, undefined],
  ])('has for the remote %s the address %s', (remote, address) => {
    expect(publicAddress(remote)).toBe(address);
  });
});
