import type { Syscalls } from '../../driver/host/syscalls.js';
import { TmpfsMaker } from '../../driver/host/tmpfs.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import { fail, ok, warn } from '../../shared/doctor/check-result.js';

/** Checks that this container can mount, without leaving a mount, and that its mounts stay out of swap. */
export function checkMounting(syscalls: Syscalls): readonly CheckResult[] {
  const maker = new TmpfsMaker(syscalls);
  const problem = maker.problem();
  if (problem !== undefined) return [fail('mount', 'no volume can be mounted', problem)];
  const isDetached = maker.method() === 'detached';
  return [
    ok('mount', isDetached ? 'a tmpfs can be mounted' : 'a tmpfs can be mounted, in the way of kernels before 5.2'),
    maker.hasNoswap
      ? ok('noswap', 'tokens never reach swap')
      : warn(
          'noswap',
          'this kernel has no tmpfs without swap, so tokens may be written to the swap space of the node',
          'turn swap off or encrypt it, or use Linux 6.4 and later',
        ),
  ];
}
