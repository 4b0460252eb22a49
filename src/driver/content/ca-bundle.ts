import { certificateBlocks } from '../../shared/pem.js';

/**
 * Joins two PEM bundles: the first unchanged, then the certificates of the second that the first does not contain.
 * @returns undefined if both are.
 */
export function joinCaBundles(first: string | undefined, second: string | undefined): string | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  const present = new Set(certificateBlocks(first).map(withoutSpace));
  const added = certificateBlocks(second).filter((text) => {
    const isNew = !present.has(withoutSpace(text));
    present.add(withoutSpace(text));
    return isNew;
  });
  if (added.length === 0) return first;
  return `${first}${first.endsWith('\n') ? '' : '\n'}${added.join('\n')}\n`;
}

/** Removes white space: PEM lines can have any length and two line endings. */
function withoutSpace(text: string): string {
  return text.replaceAll(/\s+/g, '');
}
