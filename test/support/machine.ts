import { availableParallelism, loadavg } from 'node:os';

const OLDEST_NODE = 24;

/** Returns why the tests do not run on this Node, or `undefined` if they do. */
export function refusalOf(nodeVersion: string): string | undefined {
  if (Number(nodeVersion.split('.')[0]) >= OLDEST_NODE) return undefined;
  return `The tests need Node ${OLDEST_NODE} or later, and this is Node ${nodeVersion}. Start them by \`npm test\`, which uses the Node that \`npm ci\` installed.`;
}

/** Describes the machine of a run, so that its log explains a slow or odd one. */
export function machineText(): string {
  const load = loadavg()
    .map((average) => average.toFixed(1))
    .join(', ');
  return `Node ${process.version} on ${process.platform} ${process.arch}, ${availableParallelism()} cores, load ${load}.`;
}
