import { certificateBlocks } from '../../pem.js';

/**
 * Two PEM bundles as one: the first as it is, then the certificates of the second that the first does not have.
 * @returns undefined when there is neither.
 */
export function joinCaBundles(first: string | undefined, second: string | undefined): string | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  const known = new Set(certificateBlocks(first).map(withoutSpace));
  const added = certificateBlocks(second).filter((text) => {
    const isNew = !known.has(withoutSpace(text));
    known.add(withoutSpace(text));
    return isNew;
  });
  if (added.length === 0) return first;
  return `${first}${first.endsWith('\n') ? '' : '\n'}${added.join('\n')}\n`;
}

/** Lines may be of any length and end in two ways. */
function withoutSpace(text: string): string {
  return text.replaceAll(/\s+/g, '');
}
