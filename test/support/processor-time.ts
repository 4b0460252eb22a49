/** Milliseconds that this process has worked so far. Work of other processes does not count, as it does with any clock. */
export function processorTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
