import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { keepText } from './outputs.ts';

const EVERY = 250;

/**
 * Keeps the argument list of every process of this user for the leak check, each once. It reads them four times a
 * second; the return value stops it. Anyone on the machine can read them, so they must not contain a secret.
 */
export function keepArgumentLists(): () => void {
  if (!existsSync('/proc/self/cmdline')) return () => undefined;
  const seen = new Set<string>();
  const timer = setInterval(() => lookAround(seen), EVERY);
  timer.unref();
  return () => clearInterval(timer);
}

function lookAround(seen: Set<string>): void {
  for (const list of argumentLists()) {
    if (seen.has(list)) continue;
    seen.add(list);
    keepText(`arguments of ${basename(list.split('\0', 1)[0] ?? '')}`, list);
  }
}

function* argumentLists(): Generator<string> {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (statSync(`/proc/${entry}`).uid === process.getuid?.()) yield readFileSync(`/proc/${entry}/cmdline`, 'utf8');
    } catch {
      // The process ended in the meantime.
    }
  }
}
