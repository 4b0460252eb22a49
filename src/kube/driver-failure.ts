import { DriverError } from '../errors.js';
import { KubeError } from './kube-error.js';

/**
 * What a failed request means to a pod that needs its answer: a right that the driver itself lacks is for an operator to
 * mend (FAILED_PRECONDITION, as in access/api-failure.ts), whatever waiting may mend is UNAVAILABLE.
 * @param doing what could not be done, such as `reading connector ci/harbor`.
 * @param problem see `unanswered`.
 */
export function driverFailure(error: unknown, doing: string, problem?: KubeError): DriverError {
  if (error instanceof KubeError) {
    const code = error.code === 403 ? 'FAILED_PRECONDITION' : 'UNAVAILABLE';
    return new DriverError(code, `${doing} failed: ${explain(error)}`, { cause: error });
  }
  // The call's time ran out while the API server was asked: that is the API server's failure, not the caller's.
  if (error instanceof DriverError && error.code === 'DEADLINE_EXCEEDED') {
    return new DriverError('UNAVAILABLE', `${doing} failed: ${unanswered(problem)}`, { cause: error });
  }
  if (error instanceof DriverError) return error;
  return new DriverError('INTERNAL', `${doing} failed`, { cause: error });
}

/**
 * For callers whose own time ran out before a call's.
 * @param problem why the API server did not answer when it was last asked.
 */
export function unanswered(problem: KubeError | undefined): string {
  // Without the path: that is of another call, as like as not.
  const why = problem === undefined ? '' : ` (${problem.message.slice(problem.path.length + 2)})`;
  return `the API server has not answered in time${why}`;
}

function explain(error: KubeError): string {
  if (error.code === 0) return `the API server cannot be reached (${error.reason})`;
  if (error.code === 401) return "the API server does not accept the driver's own token";
  if (error.code === 403) {
    return `the driver's own service account may not do that: apply the driver's manifests again (${error.message})`;
  }
  return `the API server answered ${error.code} ${error.reason}`;
}
