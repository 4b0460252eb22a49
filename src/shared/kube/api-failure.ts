import type { ErrorCode } from '../errors.ts';
import { CodedError } from '../errors.ts';
import { KubeError } from './kube-error.ts';
import type { RbacRule } from './rbac-rule.ts';
import { ruleText } from './rbac-rule.ts';

/** A request to the API server, described for errors that a pod's author reads. */
interface ApiOperation {
  /** The action that failed: `reading connector ci/harbor`. */
  readonly doing: string;
  /** The rule that the program's own role must have for it. Absent: the program's manifests contain it. */
  readonly needed?: RbacRule;
  /** Namespace of the Role that must have the rule. Absent: a ClusterRole must have it. */
  readonly roleNamespace?: string;
  /** Why the API server did not respond to the last call. */
  readonly problem?: KubeError | undefined;
  /** HTTP statuses with a specific meaning here, and the text after `failed: `. */
  readonly statusMappings?: Readonly<Record<number, StatusMapping>>;
}

export interface StatusMapping {
  readonly code: ErrorCode;
  /** @param message that of the API server. */
  readonly explain: (message: string) => string;
}

/**
 * Converts a failed request to the error that a pod's author reads. A permission that the driver lacks, and any other
 * 403, is for an operator to fix (FAILED_PRECONDITION). Failures that a retry can fix are UNAVAILABLE, also if the
 * caller's deadline passed first. Errors of the program itself are returned unchanged.
 */
export function apiFailure(error: unknown, operation: ApiOperation): CodedError {
  const { doing, problem } = operation;
  if (error instanceof KubeError) {
    const { code, text } = meaningOf(error, operation);
    return new CodedError(code, `${doing} failed: ${text}`, { cause: error });
  }
  // The deadline passed during a request to the API server: that is its failure, not the caller's.
  if (error instanceof CodedError && error.code === 'DEADLINE_EXCEEDED') {
    return new CodedError('UNAVAILABLE', `${doing} failed: ${noResponseText(problem)}`, { cause: error });
  }
  if (error instanceof CodedError) return error;
  return new CodedError('INTERNAL', `${doing} failed`, { cause: error });
}

/** Returns the text without the path, which is probably that of another call. */
function noResponseText(problem: KubeError | undefined): string {
  const why = problem === undefined ? '' : ` (${messageOf(problem)})`;
  return `the API server has not answered in time${why}`;
}

/** Returns the message without method and path. */
function messageOf({ message, path }: KubeError): string {
  return message.slice(path.length + 2);
}

function meaningOf(
  error: KubeError,
  { needed, roleNamespace, statusMappings }: ApiOperation,
): { readonly code: ErrorCode; readonly text: string } {
  const mapping = statusMappings?.[error.code];
  if (mapping !== undefined) return { code: mapping.code, text: mapping.explain(messageOf(error)) };
  if (error.code === 403) return { code: 'FAILED_PRECONDITION', text: explainForbidden(error, needed, roleNamespace) };
  return { code: 'UNAVAILABLE', text: explain(error) };
}

/** Explains a 403. Quotas, admission policies and terminating namespaces have the same code and reason as RBAC. */
function explainForbidden(error: KubeError, needed: RbacRule | undefined, roleNamespace: string | undefined): string {
  const message = messageOf(error);
  const { program } = error;
  if (needed !== undefined && !/ cannot \S+ resource /.test(message)) return `the API server rejected it: ${message}`;
  if (needed === undefined) {
    return `the ${program}'s own service account lacks a permission: apply the ${program}'s manifests again (${message})`;
  }
  // The rule comes last, ready to be copied.
  const role = roleNamespace === undefined ? 'ClusterRole' : `Role in namespace "${roleNamespace}"`;
  return `${message}; the ${program}'s own ${role} needs the rule ${ruleText(needed)}`;
}

function explain(error: KubeError): string {
  if (error.code === 0) return `the API server cannot be reached (${error.reason})`;
  if (error.code === 401) return `the API server does not accept the ${error.program}'s own token`;
  const answered = `the API server answered ${error.code} ${error.reason}`;
  // A complaint about the request helps the reader. The server's own problem is in its log.
  return error.code < 500 ? `${answered} (${messageOf(error)})` : answered;
}
