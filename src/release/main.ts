import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PartLeftOut, ReleaseRejected } from './left-out.ts';
import { ProgramFailed } from './program-output.ts';
import { makeRelease, PARTS, type ReleaseOrder } from './release.ts';

const HELP = `Makes the artifacts of a release in a folder: the images of this platform as OCI archives, both charts, the client
package, the plugin of kubectl, bills of materials, notes, a provenance statement and SHA256SUMS. It publishes and signs nothing.

  npm run release -- --out FOLDER

  --out FOLDER         a new or empty folder
  --only PART          make only this part (${PARTS.join(', ')}), and fail if it cannot be made; repeatable
  --include FOLDER     add the artifacts of an earlier run, such as the images of another platform; repeatable
  --since REF          begin the notes after this commit instead of after the previous tag v*
  --allow-uncommitted  try it with uncommitted changes, which the provenance statement then records

Charts need helm on the PATH. Images need Linux and root. Without --only, a part that cannot be made is left out.
SOURCE_DATE_EPOCH sets the time of all files; by default it is the time of the commit.
`;

class UsageError extends Error {}

function orderOf(args: readonly string[]): ReleaseOrder | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      include: { type: 'string', multiple: true, default: [] },
      since: { type: 'string' },
      'allow-uncommitted': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  if (values.out === undefined) throw new UsageError('Give the folder for the artifacts: --out FOLDER.');
  const unknown = values.only.find((part) => !PARTS.some((known) => known === part));
  if (unknown !== undefined) throw new UsageError(`There is no part ${unknown}. The parts are ${PARTS.join(', ')}.`);
  return {
    root: resolve(import.meta.dirname, '../..'),
    out: resolve(values.out),
    parts: values.only.length === 0 ? PARTS : PARTS.filter((part) => values.only.includes(part)),
    isComplete: values.only.length > 0,
    include: values.include.map((folder) => resolve(folder)),
    since: values.since,
    allowUncommitted: values['allow-uncommitted'],
    environment: process.env,
  };
}

/** Resolves with the exit code: 0 success, 1 the release failed, 2 wrong arguments. */
async function main(args: readonly string[]): Promise<number> {
  let order: ReleaseOrder | undefined;
  try {
    order = orderOf(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 2;
  }
  if (order === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    const { version, files, leftOut } = await makeRelease(order);
    process.stdout.write(`Release ${version} in ${order.out}:\n${files.map((file) => `  ${file}\n`).join('')}`);
    for (const [part, why] of leftOut) process.stdout.write(`Left out: ${part}. ${why}\n`);
    return 0;
  } catch (error) {
    if (!isExpected(error)) throw error;
    process.stderr.write(`No release was made. ${error.message}\n`);
    return 1;
  }
}

function isExpected(error: unknown): error is Error {
  return error instanceof ReleaseRejected || error instanceof PartLeftOut || error instanceof ProgramFailed;
}

process.exitCode = await main(process.argv.slice(2));
