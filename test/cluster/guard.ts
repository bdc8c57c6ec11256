import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * It reads from this process, which only ever writes how it ends: the end of its input alone means that this process is
 * gone, and perhaps another is just now having the container made. Of signals to the terminal's group it knows nothing.
 */
const GUARD = `
trap '' HUP INT TERM
read -r ended || ended=
docker rm --force --volumes "$1"
if [ -z "$ended" ]; then
  for _ in 1 2 3; do sleep 2; docker rm --force --volumes "$1"; done
fi
rm -rf -- "$2"
`;

export interface Guard {
  /** Removes the container and the folder now. */
  end(): Promise<void>;
}

/**
 * Removes a container, with its volumes, and a folder when this process is gone, however it ended. Neither needs to be
 * there yet.
 */
export function guard(container: string, folder: string): Guard {
  const child = spawn('/bin/sh', ['-c', GUARD, 'guard', container, folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  return {
    async end() {
      if (child.exitCode !== null || child.stdin.destroyed) return;
      const gone = once(child, 'exit');
      child.ref();
      child.stdin.end('ended\n');
      await gone;
    },
  };
}
