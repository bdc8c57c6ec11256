/** What a computation takes of the processor, in milliseconds: on a busy machine, far less than passes meanwhile. */
export function cpuTimeOf(compute: () => void): number {
  const before = process.cpuUsage();
  compute();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
