import { isUtf8 } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/** Lines that are shown of a file. The script `activate` has hundreds. */
const maxLines = 30;

/** Lists the entries of a volume, with the targets of links. */
export function treeOf(targetPath: string): string {
  return readdirSync(targetPath)
    .sort()
    .map((name) => {
      const entry = path.join(targetPath, name);
      return lstatSync(entry).isSymbolicLink() ? `${name} -> ${readlinkSync(entry)}` : `${name}/`;
    })
    .join('\n');
}

/** Returns all files of a volume, abridged. */
export function contentsOf(targetPath: string): string {
  return filesOf(targetPath)
    .map((name) => `\n==> ${name}\n${textOf(readFileSync(path.join(targetPath, name)))}`)
    .join('\n');
}

function textOf(content: Buffer): string {
  if (!isUtf8(content)) return `(${content.length} bytes)`;
  const lines = abridge(content.toString()).split('\n');
  const rest = lines.length - maxLines;
  return rest <= 0 ? lines.join('\n') : [...lines.slice(0, maxLines), `(${rest} more lines)`].join('\n');
}

/** Returns the names of a volume's files. */
export function filesOf(targetPath: string): readonly string[] {
  return readdirSync(targetPath)
    .filter((name) => !name.startsWith('..'))
    .sort();
}

/** Returns the variables that a task has after it has sourced `activate`, abridged. @param name one variable alone. */
export function environmentOf(targetPath: string, name?: string): string {
  const env = { PATH: process.env['PATH'], HOME: '/', TMPDIR: path.dirname(targetPath) };
  const options = { cwd: targetPath, encoding: 'utf8', env } as const;
  const { stdout, status, stderr } = spawnSync('sh', ['-c', '. ./activate && env | sort'], options);
  if (status !== 0) throw new Error(`sh did not take activate: ${stderr}`);
  const lines = abridge(stdout).split('\n');
  return lines.filter((line) => name === undefined || line.startsWith(`${name}=`)).join('\n');
}

/** Shortens tokens, also in Base64, and certificates. */
function abridge(content: string): string {
  return content
    .replaceAll(/eyJ[-\w]+\.[-\w]+\.[-\w]+/g, shorten)
    .replaceAll(/[A-Za-z0-9+/]{200,}=*/g, shorten)
    .replaceAll(/(-----BEGIN [A-Z ]+-----)[\s\S]*?(-----END)/g, '$1 … $2')
    .trimEnd();
}

export function shorten(token: string): string {
  return `${token.slice(0, 6)}…${token.slice(-6)}`;
}

/** Shortens the digest or the name of an upload in a path, and removes the query. */
export function shortPath(url: string): string {
  return url.replace(/[?].*/, '').replace(/(sha256:.{8}|uploads\/.{8})[^/]*/, '$1…');
}
