/** A cgroup without a limit has a number that no machine has. */
const NONE = 2 ** 50;

/**
 * Returns the memory in bytes that the kernel lets this process use: the limit of its cgroup, version 1 or 2, or of the one
 * around it. `undefined` where there is none.
 */
export function memoryLimit(): number | undefined {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < NONE ? limit : undefined;
}
