import { existsSync } from 'node:fs';
import { needPackages } from './debian.ts';

const PROGRAM = '/usr/bin/zsh';

/** Zsh of Debian's package. Throws NotAvailable. */
export async function installZsh(): Promise<string> {
  await needPackages({ part: 'zsh', missing: 'zsh', packages: ['zsh'], present: () => existsSync(PROGRAM) });
  return PROGRAM;
}
