const MEBIBYTE = 1024 * 1024;
/** With one token, its listeners and their connections. */
const BASE = 96;
/** For each 1,000 tokens: 13 MiB are in use, V8 needs twice as much, and a start reads the configuration as well. */
const PER_THOUSAND = 40;

/** How much memory a process with so many tokens needs, in bytes. Measured with tokens of 1.2 kB in Secrets. */
export function memoryNeed(tokens: number): number {
  return Math.ceil(BASE + (PER_THOUSAND * tokens) / 1000) * MEBIBYTE;
}

/** A warning where the process may use less memory than its tokens need. `limit` in bytes; `undefined`: none is known. */
export function memoryWarning(tokens: number, limit: number | undefined): string | undefined {
  const need = memoryNeed(tokens);
  if (limit === undefined || limit >= need) return undefined;
  const [wanted, given] = [need, limit].map((bytes) => Math.floor(bytes / MEBIBYTE));
  return `${tokens} tokens need about ${wanted} MiB of memory, but this process may use ${given} MiB. It may be ended before it has stored them. Raise the memory limit (of the chart: resources.limits.memory).`;
}
