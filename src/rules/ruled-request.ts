import { readingsOf } from './path-readings.js';
import type { PathReadings } from './path-readings.js';
import { isLfsBatch, isRead } from './read-only.js';
import type { RequestParts } from './read-only.js';

/** A request as rules see it. Its readings are found on demand: most requests need none. */
export class RuledRequest {
  readonly parts: RequestParts;
  #readings: { readonly found: PathReadings | undefined } | undefined;
  #isRead: boolean | undefined;

  constructor(parts: RequestParts) {
    this.parts = parts;
  }

  /** See `readingsOf`. */
  get readings(): PathReadings | undefined {
    this.#readings ??= { found: readingsOf(this.parts.pathname) };
    return this.#readings.found;
  }

  /** See `isLfsBatch`. */
  get isLfsBatch(): boolean {
    return isLfsBatch(this.parts, () => this.readings);
  }

  /** Records that the body asks for downloads of Git LFS. */
  downloads(): void {
    this.#isRead = true;
  }

  /** See `isRead`. */
  get isRead(): boolean {
    this.#isRead ??= isRead(this.parts, () => this.readings);
    return this.#isRead;
  }
}
