import { containerContext, selinuxProcessLabel } from '../../driver/host/selinux.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import { ok } from '../../shared/doctor/check-result.js';

/** Checks whether volumes get a label that containers can read. @param labelFile see `selinuxProcessLabel`. */
export function checkSelinux(labelFile?: string): CheckResult {
  const label = selinuxProcessLabel(labelFile);
  if (label === undefined) return ok('selinux', 'not active on this node, so that volumes need no label');
  return ok('selinux', `active (the driver runs as ${label}): volumes are labelled ${containerContext}`);
}
