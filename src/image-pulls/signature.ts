import { createHash } from 'node:crypto';

/** The comment that marks a file as written by this program. `#` is a comment in sh and TOML, and ignored in PEM. */
const line = /^# Written by connectors-csi image-pulls, which replaces and removes this file: sha256 ([0-9a-f]{64})\n/m;

/**
 * Returns the text with the comment, which contains the digest of the rest. It distinguishes a file that an administrator
 * has changed from one that another version of this program wrote, without state anywhere else.
 */
export function signed(text: string): string {
  const [, first = '', rest = ''] = /^(#!.*\n)?([\s\S]*)$/.exec(text) ?? [];
  const comment = `# Written by connectors-csi image-pulls, which replaces and removes this file: sha256 ${digestOf(text)}\n`;
  return `${first}${comment}${rest}`;
}

/** Reports whether the text is as some version of this program wrote it. */
export function isSigned(text: string): boolean {
  const found = line.exec(text);
  return found !== null && digestOf(unsigned(text)) === found[1];
}

/** Returns the text without the comment. */
export function unsigned(text: string): string {
  return text.replace(line, '');
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
