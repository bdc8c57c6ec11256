import { join } from 'node:path';
import { installOnce } from '../real/install/cache.ts';
import { outputOf } from './command.ts';
import { compile, hashOf } from './image.ts';

const SOURCES = join(import.meta.dirname, 'kstatus');
const PROGRAM = 'kstatus';

/** Returns the status that the library kstatus computes for an object in JSON, such as `InProgress`. Throws NotAvailable. */
export async function kstatusOf(object: string): Promise<string> {
  const program = join(await kstatus(), PROGRAM);
  const [status = ''] = (await outputOf({ label: PROGRAM, program, args: [], input: object })).split(' ');
  return status;
}

/** From the Go modules of the version that Helm 4 has, in half a minute on two cores, once. */
export function kstatus(): Promise<string> {
  return installOnce({
    name: `${PROGRAM}-${hashOf(SOURCES, ['go.mod', 'go.sum', 'main.go'])}`,
    build: (folder) =>
      compile({
        what: 'Compiling a program with the library kstatus',
        sources: SOURCES,
        args: ['-ldflags=-s -w', '-o', join(folder, PROGRAM), '.'],
      }),
  });
}
