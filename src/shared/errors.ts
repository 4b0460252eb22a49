/**
 * The gRPC status names that the driver returns, as @grpc/grpc-js writes them. After most of them
 * ("final" in docs/dev/architecture.md) the kubelet may never call again, so the driver must undo its own work before.
 */
export const errorCodes = [
  'CANCELLED',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/**
 * A failure with a code for the kubelet and a message for the pod's author, shown by `kubectl describe pod`. The
 * message is one line that names the object and the fix, and no secret. Details for operators go into `cause`, which is
 * logged.
 */
export class CodedError extends Error {
  override readonly name = 'CodedError';
  readonly code: ErrorCode;
  /** Whether an authorizer has denied access, as opposed to not having responded. */
  readonly isDenial: boolean;

  constructor(code: ErrorCode, message: string, options: CodedErrorOptions = {}) {
    super(inOneLine(message), options);
    this.code = code;
    this.isDenial = options.isDenial === true;
  }
}

interface CodedErrorOptions extends ErrorOptions {
  readonly isDenial?: boolean;
}

/** Replaces line breaks, and the white space around them, with spaces. Takes linear time, also for hostile input. */
export function inOneLine(text: string): string {
  const lines = text.split(/[\r\n\u2028\u2029]/);
  if (lines.length === 1) return text;
  const trimmed = lines.map((line) => line.trim());
  return trimmed.filter((line) => line !== '').join(' ');
}

/** Returns a CodedError unchanged, and converts any other error to INTERNAL with the message `summary`. */
export function toCodedError(error: unknown, summary: string): CodedError {
  return error instanceof CodedError ? error : new CodedError('INTERNAL', summary, { cause: error });
}

/** Returns the result of `work`, or the CodedError that it throws. @throws other errors of `work`. */
export function orCodedError<T>(work: () => T): T | CodedError {
  try {
    return work();
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
}

/** Returns a result. @throws {CodedError} the result if it is one. */
export function orThrow<T>(result: T | CodedError): T {
  if (result instanceof CodedError) throw result;
  return result;
}

/**
 * Converts an aborted signal to the error of an RPC.
 * @returns the signal's reason if it is a CodedError (a deadline, a shutdown), else CANCELLED.
 */
export function abortError(signal: Pick<AbortSignal, 'reason'>): CodedError {
  const reason: unknown = signal.reason;
  return reason instanceof CodedError
    ? reason
    : new CodedError('CANCELLED', 'the caller gave up waiting for this call', { cause: reason });
}

/** Throws if the call has been cancelled. Called after every await before the mount. @throws {CodedError} */
export function throwIfAborted(signal: Pick<AbortSignal, 'aborted' | 'reason'>): void {
  if (signal.aborted) throw abortError(signal);
}
