import { printable } from '../message-text.ts';
import { flag, oneOf } from '../process/flags.ts';

export type OutputFormat = 'table' | 'json';

/** The flag `--output` of commands that print results. */
export const outputFlag = flag('table', 'FORMAT', 'table or json', oneOf<OutputFormat>(['table', 'json']));

/** Returns results as JSON for programs. */
export function printableJson(found: readonly unknown[]): string {
  const lines = JSON.stringify(found, undefined, 2).split('\n');
  return `${lines.map(printable).join('\n')}\n`;
}
