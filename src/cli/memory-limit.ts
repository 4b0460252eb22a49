import os from 'node:os';
import { constrainedMemory } from 'node:process';

/** Returns the memory limit of the process's container in bytes; undefined without one, for which Node has a huge number. */
export function memoryLimit(): number | undefined {
  const limitBytes = constrainedMemory();
  return limitBytes > 0 && limitBytes <= os.totalmem() ? limitBytes : undefined;
}
