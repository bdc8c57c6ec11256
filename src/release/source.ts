import { ReleaseRejected } from './left-out.ts';
import { outputOf, ProgramFailed } from './program-output.ts';

/** Where the release comes from. */
export interface Source {
  readonly commit: string;
  /** When the commit was made, in seconds since the Unix epoch. */
  readonly committedAt: number;
  readonly hasUncommittedChanges: boolean;
  /** The release tag of this commit, such as `v0.1.0`. */
  readonly tag: string | undefined;
  /** The latest release tag before this commit. */
  readonly previousTag: string | undefined;
  /** Without credentials; `undefined` where there is no remote, or only a folder of this machine. */
  readonly repository: string | undefined;
}

export interface Commit {
  readonly id: string;
  readonly subject: string;
}

const RELEASE_TAG = 'v[0-9]*';

/** Reads the state of the repository. Throws ReleaseRejected outside a git repository. */
export async function readSource(root: string): Promise<Source> {
  const git = (...args: string[]): Promise<string> => outputOf('git', args, root).then((text) => text.trim());
  const gitOrNothing = (...args: string[]): Promise<string | undefined> => git(...args).catch(() => undefined);
  try {
    const [commit = '', committedAt = ''] = (await git('log', '-1', '--format=%H %ct')).split(' ');
    const tag = await gitOrNothing('describe', '--tags', '--exact-match', '--match', RELEASE_TAG);
    return {
      commit,
      committedAt: Number(committedAt),
      hasUncommittedChanges: (await git('status', '--porcelain')) !== '',
      tag,
      previousTag: await gitOrNothing('describe', '--tags', '--abbrev=0', '--match', RELEASE_TAG, 'HEAD^'),
      repository: publicAddress(await gitOrNothing('remote', 'get-url', 'origin')),
    };
  } catch (error) {
    if (!(error instanceof ProgramFailed)) throw error;
    throw new ReleaseRejected(`The release needs the git repository of the project: ${error.message}.`);
  }
}

/** Returns the commits after `since` (all, without it), the latest first. Throws ReleaseRejected for an unknown one. */
export async function commitsSince(root: string, since: string | undefined): Promise<readonly Commit[]> {
  const range = since === undefined ? 'HEAD' : `${since}..HEAD`;
  try {
    const text = await outputOf('git', ['log', '--no-merges', '--format=%h %s', '--end-of-options', range], root);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => ({ id: line.slice(0, line.indexOf(' ')), subject: line.slice(line.indexOf(' ') + 1) }));
  } catch (error) {
    if (!(error instanceof ProgramFailed)) throw error;
    throw new ReleaseRejected(`The commits since ${since ?? 'the first'} cannot be listed: ${error.message}.`);
  }
}

/** Returns an https address without credentials for `https://…`, `ssh://…` and `git@host:path`. */
export function publicAddress(remote: string | undefined): string | undefined {
  const [, host, path] =
    /^(?:(?:https|ssh):\/\/(?:[^@/]*@)?|[^@/:]+@)([^/:]+)(?::\d+)?[/:](.+?)(?:\.git)?\/?$/.exec(remote ?? '') ?? [];
  return host === undefined || path === undefined ? undefined : `https://${host}/${path}`;
}
