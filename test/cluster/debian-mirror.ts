/** Where this machine takes its own packages from. */
export interface MachineSources {
  /** What `apt-get indextargets` prints in the format `INDEX_FORMAT`; empty where there is no apt. */
  readonly targets: string;
  /** The text of `/etc/os-release`. */
  readonly release: string;
  /** The variable `DEBIAN_MIRROR`. */
  readonly named: string | undefined;
}

/** One line per package list: its repository, its suite and its component. */
export const INDEX_FORMAT = '$(REPO_URI) $(RELEASE) $(COMPONENT)';

/**
 * Returns the URL of a mirror of Debian: the one that `DEBIAN_MIRROR` names, or the one that a machine with Debian
 * installs its own packages from. Returns `undefined` where neither exists.
 */
export function debianMirror({ targets, release, named }: MachineSources): string | undefined {
  if (named !== undefined && named !== '') return named;
  if (!/^ID="?debian"?$/m.test(release)) return undefined;
  const main = targets
    .split('\n')
    .map((line) => line.split(' '))
    // Suites of updates, backports and security fixes lack the packages that a system begins with.
    .find(
      ([uri, suite, component]) => /^https?:/.test(uri ?? '') && /^[a-z]+$/.test(suite ?? '') && component === 'main',
    );
  return main?.[0];
}
