import { DriverError } from '../errors.js';
import { unanswered } from '../kube/driver-failure.js';
import { KubeError } from '../kube/kube-error.js';
import { ruleText } from './permission.js';
import type { RbacRule } from './permission.js';

/**
 * What a failed request to the API server means for a publish: a right that the driver itself lacks, or what else is
 * forbidden, is for an operator to mend (FAILED_PRECONDITION), everything else may be better at the next try
 * (UNAVAILABLE), also when the caller's own time is over first. What is neither stays as it is.
 * @param what could not be done, to follow "cannot".
 * @param needed the rule that the driver's own role must have.
 * @param problem why the API server did not answer when it was last asked.
 */
export function apiFailure(error: unknown, what: string, needed: RbacRule, problem?: KubeError): unknown {
  // The caller's time ran out while the API server was asked: that is the API server's failure, not the caller's.
  if (error instanceof DriverError && error.code === 'DEADLINE_EXCEEDED') {
    return new DriverError('UNAVAILABLE', `cannot ${what} now: ${unanswered(problem)}`, { cause: error });
  }
  if (!(error instanceof KubeError)) return error;
  if (error.code !== 403) {
    return new DriverError('UNAVAILABLE', `cannot ${what} now: ${error.message}`, { cause: error });
  }
  const advice = isMissingRule(error) ? `; the driver's own ClusterRole needs the rule ${ruleText(needed)}` : '';
  return new DriverError('FAILED_PRECONDITION', `cannot ${what}: ${error.message}${advice}`, { cause: error });
}

/** Quotas, admission policies and namespaces that are being deleted refuse with the same code and reason. */
function isMissingRule({ message }: KubeError): boolean {
  return / cannot \S+ resource /.test(message);
}
