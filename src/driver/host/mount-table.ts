import { readFileSync } from 'node:fs';

/** A line of the mount table, proc_pid_mountinfo(5). */
export interface Mount {
  readonly point: string;
  /** Whether mounts below it propagate to peers. */
  readonly isShared: boolean;
  readonly type: string;
  readonly source: string;
}

export function readMountTable(): readonly Mount[] {
  return parseMountTable(readFileSync('/proc/self/mountinfo', 'utf8'));
}

export function parseMountTable(text: string): readonly Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseMount);
}

/**
 * Returns the mount that contains a path: the deepest above it, and of several at one point the last, which hides the
 * others.
 */
export function mountOf(where: string, table: readonly Mount[]): Mount | undefined {
  const candidates = table.filter(
    ({ point }) => where === point || where.startsWith(point === '/' ? '/' : `${point}/`),
  );
  const depth = Math.max(...candidates.map(({ point }) => point.length));
  return candidates.findLast(({ point }) => point.length === depth);
}

function parseMount(line: string): Mount {
  const [, , , , point = '', , ...rest] = line.split(' ');
  const dash = rest.indexOf('-');
  const [type = '', source = ''] = rest.slice(dash + 1);
  return {
    point: unescape(point),
    isShared: rest.slice(0, dash).some((field) => field.startsWith('shared:')),
    type,
    source: unescape(source),
  };
}

/** Decodes octal escapes of blanks and similar characters. */
function unescape(point: string): string {
  return point.replaceAll(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
