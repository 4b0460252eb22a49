import { limits } from '../../limits/defaults.js';

/**
 * The Connectors that are not ready, and how fast they are checked again. On average one of them is checked in
 * `limits.status.unreadyEveryMs`, and each namespace has the same share of that: thousands that one namespace makes delay
 * its own checks.
 */
export class UnreadyConnectors {
  readonly #names = new Map<string, Set<string>>();

  /** @param name `namespace/name`. */
  add(name: string): void {
    const namespace = namespaceOf(name);
    const names = this.#names.get(namespace) ?? new Set();
    names.add(name);
    this.#names.set(namespace, names);
  }

  delete(name: string): void {
    const namespace = namespaceOf(name);
    const names = this.#names.get(namespace);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(namespace);
  }

  clear(): void {
    this.#names.clear();
  }

  /** Milliseconds between two checks of one Connector of the namespace, with which all stay within the limit. */
  intervalMs(name: string): number {
    const own = this.#names.get(namespaceOf(name))?.size ?? 0;
    return own * this.#names.size * limits.status.unreadyEveryMs;
  }
}

function namespaceOf(name: string): string {
  return name.split('/')[0] ?? '';
}
