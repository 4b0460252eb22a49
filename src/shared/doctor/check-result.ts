import { styleText } from 'node:util';
import type { CommandContext } from '../command/command.ts';
import { printableJson } from '../command/output-format.ts';
import type { OutputFormat } from '../command/output-format.ts';
import { wrapped } from '../message-text.ts';

type Terminal = Pick<CommandContext, 'stdout' | 'columns'>;

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

const colors = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

/** Returns the result as one line, whatever line breaks its text has. */
export function asLine({ level, check, text }: CheckResult): string {
  return `${level.padEnd(5)} ${check.padEnd(14)} ${text.replaceAll(/(?<!\s)\s*[\r\n]+\s*/g, ' ').trim()}\n`;
}

/** Characters before the text in a line. */
const head = 21;

/** Returns the result for a terminal of this width, with colors and in lines of whole words; one line without a width. */
export function shown(result: CheckResult, columns: number | undefined): string {
  const line = asLine(result);
  if (columns === undefined) return line;
  const { level } = result;
  const lines = wrapped(line.slice(head).trimEnd(), Math.max(columns, 60) - head);
  return `${styleText(colors[level], level)}${line.slice(level.length, head)}${lines.join(`\n${' '.repeat(head)}`)}\n`;
}

/** Returns the message with that of its cause, unless it contains that already. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause.message : '';
  return error.message.includes(cause) ? error.message : `${error.message} (${cause})`;
}

/** Writes the results. @returns the exit status. */
export function report(results: readonly CheckResult[], output: OutputFormat, { stdout, columns }: Terminal): number {
  stdout(output === 'json' ? printableJson(results) : results.map((each) => shown(each, columns)).join(''));
  return results.some(({ level }) => level === 'fail') ? 1 : 0;
}
