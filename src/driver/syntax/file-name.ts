/**
 * Returns the problem of a file name in the volume; undefined if there is none. Names that start with `..` are reserved
 * for the atomic writer.
 */
export function fileNameProblem(name: string): string | undefined {
  if (!/^[-._a-zA-Z0-9]+$/.test(name)) return 'only letters, digits, "-", "." and "_" are allowed';
  if (name.length > 253) return 'at most 253 bytes are allowed';
  if (name === '.' || name.startsWith('..')) return 'it must not be "." and must not start with ".."';
  return undefined;
}
