import { DriverError } from '../../errors.js';
import { fileNameProblem } from '../rules/file-name.js';

/** @throws {DriverError} INTERNAL: names from users are refused earlier, where the message can say whose they are. */
export function checkFileNames(files: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of files) {
    if (fileNameProblem(name) !== undefined)
      throw new DriverError('INTERNAL', `${JSON.stringify(name)} cannot be the name of a file`);
    if (seen.has(name)) throw new DriverError('INTERNAL', `two files are called ${name}`);
    seen.add(name);
  }
}
