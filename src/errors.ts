/** The gRPC status names that the driver answers with. csi/status.ts maps each to its number. */
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
 * After these the kubelet assumes that the volume may be mounted: it retries, and it will call unpublish. After every
 * other code ("final") it may never come back, so the driver must have undone its own work before it answers.
 */
const nonFinalCodes: ReadonlySet<ErrorCode> = new Set([
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'UNAVAILABLE',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
]);

export function isFinal(code: ErrorCode): boolean {
  return !nonFinalCodes.has(code);
}

/** What a failure is about, where its code does not tell it from others. */
export type FailureReason = 'approval pending' | 'not reconciled' | 'no configuration';

/**
 * A failure with a code for the kubelet and a message for the pod's author, who reads it in `kubectl describe pod`:
 * one line that names the thing and the fix, and no secret. What only an operator can use goes into `cause`, which is logged.
 */
export class CodedError extends Error {
  override readonly name = 'CodedError';
  readonly code: ErrorCode;
  /** Whether who decides about access has said no; not that nobody could be asked. */
  readonly isRefusal: boolean;
  readonly reason: FailureReason | undefined;

  constructor(code: ErrorCode, message: string, options: CodedErrorOptions = {}) {
    super(inOneLine(message), options);
    this.code = code;
    this.isRefusal = options.isRefusal === true;
    this.reason = options.reason;
  }

  /** The same failure with `context: ` before its message; keeps the code and the chain of causes. */
  within(context: string): CodedError {
    return new CodedError(this.code, `${context}: ${this.message}`, {
      cause: this,
      isRefusal: this.isRefusal,
      reason: this.reason,
    });
  }
}

export interface CodedErrorOptions extends ErrorOptions {
  readonly isRefusal?: boolean;
  readonly reason?: FailureReason | undefined;
}

/** The text with blanks for its line breaks and what surrounds them; in a time that grows as its length, whoever wrote it. */
export function inOneLine(text: string): string {
  const lines = text.split(/[\r\n\u2028\u2029]/);
  if (lines.length === 1) return text;
  const trimmed = lines.map((line) => line.trim());
  return trimmed.filter((line) => line !== '').join(' ');
}

/** `error` as it is when it is a CodedError already; anything else is INTERNAL with `summary` as its message. */
export function toCodedError(error: unknown, summary: string): CodedError {
  return error instanceof CodedError ? error : new CodedError('INTERNAL', summary, { cause: error });
}

/**
 * What an aborted signal means to the caller of an RPC.
 * @returns the signal's reason when it is a CodedError (a deadline, a shutdown), else CANCELLED.
 */
export function abortError(signal: Pick<AbortSignal, 'reason'>): CodedError {
  const reason: unknown = signal.reason;
  return reason instanceof CodedError
    ? reason
    : new CodedError('CANCELLED', 'the caller gave up waiting for this call', { cause: reason });
}

/** Throws when the call is no longer wanted. Called after every await on the way to the mount. */
export function throwIfAborted(signal: Pick<AbortSignal, 'aborted' | 'reason'>): void {
  if (signal.aborted) throw abortError(signal);
}
