import { isUtf8 } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { CodedError } from '../../errors.js';

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

/** Returns a task's environment after reading `.env`, abridged; undefined for a volume without it. */
export function environmentOf(targetPath: string): string | undefined {
  if (!existsSync(path.join(targetPath, '.env'))) return undefined;
  const script = 'set -a; . ./.env; set +a; env | grep _proxy= | sort';
  const { stdout, status, stderr } = spawnSync('sh', ['-c', script], { cwd: targetPath, encoding: 'utf8' });
  if (status !== 0) throw new CodedError('INTERNAL', `sh did not take .env: ${stderr}`);
  return abridge(stdout);
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

export function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '\n' : `   ${line}\n`))
    .join('');
}
