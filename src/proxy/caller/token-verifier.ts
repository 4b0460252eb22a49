import type { Secret } from '../../secret.js';
import type { Caller } from './caller.js';

/** Says who a token stands for. */
export interface TokenVerifier {
  /**
   * @returns undefined for a token that is not valid, has expired or is meant for somebody else (its audience).
   * @throws {DriverError} when nobody could say; the signal's reason.
   */
  verify(token: Secret, signal: AbortSignal): Promise<Caller | undefined>;
}
