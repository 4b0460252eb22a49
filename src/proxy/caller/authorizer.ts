import type { Permission } from '../../access/permission.js';
import type { Caller } from './caller.js';

/** Says what a caller may do. */
export interface Authorizer {
  /**
   * Whether one of the permissions is there.
   * @param permissions a list that is never used for another caller: what is known of it may be remembered.
   * @throws {DriverError} when nobody could say; the signal's reason. {Refusal} 429 for a caller who is too fast.
   */
  isAnyAllowed(caller: Caller, permissions: readonly Permission[], signal: AbortSignal): Promise<boolean>;
}
