import { statSync } from 'node:fs';

/** Returns a text that changes when a file is written or replaced. @throws the error of stat(2). */
export function fileSignature(file: string): string {
  const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
  return [ino, size, mtimeNs, ctimeNs].join('.');
}
