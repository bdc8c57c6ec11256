/**
 * Returns the processor time of a computation in milliseconds. On a busy machine, that is far less than the elapsed
 * time.
 */
export function cpuTimeOf(compute: () => void): number {
  const before = process.cpuUsage();
  compute();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
