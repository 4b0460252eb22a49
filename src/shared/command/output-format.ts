import { printable } from '../message-text.js';
import { flag, oneOf, parseFlags } from '../process/flags.js';

export type OutputFormat = 'table' | 'json';

/** The flag `--output` of commands that print results. */
export const outputFlag = flag('table', 'FORMAT', 'table or json', oneOf<OutputFormat>(['table', 'json']));

/** Removes `--output` from the arguments of a command whose other flags are another program's. @throws {UsageError} */
export function takeOutput(args: readonly string[]): {
  readonly output: OutputFormat;
  readonly rest: readonly string[];
} {
  const at = args.findIndex((arg) => arg === '--output' || arg.startsWith('--output='));
  if (at < 0) return { output: 'table', rest: args };
  const length = args[at] === '--output' ? 2 : 1;
  const { output } = parseFlags({ output: outputFlag }, args.slice(at, at + length), {});
  return { output, rest: args.toSpliced(at, length) };
}

/** Returns results as JSON for programs. */
export function printableJson(found: readonly unknown[]): string {
  const lines = JSON.stringify(found, undefined, 2).split('\n');
  return `${lines.map(printable).join('\n')}\n`;
}
