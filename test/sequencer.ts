import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { cacheFolder } from './real/install/cache.ts';

/** Files that compute, each at a time on a core. */
const COMPUTING = availableParallelism();
/** Files of the project `cluster`. A third one would only make all files slower: the processor is busy with two. */
const WAITING = 2;

/** How many files run at a time. */
export const WORKERS = COMPUTING + WAITING;

/** How long the longest files take on two busy cores, in seconds. Only the order of the files depends on it. */
const SECONDS: Readonly<Record<string, number>> = {
  'test/charts/agreement.test.ts': 130,
  'test/charts/documents.test.ts': 60,
  'test/charts/firing-alerts.test.ts': 90,
  'test/charts/notes.test.ts': 90,
  'test/charts/schema.test.ts': 100,
  'test/charts/templates.test.ts': 80,
  'test/closing-line.test.ts': 45,
  'test/conformance/conformance.test.ts': 90,
  'test/conformance/real-acquirer.test.ts': 60,
  'test/e2e/acquirer.test.ts': 90,
  'test/e2e/attacks.test.ts': 25,
  'test/e2e/check.test.ts': 35,
  'test/e2e/cluster-arguments.test.ts': 40,
  'test/e2e/crash-loop.test.ts': 50,
  'test/e2e/credential-check.test.ts': 120,
  'test/e2e/demo-ends.test.ts': 140,
  'test/e2e/demo-page.test.ts': 100,
  'test/e2e/demo.test.ts': 65,
  'test/e2e/endurance.test.ts': 90,
  'test/e2e/foreign-hands.test.ts': 35,
  'test/e2e/floods.test.ts': 40,
  'test/e2e/many-tokens.test.ts': 50,
  'test/e2e/rejected-tokens.test.ts': 105,
  'test/e2e/status-page.test.ts': 60,
  'test/e2e/steady-calls.test.ts': 45,
  'test/e2e/terminal.test.ts': 40,
  'test/e2e/token-command.test.ts': 30,
  'test/faults/fast/authorization-server.test.ts': 40,
  'test/faults/fast/hanging-server.test.ts': 30,
  'test/faults/fast/process.test.ts': 60,
  'test/faults/fast/rejected-tokens.test.ts': 50,
  'test/faults/fast/token-answers.test.ts': 30,
  'test/integration/client-package.test.ts': 30,
  'test/integration/protocols.test.ts': 30,
  'test/launch.test.ts': 25,
  'test/leak-search.test.ts': 50,
  'test/real/api-gateways.test.ts': 25,
  'test/real/gateways.test.ts': 60,
  'test/real/keycloak.test.ts': 150,
  'test/real/keystone.test.ts': 40,
  'test/real/programs.test.ts': 40,
  'test/real/sidecar/protocols.test.ts': 40,
  'test/real/sidecar/recovery.test.ts': 45,
  'test/real/sidecar/smuggling.test.ts': 25,
  'test/real/sidecar/with-acquirer.test.ts': 35,
  // In the cluster.
  'test/charts/client-chart.test.ts': 120,
  'test/charts/doctor.test.ts': 120,
  'test/charts/helm-test.test.ts': 300,
  'test/charts/lifecycle.test.ts': 180,
  'test/charts/replicas.test.ts': 300,
  'test/charts/shard-changes.test.ts': 300,
  'test/charts/network-policy.test.ts': 250,
  'test/charts/terminal.test.ts': 160,
  'test/charts/plugin.test.ts': 60,
  'test/cluster/access-token-policy.test.ts': 300,
  'test/cluster/access-token-states.test.ts': 150,
  'test/cluster/access-tokens-many.test.ts': 150,
  'test/cluster/access-tokens.test.ts': 260,
  'test/cluster/bad-input.test.ts': 130,
  'test/cluster/evidence.test.ts': 90,
  'test/cluster/example-restarts.test.ts': 400,
  'test/cluster/example.test.ts': 350,
  'test/cluster/mistakes.test.ts': 200,
  'test/cluster/repair.test.ts': 110,
  'test/cluster/secret-stores.test.ts': 110,
  'test/cluster/sidecar.test.ts': 180,
  'test/cluster/tutorial.test.ts': 80,
  'test/cluster/upgrades.test.ts': 330,
};
const COMPUTING_SECONDS = 4;
const WAITING_SECONDS = 60;

/** How long the preparation of a cluster takes where nothing is cached. */
const PREPARATION_SECONDS = 8 * 60;

/** Compiles Envoy Gateway with a low priority where it is not cached, and so mostly waits. */
const COMPILING = 'test/real/api-gateways.test.ts';
const COMPILING_SECONDS = 10 * 60;

interface Lane<File> {
  readonly files: readonly File[];
  readonly workers: number;
  /** In seconds, until its first file can start. */
  readonly delay: number;
}

/**
 * Puts the files of several lanes in one order, so that workers that always take the next file keep all lanes busy: by
 * the time at which each file would start if its lane had its own workers. In each lane the longest files come first.
 */
export function inOneOrder<File>(lanes: readonly Lane<File>[], secondsOf: (file: File) => number): File[] {
  return lanes
    .flatMap((lane) => startsIn(lane, secondsOf))
    .toSorted((one, other) => one.start - other.start)
    .map(({ file }) => file);
}

function startsIn<File>({ files, workers, delay }: Lane<File>, secondsOf: (file: File) => number) {
  const free = Array.from({ length: workers }, () => delay);
  return files
    .toSorted((one, other) => secondsOf(other) - secondsOf(one))
    .map((file) => {
      const start = Math.min(...free);
      free[free.indexOf(start)] = start + secondsOf(file);
      return { file, start };
    });
}

/** Keeps the cores busy while other test files wait for the cluster. */
export class LaneSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const nameOf = ({ moduleId }: TestSpecification): string => relative(this.ctx.config.root, moduleId);
    const compiles = (file: TestSpecification): boolean => nameOf(file) === COMPILING && !isCached('envoy-gateway-');
    const waits = (file: TestSpecification): boolean => file.project.name === 'cluster' || compiles(file);
    // Compiling Kubernetes takes most of the preparation.
    const delay = isCached('kubernetes-') ? 0 : PREPARATION_SECONDS;
    const lanes = [
      { files: sorted.filter((file) => !waits(file)), workers: COMPUTING, delay: 0 },
      { files: sorted.filter(waits), workers: WAITING, delay },
    ];
    return inOneOrder(lanes, (file) => {
      if (compiles(file)) return COMPILING_SECONDS;
      return SECONDS[nameOf(file)] ?? (waits(file) ? WAITING_SECONDS : COMPUTING_SECONDS);
    });
  }
}

/** Whether an earlier run on this machine installed a program in a folder of this name. */
function isCached(beginning: string): boolean {
  const cache = cacheFolder();
  return existsSync(cache) && readdirSync(cache).some((name) => name.startsWith(beginning));
}
