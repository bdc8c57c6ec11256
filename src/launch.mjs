// The one plain-JavaScript file that must run on whatever Node the machine has: it finds the Node 24 that
// `npm ci` installed as a platform package and starts TypeScript on it.
//
// npm 10 links no `.bin/node` when two platform packages are listed, so nothing may rely on the PATH.
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST = 24;

/** The path of a Node 24 or later. Throws an Error whose message is a sentence with the next step. */
export function findNode() {
  const platformPackage = `node-${process.platform}-${process.arch}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${platformPackage}/package.json`);
    return join(dirname(manifest), 'bin', 'node');
  } catch {
    if (Number(process.versions.node.split('.')[0]) >= OLDEST) return process.execPath;
    throw new Error(
      `This needs Node ${OLDEST} or later, and this is ${process.version} with no package ${platformPackage} installed. Run \`npm ci\` in the project's folder first, or install Node ${OLDEST}.`,
    );
  }
}

/** Runs `main` (a file URL) on Node 24 with this process's arguments, and ends as it ends. */
export function launch(main) {
  const node = nodeOrEnd();
  const file = fileURLToPath(main);
  const args = ['--disable-sigusr1', file, ...process.argv.slice(2)];
  // Replaces this process where Node can (24, not 20): no launcher is left between the shell and the program.
  if (process.execve && node === process.execPath) process.execve(node, [node, ...args]);
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  child.on('error', (error) => end(`The program ${node} cannot be started: ${error.message}.`));
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => {
      // Ctrl-C reaches the child without us, and twice might cut its orderly end short.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exit(code ?? 1);
  });
}

/** @returns {string} */
function nodeOrEnd() {
  try {
    return findNode();
  } catch (error) {
    return end(error.message);
  }
}

/**
 * @param {string} message
 * @returns {never}
 */
function end(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${nodeOrEnd()}\n`);
}
