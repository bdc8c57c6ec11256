import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';

// Loaded before each test file of the project `fast`. A test that starts a process, or connects to another machine,
// fails.

const STARTERS = ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'] as const;

/** Names of this machine, and names that stand for no machine (RFC 6761). */
const NEARBY =
  /^(?:localhost|127\.\d+\.\d+\.\d+|::|::1|::ffff:127\.\d+\.\d+\.\d+|0\.0\.0\.0|.+\.(?:invalid|localhost|test))$/;
const OWN = new Set(Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address)));

function reject(act: string): never {
  throw new Error(
    `A test of the project fast ${act}. These tests start nothing outside their process; test/README.md names the projects that may.`,
  );
}

function guardProcesses(): void {
  for (const name of STARTERS) {
    Object.assign(childProcess, { [name]: () => reject(`called child_process.${name}`) });
  }
  syncBuiltinESMExports();
}

function guardConnections(): void {
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function guarded(this: Socket, ...args: unknown[]) {
    const host = hostOf(args);
    if (host !== undefined && !NEARBY.test(host) && !OWN.has(host)) reject(`connected to ${host}`);
    return Reflect.apply(connect, this, args) as Socket;
  };
}

/**
 * Returns the host of a connection from any form of the arguments, or `undefined` for this machine and for Unix
 * sockets.
 */
function hostOf(args: readonly unknown[]): string | undefined {
  const [first, second] = args.flat();
  if (typeof first === 'object' && first !== null && 'host' in first) return first.host as string | undefined;
  return typeof first === 'number' && typeof second === 'string' ? second : undefined;
}

const GUARDED = Symbol.for('token-acquirer.test.guarded');
if (!Reflect.has(globalThis, GUARDED)) {
  Reflect.set(globalThis, GUARDED, true);
  guardProcesses();
  guardConnections();
}
