import { BoundedMap } from '../limits/bounded-map.js';
import { permissionKey } from './permission.js';
import type { Permission } from './permission.js';

/** A node has 110 pods with a handful of connectors each; what is forgotten is looked for again. */
const maxGrants = 4096;

/**
 * The permissions of single pods that a granted AccessRequest of that very pod, by uid, has promised. The role that gives
 * one is bound to the pod's name alone and may outlive it: without this, the next pod of the name would have it too.
 * Whether the role is still there is asked each time.
 */
export class Grants {
  readonly #keys = new BoundedMap<string, true>(maxGrants);

  has(permission: Permission): boolean {
    return this.#keys.has(permissionKey(permission));
  }

  add(permission: Permission): void {
    this.#keys.set(permissionKey(permission), true);
  }

  /** The promise was taken back. */
  remove(permission: Permission): void {
    this.#keys.delete(permissionKey(permission));
  }
}
