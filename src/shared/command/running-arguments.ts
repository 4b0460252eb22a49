import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Returns the arguments of the program that runs `command` as the first process of this container: `kubectl exec` gets
 * its environment, but not its arguments. Empty if that is another program, or hidden.
 */
export function runningArguments(command: 'serve' | 'proxy'): readonly string[] {
  return argumentsOf(firstProcess(), command);
}

/** Returns the arguments after the command in a command line of this program; empty for any other. */
export function argumentsOf(commandLine: readonly string[], command: string): readonly string[] {
  const at = commandLine.findIndex((word) => path.basename(word) === 'main.js');
  return at >= 0 && commandLine[at + 1] === command ? commandLine.slice(at + 2) : [];
}

function firstProcess(): readonly string[] {
  try {
    return readFileSync('/proc/1/cmdline', 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}
