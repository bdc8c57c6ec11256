import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packClient } from '../client/pack.ts';
import { clientBill, steadyBill } from './bill.ts';
import { packageCharts } from './charts.ts';
import { artifactsIn, CHECKSUMS, checksumsText } from './checksums.ts';
import { imageDigest } from './image-archive.ts';
import { buildImages } from './images.ts';
import { PartLeftOut, ReleaseRejected } from './left-out.ts';
import { notesOf } from './notes.ts';
import { makePlugin } from './plugin.ts';
import { builderOf, provenanceOf } from './provenance.ts';
import { commitsSince, readSource, type Source } from './source.ts';
import { disagreement, statedVersions } from './versions.ts';

export const PARTS = ['charts', 'client', 'plugin', 'images'] as const;
export type Part = (typeof PARTS)[number];

const NOTES = 'notes.md';
const PROVENANCE = 'provenance.intoto.json';
/** What each run writes anew, so that it is not taken over from another run. */
const OF_A_RUN = new Set([CHECKSUMS, NOTES, PROVENANCE]);

export interface ReleaseOrder {
  /** The folder of the project. */
  readonly root: string;
  /** Where the artifacts go: a new or empty folder. */
  readonly out: string;
  readonly parts: readonly Part[];
  /** Fail where a part cannot be made, instead of leaving it out. */
  readonly isComplete: boolean;
  /** Folders of earlier runs, such as on another platform, whose artifacts are added. */
  readonly include: readonly string[];
  /** The notes begin after this commit; by default after the previous release tag. */
  readonly since: string | undefined;
  readonly allowUncommitted: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Release {
  readonly version: string;
  /** Names of files in the folder. */
  readonly files: readonly string[];
  /** Sentences, by the part. */
  readonly leftOut: ReadonlyMap<Part, string>;
}

interface Run extends ReleaseOrder {
  readonly version: string;
  readonly source: Source;
  /** In seconds since the Unix epoch. */
  readonly time: number;
  readonly startedAt: number;
}

/** Makes the artifacts of a release. Throws ReleaseRejected where the project is not ready, PartLeftOut if complete. */
export async function makeRelease(order: ReleaseOrder): Promise<Release> {
  const startedAt = Date.now();
  const source = await readSource(order.root);
  const version = checkedVersion(order, source);
  await prepare(order.out);
  const run = { ...order, version, source, time: timeOf(order.environment, source), startedAt };
  const leftOut = await makeParts(run);
  for (const folder of order.include) await takeOver(folder, order.out);
  const since = order.since ?? source.previousTag;
  const commits = await commitsSince(order.root, since);
  await writeFile(join(order.out, NOTES), notesOf({ version, since, commits }));
  await writeStatement(run);
  const artifacts = await artifactsIn(order.out);
  await writeFile(join(order.out, CHECKSUMS), checksumsText(artifacts));
  return { version, files: [...artifacts.map(({ name }) => name), CHECKSUMS], leftOut };
}

/** Returns the version that all places state. */
function checkedVersion({ root, allowUncommitted }: ReleaseOrder, { tag, hasUncommittedChanges }: Source): string {
  const stated = statedVersions(root);
  const wrong = disagreement(tag === undefined ? stated : [...stated, { place: 'the git tag', version: tag.slice(1) }]);
  if (wrong !== undefined) throw new ReleaseRejected(wrong);
  if (hasUncommittedChanges && !allowUncommitted) {
    throw new ReleaseRejected('There are uncommitted changes. Commit them, or try with --allow-uncommitted.');
  }
  return stated[0]?.version ?? '';
}

async function prepare(out: string): Promise<void> {
  await mkdir(out, { recursive: true });
  if ((await readdir(out)).length > 0) throw new ReleaseRejected(`The folder ${out} is not empty. Name a new one.`);
}

/** SOURCE_DATE_EPOCH (reproducible-builds.org), or the time of the commit. */
function timeOf({ SOURCE_DATE_EPOCH: epoch }: ReleaseOrder['environment'], { committedAt }: Source): number {
  if (epoch === undefined || epoch === '') return committedAt;
  if (!/^\d{1,11}$/.test(epoch)) throw new ReleaseRejected('SOURCE_DATE_EPOCH must be seconds since 1970.');
  return Number(epoch);
}

async function makeParts(run: Run): Promise<ReadonlyMap<Part, string>> {
  const leftOut = new Map<Part, string>();
  const makers: Readonly<Record<Part, () => Promise<void>>> = {
    charts: () => packageCharts({ ...run, folder: run.out }),
    client: () => makeClient(run),
    plugin: () => makePlugin({ ...run, folder: run.out, repository: run.source.repository }),
    images: () => buildImages({ ...run, folder: run.out, commit: run.source.commit }),
  };
  for (const part of run.parts) {
    try {
      await makers[part]();
    } catch (error) {
      if (!(error instanceof PartLeftOut) || run.isComplete) throw error;
      leftOut.set(part, error.message);
    }
  }
  return leftOut;
}

/** Not by the name that npm gives it, which is that of the client's chart as well. */
async function makeClient({ out, version, time }: Run): Promise<void> {
  const place = await mkdtemp(join(tmpdir(), 'token-acquirer-client-'));
  try {
    const { file } = await packClient(place);
    const base = join(out, `token-acquirer-client-${version}.npm`);
    await copyFile(file, `${base}.tgz`);
    const bill = steadyBill(clientBill(version), time);
    await writeFile(`${base}.cdx.json`, `${JSON.stringify(bill, null, 2)}\n`);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function takeOver(folder: string, out: string): Promise<void> {
  const taken = new Set(await readdir(out));
  for (const name of await readdir(folder)) {
    if (OF_A_RUN.has(name)) continue;
    if (taken.has(name)) throw new ReleaseRejected(`${name} of ${folder} exists already: make that part only once.`);
    await copyFile(join(folder, name), join(out, name));
  }
}

async function writeStatement(run: Run): Promise<void> {
  const { source, startedAt, root, out, version, parts, environment } = run;
  const lock = createHash('sha256')
    .update(await readFile(join(root, 'package-lock.json')))
    .digest('hex');
  const artifacts = await artifactsIn(out);
  const images = new Map<string, string>();
  for (const { name } of artifacts.filter((one) => one.name.endsWith('.oci.tar'))) {
    images.set(name, await imageDigest(join(out, name)));
  }
  const parameters = { version, parts, sourceDateEpoch: run.time };
  const builder = builderOf(environment);
  const times = { startedAt, finishedAt: Date.now() };
  const statement = provenanceOf({ ...times, artifacts, images, source, builder, parameters, lockFileSha256: lock });
  await writeFile(join(out, PROVENANCE), `${JSON.stringify(statement, null, 2)}\n`);
}
