import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PartLeftOut } from './left-out.ts';
import { outputOf, ProgramFailed } from './program-output.ts';
import { withTime } from './tarball.ts';
import { CHARTS } from './versions.ts';

export interface ChartOrder {
  readonly root: string;
  readonly folder: string;
  readonly version: string;
  /** The time of all entries, in seconds since the Unix epoch. */
  readonly time: number;
}

/** Packages both charts with the helm of the PATH. Throws PartLeftOut without helm. */
export async function packageCharts({ root, folder, version, time }: ChartOrder): Promise<void> {
  for (const chart of CHARTS) {
    await helm(['package', join(root, 'charts', chart), '--destination', folder]);
    const file = join(folder, `${chart}-${version}.tgz`);
    await writeFile(file, withTime(await readFile(file), time));
  }
}

async function helm(args: readonly string[]): Promise<void> {
  try {
    await outputOf('helm', args);
  } catch (error) {
    if (!(error instanceof ProgramFailed) || !error.isMissing) throw error;
    throw new PartLeftOut('helm is not on the PATH. Install helm 3.17 or later, or helm 4, and run the command again.');
  }
}
