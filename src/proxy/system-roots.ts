import { existsSync, readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';

/**
 * The CA certificates of the system, PEM: those of a file, or Node's own where it does not exist. Read once: images are
 * replaced, not changed.
 */
export function systemRoots(file: string): () => string {
  let roots: string | undefined;
  return () => (roots ??= existsSync(file) ? readFileSync(file, 'utf8') : rootCertificates.join('\n'));
}
