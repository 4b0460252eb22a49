import type { ErrorCode } from '../errors.js';
import { CodedError } from '../errors.js';
import { KubeError } from './kube-error.js';
import type { RbacRule } from './rbac-rule.js';
import { ruleText } from './rbac-rule.js';

/** What was asked of the API server, for what its failure means to the pod that needs the answer. */
export interface ApiOperation {
  /** What could not be done: `reading connector ci/harbor`. */
  readonly doing: string;
  /** The rule that the program's own role must have for it; absent: its manifests have it. */
  readonly needed?: RbacRule;
  /** Of the Role that has that rule; absent: it is a ClusterRole. */
  readonly roleNamespace?: string;
  /** Why the API server did not answer when it was last asked. */
  readonly problem?: KubeError | undefined;
  /** HTTP statuses that mean something of their own here, with what to say after `failed: `. */
  readonly statusMappings?: Readonly<Record<number, StatusMapping>>;
}

export interface StatusMapping {
  readonly code: ErrorCode;
  /** @param answer the message of the API server. */
  readonly explain: (answer: string) => string;
}

/**
 * The one policy from failed requests to what a pod is told: a right that the driver itself lacks, and whatever else is
 * forbidden, is for an operator to mend (FAILED_PRECONDITION); all that waiting may mend is UNAVAILABLE, also when the
 * caller's own time was over first. Failures that are the program's own stay as they are.
 */
export function apiFailure(error: unknown, question: ApiOperation): CodedError {
  const { doing, problem } = question;
  if (error instanceof KubeError) {
    const { code, text } = meaningOf(error, question);
    return new CodedError(code, `${doing} failed: ${text}`, { cause: error });
  }
  // The call's time ran out while the API server was asked: that is the API server's failure, not the caller's.
  if (error instanceof CodedError && error.code === 'DEADLINE_EXCEEDED') {
    return new CodedError('UNAVAILABLE', `${doing} failed: ${unanswered(problem)}`, { cause: error });
  }
  if (error instanceof CodedError) return error;
  return new CodedError('INTERNAL', `${doing} failed`, { cause: error });
}

/** Without the path: that is of another call, as like as not. */
function unanswered(problem: KubeError | undefined): string {
  const why = problem === undefined ? '' : ` (${answerOf(problem)})`;
  return `the API server has not answered in time${why}`;
}

/** The message without method and path. */
function answerOf({ message, path }: KubeError): string {
  return message.slice(path.length + 2);
}

function meaningOf(
  error: KubeError,
  { needed, roleNamespace, statusMappings: refusals }: ApiOperation,
): { readonly code: ErrorCode; readonly text: string } {
  const refusal = refusals?.[error.code];
  if (refusal !== undefined) return { code: refusal.code, text: refusal.explain(answerOf(error)) };
  if (error.code === 403) return { code: 'FAILED_PRECONDITION', text: explainForbidden(error, needed, roleNamespace) };
  return { code: 'UNAVAILABLE', text: explain(error) };
}

/** Quotas, admission policies and namespaces that are being deleted refuse with the same code and reason. */
function explainForbidden(error: KubeError, needed: RbacRule | undefined, roleNamespace: string | undefined): string {
  const answer = answerOf(error);
  const { asker } = error;
  if (needed !== undefined && !/ cannot \S+ resource /.test(answer)) return `the API server refused it: ${answer}`;
  if (needed === undefined) {
    return `the ${asker}'s own service account may not do that: apply the ${asker}'s manifests again (${answer})`;
  }
  // The rule comes last, to be copied.
  const role = roleNamespace === undefined ? 'ClusterRole' : `Role in namespace "${roleNamespace}"`;
  return `${answer}; the ${asker}'s own ${role} needs the rule ${ruleText(needed)}`;
}

function explain(error: KubeError): string {
  if (error.code === 0) return `the API server cannot be reached (${error.reason})`;
  if (error.code === 401) return `the API server does not accept the ${error.asker}'s own token`;
  const answered = `the API server answered ${error.code} ${error.reason}`;
  // What it does not like about the request is worth knowing; what ails itself is in the log.
  return error.code < 500 ? `${answered} (${answerOf(error)})` : answered;
}
