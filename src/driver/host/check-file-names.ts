import { CodedError } from '../../shared/errors.ts';
import { fileNameProblem } from '../syntax/file-name.ts';

/**
 * Checks names once more before they are written. @throws {CodedError} INTERNAL: names from users are rejected earlier,
 * in a message that names their source.
 */
export function checkFileNames(files: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of files) {
    if (fileNameProblem(name) !== undefined)
      throw new CodedError('INTERNAL', `${JSON.stringify(name)} cannot be the name of a file`);
    if (seen.has(name)) throw new CodedError('INTERNAL', `two files are called ${name}`);
    seen.add(name);
  }
}
