import { realpathSync } from 'node:fs';
import { mountOf, readMountTable } from './mount-table.ts';
import type { Mount } from './mount-table.ts';

interface PropagationProblem {
  readonly what: string;
  readonly fix: string;
}

/**
 * Returns why the node does not see mounts in the kubelet's directory; undefined if it does. Without shared propagation
 * every publish would succeed, but every pod would find an empty directory.
 * @param podsDir `<kubelet dir>/pods`, which exists.
 */
export function propagationProblem(
  podsDir: string,
  table: readonly Mount[] = readMountTable(),
): PropagationProblem | undefined {
  const pods = realpathSync(podsDir);
  const mount = mountOf(pods, table);
  if (mount?.isShared === true) return undefined;
  return {
    what: `the mount at ${mount?.point ?? pods} is not shared, so that no pod would see what the driver mounts there`,
    fix: 'the container needs mountPropagation: Bidirectional for this directory, and on the node it has to be a shared mount (mount --make-rshared /)',
  };
}
