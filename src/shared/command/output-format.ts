import { printable } from '../message-text.ts';
import { flag, oneOf, parseFlags } from '../process/flags.ts';

export type OutputFormat = 'table' | 'json';

/** The flag `--output` of commands that print results. */
export const outputFlag = flag('table', 'FORMAT', 'table or json', oneOf<OutputFormat>(['table', 'json']));

/**
 * Takes the flag out of arguments whose other flags another program has.
 * @returns the format, and the other arguments. @throws {UsageError}
 */
export function takeOutput(args: readonly string[]): readonly [OutputFormat, readonly string[]] {
  const at = args.findIndex((arg) => /^--output(?:=|$)/.test(arg));
  if (at === -1) return ['table', args];
  const length = args[at] === '--output' ? 2 : 1;
  const { output } = parseFlags({ output: outputFlag }, args.slice(at, at + length), {});
  return [output, args.toSpliced(at, length)];
}

/** Returns results as JSON for programs. */
export function printableJson(found: readonly unknown[]): string {
  const lines = JSON.stringify(found, undefined, 2).split('\n');
  return `${lines.map(printable).join('\n')}\n`;
}
