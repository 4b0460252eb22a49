/** The first line of a certificate in PEM, with what it is called. */
const begin = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----/g;

/**
 * Two PEM bundles as one: the first as it is, then the certificates of the second that the first does not have.
 * @returns undefined when there is neither.
 */
export function joinCaBundles(first: string | undefined, second: string | undefined): string | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  const known = new Set(certificatesOf(first).map(withoutSpace));
  const added = certificatesOf(second).filter((text) => {
    const isNew = !known.has(withoutSpace(text));
    known.add(withoutSpace(text));
    return isNew;
  });
  if (added.length === 0) return first;
  return `${first}${first.endsWith('\n') ? '' : '\n'}${added.join('\n')}\n`;
}

/** In a time that grows as the text, whatever it is. */
function certificatesOf(bundle: string): readonly string[] {
  const certificates: string[] = [];
  let at = 0;
  for (;;) {
    begin.lastIndex = at;
    const start = begin.exec(bundle);
    if (start === null) return certificates;
    const last = `-----END ${start[1] ?? ''}-----`;
    const end = bundle.indexOf(last, start.index);
    if (end === -1) return certificates;
    at = end + last.length;
    certificates.push(bundle.slice(start.index, at));
  }
}

/** Lines may be of any length and end in two ways. */
function withoutSpace(text: string): string {
  return text.replaceAll(/\s+/g, '');
}
