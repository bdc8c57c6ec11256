import { join } from 'node:path';
import { NODE_FLAGS } from '../../src/build.ts';
import type { ProcessOptions } from '../e2e/acquirer-process.ts';

/** Names the folder with the bundled programs of this run. */
export const PROGRAM_VARIABLE = 'TOKEN_ACQUIRER_TEST_PROGRAM';

/** Returns how to start the program as its image does. */
export function bundledProgram({ node = [], ...more }: ProcessOptions = {}): ProcessOptions {
  const folder = process.env[PROGRAM_VARIABLE];
  if (folder === undefined) throw new Error(`${PROGRAM_VARIABLE} is not set: the global set-up of the rows does it.`);
  return { main: join(folder, 'token-acquirer.cjs'), node: [...NODE_FLAGS, ...node], ...more };
}
