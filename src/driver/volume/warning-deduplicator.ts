import { BoundedMap } from '../../limits/bounded-map.js';
/** Subjects that are remembered: several times the volumes of a full node, many of which may never be mounted. */
const maxSubjects = 1024;
/** Of one subject; more come only of content that somebody changes all the time. */
const maxMessages = 16;

/** Remembers what has been told of whom, so that what is tried again each minute is told once. */
export class WarningDeduplicator {
  readonly #told = new BoundedMap<string, Set<string>>(maxSubjects);

  /** Whether this has not been told of the subject; from now on it has. */
  isFirst(subject: string, message: string): boolean {
    const told = this.#told.get(subject) ?? new Set();
    if (told.has(message)) return false;
    if (told.size >= maxMessages) told.clear();
    told.add(message);
    this.#told.set(subject, told);
    return true;
  }

  forget(subject: string): void {
    this.#told.delete(subject);
  }
}
