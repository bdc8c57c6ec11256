import { outputOf } from '../../cluster/command.ts';
import type { Row } from '../benchmark.ts';
import { bytes } from '../report/numbers.ts';
import { median } from '../statistics.ts';
import type { ClusterPlace } from './cluster-place.ts';

const IMAGES = ['token-acquirer:0.1.0', 'client-app:0.1.0'];
const LARGEST_IMAGE = 60_000_000;
const IMAGE_PATIENCE = 120_000;

const MIB = 1024 * 1024;
/** What to find a pod's process by, and the memory that its manifest requests. */
const PODS = [
  { name: 'token-acquirer', program: '/app/token-acquirer.cjs', request: 64 * MIB },
  { name: 'client app', program: '/app/client-app.mjs', request: 48 * MIB },
];
const SAMPLES = 5;

/** As `docker save` writes them, through gzip. */
export async function imageRows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const tag of IMAGES) {
    const args = ['-o', 'pipefail', '-c', 'docker save "$1" | gzip | wc -c', 'size', tag];
    const size = Number(await outputOf({ label: `size of ${tag}`, program: 'bash', args, timeout: IMAGE_PATIENCE }));
    rows.push({
      name: `image ${tag.split(':')[0]}, compressed`,
      ours: bytes(size),
      reference: `${bytes(LARGEST_IMAGE)} (goal)`,
      ratio: size / LARGEST_IMAGE,
      goal: { text: `≤ ${bytes(LARGEST_IMAGE)}`, ratio: 1, met: size <= LARGEST_IMAGE },
    });
  }
  return rows;
}

export async function memoryRows({ node }: ClusterPlace): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, program, request } of PODS) {
    const pid = (await node.exec(['pgrep', '--newest', '--full', program])).trim();
    const samples: { anonymous: number; proportional: number }[] = [];
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const text = await node.exec(['cat', `/proc/${pid}/status`, `/proc/${pid}/smaps_rollup`]);
      const kilobytes = (pattern: RegExp): number => Number(pattern.exec(text)?.[1]) * 1024;
      samples.push({ anonymous: kilobytes(/^RssAnon:\s+(\d+)/m), proportional: kilobytes(/^Pss:\s+(\d+)/m) });
    }
    const anonymous = median(samples.map((sample) => sample.anonymous));
    const proportional = median(samples.map((sample) => sample.proportional));
    rows.push({
      name: `memory of the ${name}'s pod`,
      ours: `${bytes(anonymous)}, PSS ${bytes(proportional)}`,
      reference: `${bytes(request)} (requested)`,
      ratio: anonymous / request,
    });
  }
  return rows;
}
