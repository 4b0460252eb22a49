import { X509Certificate } from 'node:crypto';
import { certificateBlocks } from '../pem.js';
import type { CheckResult } from './check-result.js';
import { fail, ok, warn } from './check-result.js';

const dayMs = 86_400_000;
/** As in the alert ConnectorsProxyCAExpires. */
const warnMs = 30 * dayMs;

/**
 * Returns the first expiry of the certificates in a PEM bundle, in milliseconds since the epoch; undefined if one is
 * malformed.
 */
function earliestEndMs(bundle: string): number | undefined {
  try {
    const ends = certificateBlocks(bundle).map((pem) => Date.parse(new X509Certificate(pem).validTo));
    return ends.length === 0 ? undefined : Math.min(...ends);
  } catch {
    return undefined;
  }
}

/**
 * Checks that a CA is valid, and for how long.
 * @param what owner of the CA, as the beginning of a sentence. @param fix how to replace it.
 */
export function checkCertificate(check: string, what: string, bundle: string, nowMs: number, fix: string): CheckResult {
  const endMs = earliestEndMs(bundle);
  if (endMs === undefined) return fail(check, `${what} is no certificate in PEM`, fix);
  const day = new Date(endMs).toISOString().slice(0, 10);
  if (endMs <= nowMs) return fail(check, `${what} has expired on ${day}, so that no program trusts the proxy`, fix);
  if (endMs - nowMs < warnMs) return warn(check, `${what} expires on ${day}`, fix);
  return ok(check, `${what} is good until ${day}`);
}
