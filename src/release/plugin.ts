import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { stringify } from 'yaml';
import { billOfMaterials } from '../bill-of-materials.ts';
import { bundlePlugin } from '../build.ts';
import { type Bill, steadyBill } from './bill.ts';
import { sha256Of } from './checksums.ts';
import { krewManifest } from './krew-manifest.ts';
import { outputOf } from './program-output.ts';
import { withTime } from './tarball.ts';

export interface PluginOrder {
  readonly root: string;
  readonly folder: string;
  readonly version: string;
  /** The time of all entries, in seconds since the Unix epoch. */
  readonly time: number;
  /** Of the project; left out where it has no public address. */
  readonly repository: string | undefined;
}

const PROGRAM = 'kubectl-token_acquirer';
const COMPLETION = 'kubectl_complete-token_acquirer';
const LICENSE = 'LICENSE';

/** Makes the archive of the plugin of kubectl, its bill of materials, and the manifest by which krew installs it. */
export async function makePlugin({ root, folder, version, time, repository }: PluginOrder): Promise<void> {
  const place = await mkdtemp(join(tmpdir(), 'token-acquirer-plugin-'));
  try {
    const { inputs } = await bundlePlugin(join(place, PROGRAM));
    await chmod(join(place, PROGRAM), 0o755);
    await writeFile(join(place, COMPLETION), `#!/bin/sh\nexec ${PROGRAM} __complete "$@"\n`);
    await chmod(join(place, COMPLETION), 0o755);
    await copyFile(join(root, LICENSE), join(place, LICENSE));
    await chmod(join(place, LICENSE), 0o644);
    const archive = `${PROGRAM}-${version}.tar.gz`;
    const [tar, file] = [join(place, 'archive.tar'), join(folder, archive)];
    await outputOf('tar', [...TAR, '--file', tar, '--directory', place, PROGRAM, COMPLETION, LICENSE]);
    await writeFile(file, withTime(gzipSync(await readFile(tar)), time));
    const bill = steadyBill(billOfMaterials(PROGRAM, inputs) as Bill, time);
    await writeFile(join(folder, `${PROGRAM}-${version}.cdx.json`), `${JSON.stringify(bill, null, 2)}\n`);
    const manifest = krewManifest({ version, archive, sha256: await sha256Of(file), repository });
    await writeFile(join(folder, `${PROGRAM}-${version}.krew.yaml`), stringify(manifest, { lineWidth: 0 }));
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

const TAR = ['--create', '--format=ustar', '--owner=0', '--group=0', '--numeric-owner'];
