import { BoundedMap } from '../../shared/limits/bounded-map.js';
import { permissionKey } from '../../shared/access/permission.js';
import type { Permission } from '../../shared/access/permission.js';
import { driverLimits } from '../limits.js';

/**
 * Permissions of single pods that are backed by a granted AccessRequest for the pod's UID. The Role names only the pod
 * and can outlive it; without this check, a later pod of that name would inherit the permission. The Role itself is
 * reviewed each time.
 */
export class Grants {
  readonly #keys = new BoundedMap<true>(driverLimits.approvals.grants);

  has(permission: Permission): boolean {
    return this.#keys.has(permissionKey(permission));
  }

  add(permission: Permission): void {
    this.#keys.set(permissionKey(permission), true);
  }

  /** Removes a grant that was revoked. */
  remove(permission: Permission): void {
    this.#keys.delete(permissionKey(permission));
  }
}
