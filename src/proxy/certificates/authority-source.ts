import type { CertificateAuthority } from './certificate-authority.js';

/** Where the CA comes from. */
export interface AuthoritySource {
  /** The CA as it is now; the same object as long as it is the same. @throws {DriverError} while there is none. */
  current(): CertificateAuthority;
}
