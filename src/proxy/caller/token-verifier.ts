import type { Secret } from '../../secret.js';
import type { Caller } from './caller.js';

/** Says who a token stands for. */
export interface TokenVerifier {
  /**
   * @param from the client's address, by which those who come with forged tokens are slowed down.
   * @returns undefined for a token that is not valid, has expired or is meant for somebody else (its audience).
   * @throws {DriverError} when nobody could say; the signal's reason. {Refusal} 429 for a client that is too fast.
   */
  verify(token: Secret, from: string, signal: AbortSignal): Promise<Caller | undefined>;
}
