import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The flags that the program was given which runs `command` as the first process of this container: `kubectl exec` has its
 * environment, but not its arguments. Empty where that is another one, or hidden.
 */
export function runningArguments(command: 'serve' | 'proxy'): readonly string[] {
  return argumentsOf(firstProcess(), command);
}

/** What follows the command in a command line of this program; empty in any other. */
export function argumentsOf(commandLine: readonly string[], command: string): readonly string[] {
  const index = commandLine.indexOf(command);
  const isOurs = index > 0 && path.basename(commandLine[index - 1] ?? '') === 'main.js';
  return isOurs ? commandLine.slice(index + 1) : [];
}

function firstProcess(): readonly string[] {
  try {
    return readFileSync('/proc/1/cmdline', 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}
