/**
 * A certificate. Its body has no dash, so that the match of a truncated certificate never includes the key after it.
 */
const certificate = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[^-]+-----END \1-----/g;

/**
 * Returns the certificates of a PEM bundle as written, unparsed. Comments and private keys are left out. Takes linear
 * time.
 */
export function certificateBlocks(bundle: string): readonly string[] {
  return bundle.match(certificate) ?? [];
}

/**
 * Returns a PEM bundle with certificates only. A bundle of nothing else stays as it is; without certificates the result
 * is empty.
 */
export function certificatesOnly(bundle: string): string {
  const isPure = bundle.replaceAll(certificate, '').trim() === '';
  if (isPure) return bundle.trim() === '' ? '' : bundle;
  return certificateBlocks(bundle)
    .map((block) => `${block}\n`)
    .join('');
}
