import { ControlPlane } from './control-plane.ts';
import { needsKubernetes } from './installed.ts';

let running: Promise<ControlPlane> | undefined;

// Outside of all suites: at the end of the process.
after(async () => {
  if (running !== undefined) await (await running).stop();
});

/**
 * Registers a hook of the suite that starts a control plane for all suites of this process, or skips the suite where its
 * programs are not installed. Suites remove what they have put there.
 *
 * @returns what returns it, in tests.
 */
export function sharedControlPlane(): () => ControlPlane {
  let plane: ControlPlane | undefined;
  before(async function () {
    needsKubernetes.call(this);
    running ??= ControlPlane.start();
    plane = await running;
  });
  return () => plane!;
}
