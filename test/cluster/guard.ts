import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * It reads from this process, which only writes how it ends. The end of its input without such a line means that this
 * process was killed, and another one may be creating the container. It ignores signals to the terminal's group.
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
 * Removes a container, with its volumes, and a folder when this process has ended, however it ended. Neither needs
 * to exist yet.
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
      const exit = once(child, 'exit');
      child.ref();
      child.stdin.end('ended\n');
      await exit;
    },
  };
}
