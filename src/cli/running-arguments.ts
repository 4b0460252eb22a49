import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The flags that the program was given which runs `command` as the first process of this container: `kubectl exec` has its
 * environment, but not its arguments. Empty where that is another one, or hidden.
 */
export function runningArguments(command: 'serve' | 'proxy'): readonly string[] {
  return argumentsOf(firstProcess(), command);
}

/** The command that this program runs as the first process of this container; undefined where that is another program. */
export function runningCommand(): string | undefined {
  return wordsAfterProgram(firstProcess())[0];
}

/** What follows the command in a command line of this program; empty in any other. */
export function argumentsOf(commandLine: readonly string[], command: string): readonly string[] {
  const [found, ...rest] = wordsAfterProgram(commandLine);
  return found === command ? rest : [];
}

function wordsAfterProgram(commandLine: readonly string[]): readonly string[] {
  const at = commandLine.findIndex((word) => path.basename(word) === 'main.js');
  return at < 0 ? [] : commandLine.slice(at + 1);
}

function firstProcess(): readonly string[] {
  try {
    return readFileSync('/proc/1/cmdline', 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}
