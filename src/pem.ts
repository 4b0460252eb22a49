/** A certificate. Its body has no dash, so that a block does not reach over a key after a truncated certificate. */
const certificate = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[^-]+-----END \1-----/g;

/**
 * Returns the certificates of a PEM bundle as they are written there, unparsed. Everything else is left out: comments, and
 * private keys above all. Takes a time that is linear in the length of the bundle.
 */
export function certificateBlocks(bundle: string): readonly string[] {
  return bundle.match(certificate) ?? [];
}

/**
 * Returns a PEM bundle that holds certificates only: as it is where it holds nothing else, otherwise its certificates, one
 * below the other. Empty where it holds none.
 */
export function certificatesOnly(bundle: string): string {
  const isPure = bundle.replaceAll(certificate, '').trim() === '';
  if (isPure) return bundle.trim() === '' ? '' : bundle;
  return certificateBlocks(bundle)
    .map((block) => `${block}\n`)
    .join('');
}
