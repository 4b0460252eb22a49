import { proxyLimits } from '../limits.js';

/**
 * The unready Connectors, and the rate of their checks. On average one is checked per `proxyLimits.status.unreadyEveryMs`,
 * and each namespace has the same share. A namespace with thousands of them delays only its own checks.
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

  /**
   * Returns the interval of checks of one Connector of the namespace, in milliseconds, that keeps all within the limit.
   */
  intervalMs(name: string): number {
    const own = this.#names.get(namespaceOf(name))?.size ?? 0;
    return own * this.#names.size * proxyLimits.status.unreadyEveryMs;
  }
}

function namespaceOf(name: string): string {
  return name.split('/')[0] ?? '';
}
