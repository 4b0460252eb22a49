import { X509Certificate } from 'node:crypto';
import { certificateBlocks } from '../../../pem.js';
import type { CheckResult } from '../check-result.js';
import { ok, warn } from '../check-result.js';

const check = 'rotation';
const page = '"Rotating the CA" in docs/proxy.md';

interface Parts {
  /** The certificate that signs, and those in the bundle that have issued it. */
  readonly chain: readonly X509Certificate[];
  /** Certificates of another CA, which are published for a rotation. */
  readonly others: readonly X509Certificate[];
}

/** Returns the certificates that sign, of a bundle that can contain those of a rotation too. @throws {Error} */
export function signingChain(bundle: string): string {
  return partsOf(bundle)
    .chain.map((certificate) => certificate.toString())
    .join('');
}

/**
 * Reports in which step a rotation of the CA is. The bundle itself is the state: the first certificate signs. If the
 * others are newer they are distributed before they sign, and if they are older they are about to leave.
 * @param what name of the Secret. @param bundle certificates of `tls.crt`, of which the first signs.
 */
export function checkRotation(what: string, bundle: string): CheckResult {
  const { chain, others } = partsOf(bundle);
  const [signer] = chain;
  if (signer === undefined || others.length === 0) return ok(check, `none: ${what} has one CA`);
  const startMs = Date.parse(signer.validFrom);
  const starts = others.map(({ validFrom }) => Date.parse(validFrom));
  const published = others.length === 1 ? 'the other one' : `the other ${others.length}`;
  if (starts.every((start) => start > startMs)) {
    const problem = `step 1 of 3: in ${what} the old CA signs (until ${dayOf(signer)}), and a newer one is in every ca.crt`;
    return warn(check, problem, `when each running program has read ca.crt again, go on with step 2 of ${page}`);
  }
  if (starts.every((start) => start < startMs)) {
    const problem = `step 2 of 3: in ${what} the new CA signs (until ${dayOf(signer)}), and an older one is in every ca.crt`;
    return warn(check, problem, `remove the older one with step 3 of ${page}`);
  }
  const problem = `${what} has ${others.length + 1} CAs of about the same age: the first one signs (until ${dayOf(signer)}), and ${published} is only trusted`;
  return warn(check, problem, `keep those that sign, or are about to sign: ${page}`);
}

function partsOf(bundle: string): Parts {
  const [signer, ...rest] = certificateBlocks(bundle).map((pem) => new X509Certificate(pem));
  if (signer === undefined) return { chain: [], others: [] };
  const chain = [signer];
  for (let last: X509Certificate | undefined = signer; last !== undefined;) {
    const issued: X509Certificate = last;
    last = rest.find((candidate) => !chain.some((each) => isSame(each, candidate)) && isIssuer(candidate, issued));
    if (last !== undefined) chain.push(last);
  }
  const others = rest.filter((candidate) => !chain.some((each) => isSame(each, candidate)));
  return { chain, others };
}

function isIssuer(candidate: X509Certificate, issued: X509Certificate): boolean {
  return issued.checkIssued(candidate) && issued.verify(candidate.publicKey);
}

function isSame(one: X509Certificate, other: X509Certificate): boolean {
  return one.fingerprint256 === other.fingerprint256;
}

function dayOf({ validTo }: X509Certificate): string {
  return new Date(validTo).toISOString().slice(0, 10);
}
