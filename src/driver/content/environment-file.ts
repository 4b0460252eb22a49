import { CodedError } from '../../shared/errors.ts';
import { driverLimits } from '../limits.ts';
import { fileNameProblem } from '../syntax/file-name.ts';
import { variableProblem } from '../syntax/environment-variable.ts';

const { variables: maxVariables } = driverLimits.volume;
const tooMany = `a file has at most ${maxVariables} variables`;

/** Reports whether `activate` exports the variables in the file. */
export function isEnvironmentFile(name: string): boolean {
  return name.endsWith('.environment');
}

/**
 * Checks a file of variables for `activate`: lines `VARIABLE=value`, `VARIABLE=./FILE` and `VARIABLE=OPTION=./FILE`.
 *
 * Values can come from a Connector, whose owner must not run code in pods that use it. So names must be written in the
 * template and occur once: a value with a line break cannot add a variable.
 * @param place beginning of the error: class, configuration and file.
 * @throws {CodedError} FAILED_PRECONDITION with the line and the fix.
 */
export function checkEnvironmentFile(content: Uint8Array, template: string, place: string): void {
  const inTemplate = new Set(template.match(/\b\w+(?==)/g));
  const seen = new Set<string>();
  for (const { number, line } of variableLines(content)) {
    const problem = seen.size < maxVariables ? lineProblem(line, inTemplate, seen) : tooMany;
    if (problem !== undefined) throw new CodedError('FAILED_PRECONDITION', `${place}: line ${number}: ${problem}`);
  }
}

function variableLines(content: Uint8Array): readonly { readonly number: number; readonly line: string }[] {
  return Buffer.from(content)
    .toString()
    .split('\n')
    .map((line, index) => ({ number: index + 1, line }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'));
}

function lineProblem(line: string, inTemplate: ReadonlySet<string>, seen: Set<string>): string | undefined {
  const separator = line.indexOf('=');
  if (separator < 0) return 'a line is VARIABLE=value, VARIABLE=./FILE, empty, or a comment that begins with "#"';
  const name = line.slice(0, separator);
  const value = line.slice(separator + 1);
  const problem = variableProblem(name);
  if (problem !== undefined) return `variable ${JSON.stringify(name.slice(0, 100))} is not permitted: ${problem}`;
  if (!inTemplate.has(name))
    return `variable ${name} is not written in the template: write its name there, followed by "="`;
  if (seen.has(name)) return `variable ${name} is set twice: a value must not have a line break`;
  seen.add(name);
  // oxlint-disable-next-line no-control-regex -- these characters are what it looks for
  if (/[\x00-\x08\x0b-\x1f\x7f]/.test(value)) return `the value of ${name} has a control character: remove it`;
  const file = referencedFile(value);
  if (file !== undefined && file !== '' && fileNameProblem(file) !== undefined) {
    return `the value of ${name} must name a file of the volume after "./", or nothing for its directory`;
  }
  return undefined;
}

function referencedFile(value: string): string | undefined {
  return /^(?:.*?=)?\.\/(.*)$/.exec(value)?.[1];
}
