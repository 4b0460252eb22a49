import { kubeTimings } from '../../../src/shared/kube/timings.ts';
import type { KubeTimings } from '../../../src/shared/kube/timings.ts';

/** The driver's times with everything that only tests would wait for made short. */
export const quickTimings: KubeTimings = {
  ...kubeTimings,
  // Now and then Node does not see the end of a connection that comes after GOAWAY. The next ping closes it.
  pingIntervalMs: 2_000,
  dialBaseMs: 4,
  dialCapMs: 40,
  retryBaseMs: 4,
  retryCapMs: 40,
  watchBaseMs: 4,
  watchCapMs: 40,
  watchFirstCapMs: 40,
};
