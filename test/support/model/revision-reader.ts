import fs from 'node:fs';
import path from 'node:path';

/**
 * The files of the revision that a reader finds now, through `..data` resolved once. Undefined when there is none, or
 * when the writer has gone on twice since the link was read, or the volume has gone.
 */
export function readRevision(target: string): Readonly<Record<string, string>> | undefined {
  const resolved = currentRevision(target);
  if (resolved === undefined) return undefined;
  const directory = path.join(target, resolved);
  try {
    const names = fs.readdirSync(directory);
    const files = Object.fromEntries(names.map((name) => [name, fs.readFileSync(path.join(directory, name), 'utf8')]));
    // The files of a volume that is unpublished are emptied after the link is gone.
    return currentRevision(target) !== undefined && fs.existsSync(directory) ? files : undefined;
  } catch (error) {
    if (currentRevision(target) === resolved) throw error;
    return undefined;
  }
}

function currentRevision(target: string): string | undefined {
  try {
    return fs.readlinkSync(path.join(target, '..data'));
  } catch {
    return undefined;
  }
}
