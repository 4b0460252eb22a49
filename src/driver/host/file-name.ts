import { DriverError } from '../../errors.js';

const maxNameBytes = 253;

/**
 * The rule for names of files in a volume, checked once more where they become directory entries: no separator, and
 * nothing that starts with `..`, which is what the writer calls its own entries.
 */
export function isFileName(name: string): boolean {
  return /^[-._a-zA-Z0-9]+$/.test(name) && name !== '.' && !name.startsWith('..') && name.length <= maxNameBytes;
}

/** @throws {DriverError} INTERNAL: names from users are refused earlier, where the message can say whose they are. */
export function checkFileNames(files: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of files) {
    if (!isFileName(name)) throw new DriverError('INTERNAL', `${JSON.stringify(name)} cannot be the name of a file`);
    if (seen.has(name)) throw new DriverError('INTERNAL', `two files are called ${name}`);
    seen.add(name);
  }
}
