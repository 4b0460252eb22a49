/** Result of one check: a line of the report. */
export interface CheckResult {
  readonly level: 'ok' | 'warn' | 'fail';
  /** Subject of the check, one or two words. */
  readonly check: string;
  /** The finding, and after it, unless it is `ok`, the fix. */
  readonly text: string;
}

export function ok(check: string, text: string): CheckResult {
  return { level: 'ok', check, text };
}

export function warn(check: string, problem: string, fix: string): CheckResult {
  return { level: 'warn', check, text: `${problem}: ${fix}` };
}

export function fail(check: string, problem: string, fix: string): CheckResult {
  return { level: 'fail', check, text: `${problem}: ${fix}` };
}

/** Returns the result of a check that failed to read from the API server. */
export function unchecked(check: string, error: unknown, problem = 'cannot be checked'): CheckResult {
  return fail(
    check,
    `${problem}: ${reasonOf(error)}`,
    'fix the lines about the API server and about permissions first',
  );
}

/** Returns the result as one line, whatever line breaks its text has. */
export function asLine({ level, check, text }: CheckResult): string {
  return `${level.padEnd(5)} ${check.padEnd(14)} ${text.replaceAll(/(?<!\s)\s*[\r\n]+\s*/g, ' ').trim()}\n`;
}

/** Returns the message with that of its cause, unless it contains that already. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause.message : '';
  return error.message.includes(cause) ? error.message : `${error.message} (${cause})`;
}

/** Writes the results. @returns the exit status. */
export function report(results: readonly CheckResult[], write: (text: string) => void): number {
  write(results.map(asLine).join(''));
  return results.some(({ level }) => level === 'fail') ? 1 : 0;
}
