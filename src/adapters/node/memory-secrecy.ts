import { writeFileSync } from 'node:fs';
import { url as inspectorUrl } from 'node:inspector';
import { errorKind } from '../../core/error-kind.ts';
import { UsageError } from '../../core/errors.ts';
import { framesOf } from '../../core/inner-error.ts';

/** Options of Node that expose memory or network traffic to anyone who reaches a port or reads a file. */
const TELLING = /^--(?:inspect|heapsnapshot|heap-prof|report|abort-on-uncaught-exception|trace-tls|tls-keylog)/;
/** An option that allows two readings of a request. */
const CARELESS = /^--insecure-http-parser/;

export interface Started {
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Stops a process that was started so that others can read its memory: by its own options, by
 * NODE_OPTIONS or with an inspector. Throws UsageError.
 */
export function refuseOpenMemory({ execArgv, env }: Started, inspector: string | undefined = inspectorUrl()): void {
  const given = [...execArgv, ...(env['NODE_OPTIONS'] ?? '').split(/[\s"\\]+/)].map((option) =>
    option.replaceAll('_', '-'),
  );
  const found = given.find((option) => TELLING.test(option) || CARELESS.test(option))?.replace(/=.*$/s, '');
  if (found === undefined && inspector === undefined) return;
  throw new UsageError(
    `Node was started with ${found ?? 'an inspector'}, by its own options or NODE_OPTIONS, which opens the memory or the connections of this process, and the credentials in them, to others. Start the token-acquirer without it.`,
  );
}

/**
 * From now on nothing that Node or the kernel does by itself shows what is in memory: a signal opens no inspector, a core
 * dump holds no memory, and a crash shows its place and kind, but not its message, which may quote anything. A
 * crash ends the process with 1.
 */
export function keepMemoryClosed(tell: (text: string) => void): void {
  emptyCoreDumps();
  process.on('SIGUSR1', () => undefined);
  process.on('uncaughtException', (error: unknown) => {
    tell([`The token-acquirer failed inside (${errorKind(error)}) and ends.`, ...framesOf(error), ''].join('\n'));
    process.exit(1);
  });
}

/**
 * Has the kernel leave all memory out of a core dump of this process and its children (Linux, core(5)). It takes no
 * permission and works on a read-only root. Where there is no such file, as on macOS, nothing changes.
 */
function emptyCoreDumps(): void {
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // Without procfs nothing could be written; the limit on core files is then the only guard.
  }
}
