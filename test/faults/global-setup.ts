import { bundlePrograms } from '../../src/build.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { PROGRAM_VARIABLE } from './program.ts';

/** Bundles the program as for its image: it starts in a quarter of the time that its source takes. */
export default async function setUp(): Promise<() => void> {
  const folder = temporaryDirectory();
  await bundlePrograms(folder.path);
  process.env[PROGRAM_VARIABLE] = folder.path;
  return () => {
    delete process.env[PROGRAM_VARIABLE];
    folder.remove();
  };
}
